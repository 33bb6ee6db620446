// The form of a bot: shows the parameters of the chosen strategy and size mode alone, and fractions in percent.
// Without it every input shows, and the form works the same.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const strategy = document.getElementById("id_strategy");
  const mode = document.getElementById("id_position_size_mode");
  const inputs = { fixed: "position_size_fixed", percent: "position_size_perc", risk: "risk_per_trade" };

  function showStrategy() {
    for (const group of document.querySelectorAll(".strategy-parameters")) {
      group.hidden = !group.classList.contains(`strategy-${strategy.value}`);
    }
  }

  function showMode() {
    for (const [name, field] of Object.entries(inputs)) {
      const row = document.querySelector(`.form-row.field-${field}`);
      if (row) {
        row.hidden = mode.value !== name;
      }
    }
  }

  function showPercent(input) {
    const output = input.parentElement.querySelector("output");
    const typed = input.value.trim();
    const number = Number(typed.replace("%", ""));
    const isKnown = typed !== "" && Number.isFinite(number);
    const percent = typed.endsWith("%") ? number : number * 100;
    output.textContent = isKnown ? `= ${Number(percent.toFixed(6))} %` : "";
  }

  if (strategy) {
    strategy.addEventListener("change", showStrategy);
    showStrategy();
  }
  if (mode) {
    mode.addEventListener("change", showMode);
    showMode();
  }
  for (const input of document.querySelectorAll("input[data-fraction]")) {
    input.addEventListener("input", () => showPercent(input));
    showPercent(input);
  }
});
