// A walk-forward: its windows on one time line, and the parameters that each chose.
"use strict";
(() => {
  const { byId, pageData, draw, tooltip, wheelZoom, zoomSlider } = window.Charts;
  const { color } = window.Theme;
  const data = pageData();
  const windows = data.windows || [];
  if (!windows.length) return;
  const date = (time) => new Date(time).toISOString().slice(0, 10);
  const names = windows.map((window) => String(window.number));

  function renderBar(params, api) {
    const [start, end] = [api.coord([api.value(1), api.value(0)]), api.coord([api.value(2), api.value(0)])];
    const height = api.size([0, 1])[1] * 0.62;
    const { x, y, width, height: gridHeight } = params.coordSys;
    const shape = window.echarts.graphic.clipRectByRect(
      { x: start[0], y: start[1] - height / 2, width: Math.max(end[0] - start[0], 2), height },
      { x, y, width, height: gridHeight },
    );
    const style = { fill: api.value(3), stroke: color("--panel"), lineWidth: 1 };
    return shape && { type: "rect", shape: { ...shape, r: 2 }, style };
  }

  const bars = (rows) => ({ type: "custom", renderItem: renderBar, encode: { x: [1, 2], y: 0 }, data: rows });

  function describe(window) {
    const lines = [
      `<strong>Window ${window.number}</strong>`,
      `in-sample ${date(window.train_from)} to ${date(window.test_from)}`,
      `out-of-sample to ${date(window.test_to)}: <strong>${window.gain}</strong>`,
      window.chosen || "nothing good enough to trade",
    ];
    return lines.join("<br>");
  }

  function outcome({ growth, gain }) {
    if (growth === 1) return `· ${gain}`;
    return `${growth > 1 ? "▲" : "▼"} ${gain}`;
  }

  function drawWindows() {
    const box = byId("windows-chart");
    box.style.height = `${Math.min(Math.max(windows.length * 24 + 60, 160), 640)}px`;
    draw("windows-chart", () => ({
      tooltip: { ...tooltip(), formatter: ({ value }) => describe(windows[value[0]]) },
      grid: { left: 34, right: 64, top: 8, bottom: 52 },
      xAxis: { type: "time", min: windows[0].train_from, max: windows.at(-1).test_to },
      yAxis: { type: "category", inverse: true, data: names, axisTick: { show: false } },
      dataZoom: [wheelZoom(), zoomSlider()],
      series: [
        bars(windows.map((one, row) => [row, one.train_from, one.test_from, color("--line-2")])),
        bars(
          windows.map((one, row) => [row, one.test_from, one.test_to, color(one.growth >= 1 ? "--gain" : "--loss")]),
        ),
        {
          type: "scatter",
          symbolSize: 0,
          encode: { x: 1, y: 0 },
          data: windows.map((one, row) => [row, one.test_to]),
          tooltip: { show: false },
          label: {
            show: true,
            position: "right",
            color: color("--ink-2"),
            fontSize: 10.5,
            formatter: ({ dataIndex }) => outcome(windows[dataIndex]),
          },
        },
      ],
    }));
  }

  function drawParameter({ label, low, high, values }, index) {
    const describePoint = ({ name, value }) => `Window ${name}<br>${label} <strong>${value ?? "none"}</strong>`;
    draw(`choice-${index}`, () => ({
      tooltip: { ...tooltip(), trigger: "axis", formatter: ([point]) => describePoint(point) },
      grid: { left: 46, right: 14, top: 12, bottom: 24 },
      xAxis: { type: "category", data: names, boundaryGap: false },
      yAxis: { type: "value", min: low, max: high, interval: (high - low) / 2 || 1 },
      series: [
        {
          type: "line",
          step: "middle",
          data: values,
          symbol: "circle",
          symbolSize: 6,
          lineStyle: { color: color("--accent-1"), width: 2 },
          itemStyle: { color: color("--accent-1") },
        },
      ],
    }));
  }

  drawWindows();
  (data.parameters || []).forEach(drawParameter);
})();
