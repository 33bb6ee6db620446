// A backtest: the spread of its trades and its rolling Sharpe ratio. Candles are in candles.js.
"use strict";
(() => {
  const { data, colour, draw, tooltip, zooms } = window.ResultCharts;
  const narrow = window.matchMedia("(max-width: 640px)").matches;

  function distribution() {
    const bins = data.distribution || [];
    if (!bins.length) return;
    const text = (value) => `${+value.toFixed(3)}`;
    draw("distribution-chart", () => ({
      tooltip: {
        ...tooltip(), trigger: "axis", axisPointer: { type: "shadow", shadowStyle: { color: colour("--line"), opacity: 0.5 } },
        formatter: ([part]) => `${text(bins[part.dataIndex].from)} to ${text(bins[part.dataIndex].to)}%: ${part.value} trades`,
      },
      grid: { left: 44, right: 14, top: 18, bottom: 62 },
      xAxis: { type: "category", data: bins.map((bin) => `${text(bin.from)}%`), axisLabel: { interval: Math.ceil(bins.length / (narrow ? 5 : 9)) - 1 } },
      yAxis: { type: "value", minInterval: 1 },
      dataZoom: zooms(),
      series: [{
        type: "bar", barCategoryGap: "8%",
        data: bins.map((bin) => ({ value: bin.count, itemStyle: { color: colour(bin.to <= 0 ? "--loss" : "--gain") } })),
      }],
    }));
  }

  function rolling() {
    const points = data.rolling || [];
    if (!points.length) return;
    draw("rolling-chart", () => ({
      tooltip: { ...tooltip(), trigger: "axis", valueFormatter: (value) => (value === null || value === undefined ? "–" : value.toFixed(2)) },
      grid: { left: 44, right: 14, top: 18, bottom: 62 },
      xAxis: { type: "time" },
      yAxis: { type: "value", scale: true },
      dataZoom: zooms(),
      series: [{
        name: "Sharpe ratio", type: "line", showSymbol: false, data: points, connectNulls: false,
        lineStyle: { color: colour("--accent-1"), width: 1.6 }, itemStyle: { color: colour("--accent-1") },
        markLine: { symbol: "none", silent: true, lineStyle: { color: colour("--ink-3"), type: "dashed" }, label: { show: false }, data: [{ yAxis: 0 }] },
      }],
    }));
  }

  distribution();
  rolling();
})();
