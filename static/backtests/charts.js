// What every chart of a result shares: the page's values, colours of the theme, ECharts that fit their box.
// Every number drawn also stands in a table of the page.
"use strict";
window.ResultCharts = (() => {
  const holder = document.getElementById("chart-data");
  const data = holder ? JSON.parse(holder.textContent) : {};
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const at = (id) => document.getElementById(id);

  function draw(id, option) {
    const box = at(id);
    if (!box) return;
    const chart = window.echarts.init(box);
    chart.setOption({ textStyle: { color: colour("--ink-2") }, animation: false, ...option });
    const quiet = { splitLine: { lineStyle: { color: colour("--line") } }, axisLabel: { color: colour("--ink-3") } };
    chart.setOption({ xAxis: quiet, yAxis: quiet });
    new ResizeObserver(() => chart.resize()).observe(box);
  }

  return { data, colour, at, draw };
})();
