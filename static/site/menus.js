// Small conveniences of every page: filter menus close on a click elsewhere, dangerous buttons ask first.
"use strict";
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll(".filter-bar details[open], details.menu-button[open]")) {
    if (!menu.contains(event.target)) {
      menu.open = false;
    }
  }
  const toggle = document.getElementById("nav-toggle");
  if (toggle?.checked && !event.target.closest(".site-nav, #header")) {
    toggle.checked = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    for (const menu of document.querySelectorAll(".filter-bar details[open], details.menu-button[open]")) {
      menu.open = false;
    }
  }
});

document.addEventListener("submit", (event) => {
  const question = event.submitter?.dataset.confirm;
  if (question && !window.confirm(question)) {
    event.preventDefault();
  }
});
