// A walk-forward: its windows on one time line, and what each chose.
"use strict";
(() => {
  const { data, colour, at, draw, tooltip } = window.ResultCharts;
  const windows = data.windows || [];
  if (!windows.length) return;
  const day = (time) => new Date(time).toISOString().slice(0, 10);
  const box = at("windows-chart");
  box.style.height = `${Math.min(Math.max(windows.length * 24 + 60, 160), 640)}px`;

  function bar(params, api) {
    const [from, row] = [api.coord([api.value(1), api.value(0)]), api.value(3)];
    const to = api.coord([api.value(2), api.value(0)]);
    const height = api.size([0, 1])[1] * 0.62;
    const shape = window.echarts.graphic.clipRectByRect(
      { x: from[0], y: from[1] - height / 2, width: Math.max(to[0] - from[0], 2), height },
      { x: params.coordSys.x, y: params.coordSys.y, width: params.coordSys.width, height: params.coordSys.height },
    );
    return shape && { type: "rect", shape: { ...shape, r: 2 }, style: { fill: row, stroke: colour("--panel"), lineWidth: 1 } };
  }

  const tell = (found) =>
    `<strong>Window ${found.number}</strong><br>searched ${day(found.train_from)} to ${day(found.test_from)}<br>traded to ${day(found.test_to)}: <strong>${found.gain}</strong><br>${found.chosen || "nothing good enough to trade"}`;

  draw("windows-chart", () => ({
    tooltip: { ...tooltip(), formatter: ({ value }) => tell(windows[value[0]]) },
    grid: { left: 34, right: 64, top: 8, bottom: 52 },
    xAxis: { type: "time", min: windows[0].train_from, max: windows[windows.length - 1].test_to },
    yAxis: { type: "category", inverse: true, data: windows.map((found) => String(found.number)), axisTick: { show: false } },
    dataZoom: window.ResultCharts.zooms(),
    series: [
      { type: "custom", renderItem: bar, encode: { x: [1, 2], y: 0 }, data: windows.map((found, k) => [k, found.train_from, found.test_from, colour("--line-2")]) },
      {
        type: "custom", renderItem: bar, encode: { x: [1, 2], y: 0 },
        data: windows.map((found, k) => [k, found.test_from, found.test_to, colour(found.growth >= 1 ? "--gain" : "--loss")]),
      },
      {
        type: "scatter", symbolSize: 0, encode: { x: 1, y: 0 }, data: windows.map((found, k) => [k, found.test_to]), tooltip: { show: false },
        label: { show: true, position: "right", color: colour("--ink-2"), fontSize: 10.5, formatter: ({ dataIndex }) => `${windows[dataIndex].growth === 1 ? "·" : windows[dataIndex].growth > 1 ? "▲" : "▼"} ${windows[dataIndex].gain}` },
      },
    ],
  }));

  (data.parameters || []).forEach((parameter, k) => {
    draw(`choice-${k}`, () => ({
      tooltip: { ...tooltip(), trigger: "axis", formatter: ([point]) => `Window ${point.name}<br>${parameter.label} <strong>${point.value === null || point.value === undefined ? "none" : point.value}</strong>` },
      grid: { left: 46, right: 14, top: 12, bottom: 24 },
      xAxis: { type: "category", data: windows.map((found) => String(found.number)), boundaryGap: false },
      yAxis: { type: "value", min: parameter.low, max: parameter.high, interval: (parameter.high - parameter.low) / 2 || 1 },
      series: [{ type: "line", step: "middle", data: parameter.values, symbol: "circle", symbolSize: 6, lineStyle: { color: colour("--accent-1"), width: 2 }, itemStyle: { color: colour("--accent-1") } }],
    }));
  });
})();
