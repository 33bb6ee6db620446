// A Monte Carlo run: the fan of its paths with the backtest's own, and the distribution of outcomes.
"use strict";
(() => {
  const { byId, pageData, draw, tooltip, wheelZoom, zoomSlider, formatCount } = window.Charts;
  const { color } = window.Theme;
  const data = pageData();
  const percent = (value, digits = 1) => `${(value * 100).toFixed(digits)}%`;
  const signedReturn = (growth) => `${growth >= 1 ? "+" : "−"}${percent(Math.abs(growth - 1))}`;
  const zoomX = (zoom) => ({ ...zoom, xAxisIndex: 0, filterMode: "none" });

  // A band is stacked on an unseen line: the lower bound, then what lies between the bounds.
  function unseen(points, stack) {
    return {
      type: "line",
      stack,
      stackStrategy: "all",
      data: points,
      showSymbol: false,
      silent: true,
      lineStyle: { opacity: 0 },
      tooltip: { show: false },
    };
  }

  function band(name, points, shade, stack) {
    return { ...unseen(points, stack), name, itemStyle: { color: shade }, areaStyle: { color: shade } };
  }

  function line(name, points, ink, lineStyle) {
    return {
      name,
      type: "line",
      data: points,
      symbol: "none",
      lineStyle: { color: ink, ...lineStyle },
      itemStyle: { color: ink },
    };
  }

  const LEGEND = [
    { name: "5 to 95%", icon: "roundRect" },
    { name: "25 to 75%", icon: "roundRect" },
    { name: "Median", icon: "path://M0 4h18v2H0z" },
    { name: "The backtest", icon: "path://M0 4h4v2H0zM7 4h4v2H7zM14 4h4v2h-4z" },
  ];

  function fanSeries({ steps, lines, course }) {
    const [p5, p25, p50, p75, p95] = lines;
    const accent = color("--accent-1");
    const shade = (share) => `color-mix(in srgb, ${accent} ${share}%, transparent)`;
    const points = (growth) => growth.map((value, index) => [steps[index], value - 1]);
    const between = (upper, lower) => upper.map((value, index) => [steps[index], value - lower[index]]);
    const zero = {
      silent: true,
      symbol: "none",
      data: [{ yAxis: 0 }],
      lineStyle: { color: color("--ink-3"), type: "dotted" },
      label: { show: false },
    };
    const actual = course.length
      ? [line("The backtest", points(course), color("--ink"), { width: 1.6, type: "dashed" })]
      : [];
    return [
      unseen(points(p5), "outer"),
      band("5 to 95%", between(p95, p5), shade(14), "outer"),
      unseen(points(p25), "inner"),
      band("25 to 75%", between(p75, p25), shade(24), "inner"),
      { ...line("Median", points(p50), accent, { width: 2.5 }), markLine: zero },
      ...actual,
    ];
  }

  function describeStep({ steps, lines, course, unit }, step) {
    const index = steps.indexOf(step);
    if (index < 0) return "";
    const [p5, p25, p50, p75, p95] = lines;
    const rows = [
      ["95%", p95],
      ["75%", p75],
      ["Median", p50],
      ["25%", p25],
      ["5%", p5],
    ];
    if (course.length) rows.push(["The backtest", course]);
    const texts = rows.map(([name, values]) => `${name} <strong>${signedReturn(values[index])}</strong>`);
    return `After ${step} ${unit}<br>${texts.join("<br>")}`;
  }

  function drawFan(fan) {
    const box = byId("fan-chart");
    draw("fan-chart", () => ({
      tooltip: { ...tooltip(), trigger: "axis", formatter: (rows) => describeStep(fan, rows[0].value[0]) },
      legend: { top: 4, data: LEGEND, textStyle: { color: color("--ink-2") } },
      grid: { left: 58, right: 20, top: box.clientWidth < 480 ? 64 : 40, bottom: 74 },
      xAxis: {
        type: "value",
        min: 0,
        max: fan.steps.at(-1),
        name: fan.unit,
        nameLocation: "middle",
        nameGap: 24,
        axisLabel: { showMaxLabel: false },
      },
      yAxis: { type: "value", scale: true, axisLabel: { formatter: (value) => percent(value, 0) } },
      dataZoom: [wheelZoom(), zoomSlider()].map(zoomX),
      series: fanSeries(fan),
    }));
  }

  function renderBin(_params, api) {
    const [left, top] = api.coord([api.value(0), api.value(2)]);
    const [right, bottom] = api.coord([api.value(1), 0]);
    return {
      type: "rect",
      shape: { x: left + 0.5, y: top, width: Math.max(right - left - 1, 1), height: bottom - top },
      style: { fill: color("--accent-1"), opacity: 0.75 },
    };
  }

  function actualMark(actual, text) {
    if (typeof actual !== "number") return undefined;
    return {
      silent: true,
      symbol: ["none", "triangle"],
      symbolSize: 7,
      data: [{ xAxis: actual }],
      lineStyle: { color: color("--ink"), width: 1.6, type: "dashed" },
      label: { formatter: `actual ${text(actual)}`, color: color("--ink"), position: "end" },
    };
  }

  function drawHistogram({ name, unit, edges, counts, actual }, index) {
    const isDays = name === "underwater";
    const text = (value) => (isDays ? `${Math.round(value)}` : percent(value, 0));
    const width = edges[1] - edges[0];
    const describe = ({ value, dataIndex: bin }) => {
      if (value === undefined) return "";
      const range = `${text(edges[bin])} to ${text(edges[bin + 1])}${isDays ? ` ${unit}` : ""}`;
      return `${range}<br><strong>${formatCount(counts[bin])} paths</strong>`;
    };
    draw(`histogram-${index}`, () => ({
      tooltip: { ...tooltip(), formatter: describe },
      grid: { left: 44, right: 22, top: 30, bottom: 26 },
      xAxis: {
        type: "value",
        min: edges[0] - width / 2,
        max: edges.at(-1) + width / 2,
        axisLabel: { formatter: text, hideOverlap: true, showMinLabel: false, showMaxLabel: false },
      },
      yAxis: { type: "value" },
      dataZoom: [zoomX(wheelZoom())],
      series: [
        {
          type: "custom",
          data: counts.map((count, bin) => [edges[bin], edges[bin + 1], count]),
          encode: { x: [0, 1], y: 2 },
          renderItem: renderBin,
          markLine: actualMark(actual, text),
        },
      ],
    }));
  }

  if (data.fan) drawFan(data.fan);
  (data.histograms || []).forEach(drawHistogram);
})();
