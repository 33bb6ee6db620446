// A search: the heat map of two parameters.
"use strict";
(() => {
  const { data, colour, draw } = window.ResultCharts;

  function heat() {
    const map = data.heat;
    if (!map || !map.cells.length) return;
    const values = map.cells.map((cell) => cell[2]);
    draw("heat-chart", {
      tooltip: { formatter: (p) => `${map.x} ${map.xs[p.value[0]]}, ${map.y} ${map.ys[p.value[1]]}: ${p.value[2]}` },
      grid: { left: 70, right: 20, top: 20, bottom: 90 },
      xAxis: { type: "category", data: map.xs, name: map.x, nameLocation: "middle", nameGap: 28 },
      yAxis: { type: "category", data: map.ys, name: map.y },
      visualMap: {
        min: Math.min(...values), max: Math.max(...values), calculable: true, orient: "horizontal", left: "center",
        bottom: 0, textStyle: { color: colour("--ink-2") },
        inRange: { color: ["#c22f3d", "#f2e9c9", "#0a7d4f"] },
      },
      series: [{ type: "heatmap", data: map.cells }],
    });
  }

  heat();
})();
