// A Monte Carlo run: its fan with the course that was, and how outcomes spread with the real one marked.
"use strict";
(() => {
  const { data, colour, at, draw, tooltip, zooms } = window.ResultCharts;
  const percent = (value, digits = 1) => `${(value * 100).toFixed(digits)}%`;
  const signed = (value) => `${value >= 1 ? "+" : "−"}${percent(Math.abs(value - 1))}`;

  function fan() {
    const found = data.fan;
    if (!found) return;
    const [p5, p25, p50, p75, p95] = found.lines;
    const points = (line) => line.map((value, k) => [found.steps[k], value - 1]);
    const gap = (upper, lower) => upper.map((value, k) => [found.steps[k], value - lower[k]]);
    const band = (name, data, ink, stack) => ({ name, type: "line", stack, stackStrategy: "all", data, showSymbol: false, silent: true, lineStyle: { opacity: 0 }, itemStyle: { color: ink }, areaStyle: { color: ink }, tooltip: { show: false } });
    const base = (data, stack) => ({ type: "line", stack, stackStrategy: "all", data, showSymbol: false, silent: true, lineStyle: { opacity: 0 }, tooltip: { show: false } });
    const box = at("fan-chart");
    draw("fan-chart", () => {
      const ink = colour("--accent-1");
      return {
        tooltip: {
          ...tooltip(), trigger: "axis",
          formatter: (rows) => {
            const k = found.steps.indexOf(rows[0].value[0]);
            if (k < 0) return "";
            const lines = [["95%", p95], ["75%", p75], ["Median", p50], ["25%", p25], ["5%", p5], ...(found.course.length ? [["The backtest", found.course]] : [])];
            return `After ${found.steps[k]} ${found.unit}<br>${lines.map(([name, line]) => `${name} <strong>${signed(line[k])}</strong>`).join("<br>")}`;
          },
        },
        legend: { top: 4, data: ["5 to 95%", "25 to 75%"].map((name) => ({ name, icon: "roundRect" })).concat([{ name: "Median", icon: "path://M0 4h18v2H0z" }, { name: "The backtest", icon: "path://M0 4h4v2H0zM7 4h4v2H7zM14 4h4v2h-4z" }]), textStyle: { color: colour("--ink-2") } },
        grid: { left: 58, right: 20, top: box.clientWidth < 480 ? 64 : 40, bottom: 74 },
        xAxis: { type: "value", min: 0, max: found.steps[found.steps.length - 1], name: found.unit, nameLocation: "middle", nameGap: 24, axisLabel: { showMaxLabel: false } },
        yAxis: { type: "value", scale: true, axisLabel: { formatter: (value) => percent(value, 0) } },
        dataZoom: zooms().map((zoom) => ({ ...zoom, xAxisIndex: 0, filterMode: "none" })),
        series: [
          base(points(p5), "outer"), band("5 to 95%", gap(p95, p5), `color-mix(in srgb, ${ink} 14%, transparent)`, "outer"),
          base(points(p25), "inner"), band("25 to 75%", gap(p75, p25), `color-mix(in srgb, ${ink} 24%, transparent)`, "inner"),
          { name: "Median", type: "line", data: points(p50), symbol: "none", lineStyle: { color: ink, width: 2.5 }, itemStyle: { color: ink },
            markLine: { silent: true, symbol: "none", data: [{ yAxis: 0 }], lineStyle: { color: colour("--ink-3"), type: "dotted" }, label: { show: false } } },
          ...(found.course.length ? [{ name: "The backtest", type: "line", data: points(found.course), symbol: "none", lineStyle: { color: colour("--ink"), width: 1.6, type: "dashed" }, itemStyle: { color: colour("--ink") } }] : []),
        ],
      };
    });
  }

  function histogram(found, k) {
    const isCount = found.name === "underwater";
    const text = (value) => (isCount ? `${Math.round(value)}` : percent(value, 0));
    const width = found.edges[1] - found.edges[0];
    draw(`histogram-${k}`, () => ({
      tooltip: { ...tooltip(), formatter: ({ value, dataIndex }) => (value === undefined ? "" : `${text(found.edges[dataIndex])} to ${text(found.edges[dataIndex + 1])}${isCount ? ` ${found.unit}` : ""}<br><strong>${found.counts[dataIndex].toLocaleString("en-US")} paths</strong>`) },
      grid: { left: 44, right: 22, top: 30, bottom: 26 },
      xAxis: { type: "value", min: found.edges[0] - width / 2, max: found.edges[found.edges.length - 1] + width / 2, axisLabel: { formatter: text, hideOverlap: true, showMinLabel: false, showMaxLabel: false } },
      yAxis: { type: "value" },
      dataZoom: zooms().filter((zoom) => zoom.type === "inside").map((zoom) => ({ ...zoom, xAxisIndex: 0, filterMode: "none" })),
      series: [{
        type: "custom", data: found.counts.map((count, i) => [found.edges[i], found.edges[i + 1], count]), encode: { x: [0, 1], y: 2 },
        renderItem: (params, api) => {
          const [left, top] = api.coord([api.value(0), api.value(2)]);
          const [right, bottom] = api.coord([api.value(1), 0]);
          return { type: "rect", shape: { x: left + 0.5, y: top, width: Math.max(right - left - 1, 1), height: bottom - top }, style: { fill: colour("--accent-1"), opacity: 0.75 } };
        },
        markLine: found.actual === null || found.actual === undefined ? undefined : {
          silent: true, symbol: ["none", "triangle"], symbolSize: 7, data: [{ xAxis: found.actual }],
          lineStyle: { color: colour("--ink"), width: 1.6, type: "dashed" }, label: { formatter: `real ${text(found.actual)}`, color: colour("--ink"), position: "end" },
        },
      }],
    }));
  }

  fan();
  (data.histograms || []).forEach(histogram);
})();
