// A Monte Carlo run: its fan and its histograms.
"use strict";
(() => {
  const { data, colour, draw } = window.ResultCharts;

  function fan() {
    if (!data.fan) return;
    const names = ["5 %", "25 %", "50 %", "75 %", "95 %"];
    draw("fan-chart", {
      tooltip: { trigger: "axis" }, legend: { top: 6, bottom: "auto", textStyle: { color: colour("--ink-2") } },
      grid: { left: 55, right: 20, top: 40, bottom: 30 },
      xAxis: { type: "category", data: data.fan.steps }, yAxis: { type: "value", scale: true },
      series: data.fan.lines.map((line, k) => ({
        name: names[k], type: "line", showSymbol: false, data: line.map((v) => +v.toFixed(4)),
        lineStyle: { width: k === 2 ? 2.5 : 1 },
      })),
    });
    const bars = (name) => {
      const h = data.histograms[name];
      return h.counts.map((count, k) => [(100 * (h.edges[k] + h.edges[k + 1])) / 2, count]);
    };
    draw("histogram-chart", {
      tooltip: {}, legend: { top: 6, bottom: "auto", textStyle: { color: colour("--ink-2") } }, grid: { left: 55, right: 20, top: 40, bottom: 30 },
      xAxis: { type: "value", axisLabel: { formatter: "{value} %" } }, yAxis: { type: "value" },
      series: [{ name: "Return", type: "bar", data: bars("return") }, { name: "Drawdown", type: "bar", data: bars("drawdown") }],
    });
  }

  fan();
})();
