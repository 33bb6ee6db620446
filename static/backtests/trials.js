// An optimisation: all its trials as parallel coordinates, and against the Pareto front of two objectives.
"use strict";
(() => {
  const { byId, pageData, draw, tooltip, wheelZoom, zoomSlider, formatCount, formatMetric } = window.Charts;
  const { color } = window.Theme;
  const trials = pageData("trial-data");

  function showCount(shown, { lines, of }) {
    const drawn =
      lines.length < of
        ? `${formatCount(lines.length)} of ${formatCount(of)} trials drawn`
        : `${formatCount(lines.length)} trials`;
    byId("parallel-count").textContent = shown === lines.length ? drawn : `${formatCount(shown)} kept of ${drawn}`;
  }

  function describeTrial({ numbers, axes, lines }, index) {
    const rows = axes.map(({ label, is_percent: isPercent }, axis) => {
      const value = lines[index][axis];
      return `${label} <strong>${value === null ? "off" : formatMetric(value, isPercent)}</strong>`;
    });
    return `Trial ${numbers[index]}<br>${rows.join("<br>")}`;
  }

  const axisDefaults = () => ({
    nameTextStyle: { color: color("--ink-2"), fontSize: 11.5 },
    axisLine: { lineStyle: { color: color("--line-2") } },
    axisTick: { lineStyle: { color: color("--line-2") } },
    axisLabel: { color: color("--ink-3"), fontSize: 10.5 },
    areaSelectStyle: {
      width: 18,
      color: color("--accent-1"),
      opacity: 0.2,
      borderColor: color("--accent-1"),
      borderWidth: 1,
    },
  });

  const parallelAxis = ({ label, is_percent: isPercent }, dim) => ({
    dim,
    name: label,
    scale: true,
    nameLocation: "end",
    axisLabel: { formatter: (value) => formatMetric(value, isPercent) },
  });

  function drawParallel(parallel) {
    const { axes, lines, colour_by: colorBy } = parallel;
    byId("parallel-chart").style.minWidth = `${axes.length * 92}px`;
    const scores = lines.map((line) => line[colorBy]).filter((value) => value !== null);
    const chart = draw("parallel-chart", () => ({
      tooltip: { ...tooltip(), formatter: ({ dataIndex }) => describeTrial(parallel, dataIndex) },
      parallel: { left: 46, right: 56, top: 42, bottom: 20, parallelAxisDefault: axisDefaults() },
      parallelAxis: axes.map(parallelAxis),
      visualMap: {
        show: false,
        min: Math.min(...scores),
        max: Math.max(...scores),
        dimension: colorBy,
        inRange: { color: [color("--line-2"), color("--accent-1")] },
      },
      series: [
        {
          type: "parallel",
          data: lines.map((line) => line.map((value) => value ?? "-")),
          smooth: false,
          progressive: 400,
          lineStyle: { width: 1.2, opacity: Math.max(0.12, Math.min(0.7, 60 / lines.length)) },
          inactiveOpacity: 0.02,
          activeOpacity: 0.9,
          emphasis: { lineStyle: { width: 3, opacity: 1 } },
        },
      ],
    }));
    showCount(lines.length, parallel);
    chart.on("axisareaselected", () => {
      const model = chart.getModel();
      const hasRange = axes.some((_, dim) => model.getComponent("parallelAxis", dim).activeIntervals.length);
      const active = model.getSeries()[0].getRawIndicesByActiveState("active");
      showCount(hasRange ? active.length : lines.length, parallel);
    });
  }

  function drawParetoFront({ labels, points, front, is_percent: isPercent }) {
    const text = (value, side) => formatMetric(value, isPercent[side]);
    const describe = ({ value: [x, y, number] }) => {
      const rows = [x, y].map((value, side) => `${labels[side]} <strong>${text(value, side)}</strong>`);
      return `Trial ${number}<br>${rows.join("<br>")}`;
    };
    const axis = (side) => ({
      type: "value",
      name: labels[side],
      scale: true,
      axisLine: { onZero: false },
      axisLabel: { formatter: (value) => text(value, side) },
    });
    draw("front-chart", () => ({
      tooltip: { ...tooltip(), formatter: describe },
      legend: { top: 4, textStyle: { color: color("--ink-2") } },
      grid: { left: 62, right: 24, top: 40, bottom: 70 },
      xAxis: { ...axis(0), nameLocation: "middle", nameGap: 26 },
      yAxis: axis(1),
      dataZoom: [wheelZoom(), zoomSlider()],
      series: [
        {
          name: "All trials",
          type: "scatter",
          symbolSize: 6,
          data: points,
          itemStyle: { color: color("--ink-3"), opacity: 0.45 },
        },
        {
          name: "Pareto front",
          type: "line",
          symbol: "diamond",
          symbolSize: 11,
          data: [...front].sort((left, right) => left[0] - right[0]),
          lineStyle: { color: color("--accent-1"), width: 1.5, type: "dashed" },
          itemStyle: { color: color("--accent-1") },
        },
      ],
    }));
  }

  if (trials.parallel && byId("parallel-chart")) drawParallel(trials.parallel);
  if (trials.front) drawParetoFront(trials.front);
})();
