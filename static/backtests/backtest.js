// A backtest: the distribution of its trades' returns and its rolling Sharpe ratio. Candles are in candles.js.
"use strict";
(() => {
  const { pageData, draw, tooltip, wheelZoom, zoomSlider } = window.Charts;
  const { color } = window.Theme;
  const data = pageData();
  const isNarrow = window.matchMedia("(max-width: 640px)").matches;
  const grid = { left: 44, right: 14, top: 18, bottom: 62 };
  const zooms = () => [wheelZoom(), zoomSlider()];

  function drawDistribution(bins) {
    const percent = (value) => `${+value.toFixed(3)}`;
    const label = ({ dataIndex, value }) =>
      `${percent(bins[dataIndex].from)} to ${percent(bins[dataIndex].to)}%: ${value} trades`;
    const bars = () =>
      bins.map((bin) => ({ value: bin.count, itemStyle: { color: color(bin.to <= 0 ? "--loss" : "--gain") } }));
    draw("distribution-chart", () => ({
      tooltip: {
        ...tooltip(),
        trigger: "axis",
        axisPointer: { type: "shadow", shadowStyle: { color: color("--line"), opacity: 0.5 } },
        formatter: ([bar]) => label(bar),
      },
      grid,
      xAxis: {
        type: "category",
        data: bins.map((bin) => `${percent(bin.from)}%`),
        axisLabel: { interval: Math.ceil(bins.length / (isNarrow ? 5 : 9)) - 1 },
      },
      yAxis: { type: "value", minInterval: 1 },
      dataZoom: zooms(),
      series: [{ type: "bar", barCategoryGap: "8%", data: bars() }],
    }));
  }

  function drawRollingSharpe(points) {
    draw("rolling-chart", () => ({
      tooltip: { ...tooltip(), trigger: "axis", valueFormatter: (value) => value?.toFixed(2) ?? "–" },
      grid,
      xAxis: { type: "time" },
      yAxis: { type: "value", scale: true },
      dataZoom: zooms(),
      series: [
        {
          name: "Sharpe ratio",
          type: "line",
          showSymbol: false,
          data: points,
          connectNulls: false,
          lineStyle: { color: color("--accent-1"), width: 1.6 },
          itemStyle: { color: color("--accent-1") },
          markLine: {
            symbol: "none",
            silent: true,
            lineStyle: { color: color("--ink-3"), type: "dashed" },
            label: { show: false },
            data: [{ yAxis: 0 }],
          },
        },
      ],
    }));
  }

  if (data.distribution?.length) drawDistribution(data.distribution);
  if (data.rolling?.length) drawRollingSharpe(data.rolling);
})();
