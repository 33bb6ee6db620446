// Prints a result: paper is light and narrow, so the page and its charts are fitted to it for as long as it prints.
"use strict";
(() => {
  const root = document.documentElement;
  const button = document.querySelector("[data-print]");
  if (!button) return;

  function fitToPaper(isPaper, theme) {
    root.dataset.theme = theme;
    root.classList.toggle("on-paper", isPaper);
    window.Theme.repaintAll();
    window.Charts.resizeForPrint(isPaper);
  }

  function print() {
    const theme = root.dataset.theme || "auto";
    for (const details of document.querySelectorAll("details.behind")) {
      details.open = false;
    }
    fitToPaper(true, "light");
    window.addEventListener("afterprint", () => fitToPaper(false, theme), { once: true });
    // A canvas drawn anew while the browser prepares to print comes out blank, so a few frames pass first.
    window.setTimeout(() => window.print(), 120);
  }

  button.hidden = false;
  button.addEventListener("click", print);
  // The browser's own print command would cut the charts at the width of the screen: its keys do what the button does.
  document.addEventListener("keydown", (event) => {
    const isPrintKey = event.key === "p" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey;
    if (isPrintKey) {
      event.preventDefault();
      print();
    }
  });
})();
