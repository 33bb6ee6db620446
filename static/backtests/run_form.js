// The forms that start runs: marks the parameters that are searched, and shows only what the chosen method needs.
// For strategy, size mode and percent see bot_form.js. Without scripts every input shows and the form works the same.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const needs = {
    max_trials: ["tpe", "nsga2"],
    second_objective: ["nsga2"],
    mean_block: ["block"],
    skip_probability: ["skip"],
  };
  const method = document.getElementById("id_method");

  function showMethod() {
    for (const [name, methods] of Object.entries(needs)) {
      const row = document.querySelector(`.form-row.field-${name}`);
      if (row && !row.classList.contains("errors")) row.hidden = !methods.includes(method.value);
    }
  }

  function markRow(row) {
    const inputs = [...row.querySelectorAll("input")];
    row.classList.toggle("searched", Boolean((inputs[0].value && inputs[1].value) || inputs[3].value));
  }

  if (method) {
    method.addEventListener("change", showMethod);
    showMethod();
  }
  for (const row of document.querySelectorAll(".ranges .form-row")) {
    row.addEventListener("input", () => markRow(row));
    markRow(row);
  }
});
