// Equity and drawdown over time.
"use strict";
(() => {
  const { data, colour, at } = window.ResultCharts;

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

  equity();
})();
