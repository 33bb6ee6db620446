// Draws what the page's "chart-data" holds. Every number here also stands in a table of the page.
"use strict";
(() => {
  const holder = document.getElementById("chart-data");
  if (!holder) return;
  const data = JSON.parse(holder.textContent);
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const at = (id) => document.getElementById(id);

  function equity() {
    const box = at("equity-chart");
    if (!box || !data.equity || !data.equity.length) return;
    const lib = window.LightweightCharts;
    const chart = lib.createChart(box, {
      autoSize: true,
      layout: { background: { color: "transparent" }, textColor: colour("--ink-2"), attributionLogo: false },
      grid: { vertLines: { color: colour("--line") }, horzLines: { color: colour("--line") } },
      timeScale: { timeVisible: true },
    });
    const line = chart.addSeries(lib.LineSeries, { color: colour("--accent-1"), lineWidth: 2 });
    line.setData(data.equity.map(([time, value]) => ({ time, value })));
    const fall = chart.addSeries(lib.AreaSeries, {
      lineColor: colour("--loss"), topColor: "transparent", bottomColor: colour("--loss-soft"), lineWidth: 1,
      priceFormat: { type: "custom", formatter: (v) => (v * 100).toFixed(1) + " %" },
    }, 1);
    fall.setData(data.equity.map(([time, , value]) => ({ time, value: -value })));
    chart.timeScale().fitContent();
    const button = document.querySelector("[data-scale]");
    let log = false;
    if (button) button.addEventListener("click", () => {
      log = !log;
      line.priceScale().applyOptions({ mode: log ? 1 : 0 });
      button.textContent = log ? "Linear scale" : "Log scale";
    });
  }

  function draw(id, option) {
    const box = at(id);
    if (!box) return;
    const chart = window.echarts.init(box);
    chart.setOption({ textStyle: { color: colour("--ink-2") }, animation: false, ...option });
    const quiet = { splitLine: { lineStyle: { color: colour("--line") } }, axisLabel: { color: colour("--ink-3") } };
    chart.setOption({ xAxis: quiet, yAxis: quiet });
    new ResizeObserver(() => chart.resize()).observe(box);
  }

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

  equity();
  heat();
  fan();
})();
