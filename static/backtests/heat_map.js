// An optimisation: the heat map of one metric over two parameters.
"use strict";
(() => {
  const { byId, pageData, draw, tooltip, wheelZoom, formatMetric } = window.Charts;
  const { color } = window.Theme;
  const box = byId("heat-chart");
  const map = pageData("trial-data").heat;
  const isPhone = () => window.innerWidth < 640;

  // On a cell two decimals are enough. A rounded zero has no sign.
  function formatCell(value) {
    const digits = Math.abs(value) >= 100 ? 0 : 2;
    const text = map.is_percent ? `${(value * 100).toFixed(1)}%` : value.toFixed(digits);
    return text.replace(/^-(0\.?0*%?)$/, "$1");
  }

  // Relative luminance of #rrggbb channels from 0 to 1 (WCAG 2.2).
  const channels = (hex) => hex.match(/[0-9a-f]{2}/gi).map((pair) => parseInt(pair, 16) / 255);
  const linear = (channel) => (channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4);
  const luminance = ([red, green, blue]) => 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);

  // From bad to good in one hue: told apart by lightness alone, so in grey and by every eye.
  function cellColors() {
    const scale = [color("--panel-2"), color("--accent-1")];
    return map.low_is_good ? scale.reverse() : scale;
  }

  // Of the two inks, the one that stands out from a cell's colour.
  function inkOn(share) {
    const [low, high] = cellColors().map(channels);
    const cell = luminance(low.map((channel, index) => channel + (high[index] - channel) * share));
    const contrast = (ink) => Math.abs(Math.log((luminance(channels(ink)) + 0.05) / (cell + 0.05)));
    const [dark, light] = [color("--ink"), color("--panel")];
    return contrast(light) > contrast(dark) ? light : dark;
  }

  function describe([x, y, value, count]) {
    const place = `${map.x_label} ${map.xs[x]}${map.x === map.y ? "" : `, ${map.y_label} ${map.ys[y]}`}`;
    const trials = count > 1 ? `<br>${map.statistic} of ${count} trials` : "";
    return `${place}<br><strong>${map.measure_label} ${formatMetric(value, map.is_percent)}</strong>${trials}`;
  }

  function axes() {
    const rowsPerLabel = Math.ceil((map.ys.length * 16) / (box.clientHeight - 122));
    return {
      xAxis: {
        type: "category",
        data: map.xs,
        name: map.x_label,
        nameLocation: "middle",
        nameGap: 26,
        splitArea: { show: false },
      },
      yAxis: { type: "category", data: map.ys, name: map.y_label, axisLabel: { interval: rowsPerLabel - 1 } },
    };
  }

  function colorScale(least, most) {
    return {
      type: "continuous",
      min: least,
      max: most,
      dimension: 2,
      calculable: true,
      orient: "horizontal",
      left: "center",
      bottom: 4,
      itemWidth: 14,
      itemHeight: isPhone() ? 150 : 260,
      textStyle: { color: color("--ink-2") },
      precision: 2,
      formatter: formatCell,
      inRange: { color: cellColors() },
    };
  }

  function cells(least, most) {
    const share = (value) => (most > least ? (value - least) / (most - least) : 1);
    return {
      type: "heatmap",
      itemStyle: { borderColor: color("--panel"), borderWidth: Math.max(map.xs.length, map.ys.length) > 40 ? 0 : 1 },
      label: {
        show: map.cells.length <= 90 && !isPhone(),
        formatter: ({ value }) => formatCell(value[2]),
        fontSize: 10.5,
      },
      data: map.cells.map((cell) => ({ value: cell, label: { color: inkOn(share(cell[2])) } })),
      emphasis: { itemStyle: { borderColor: color("--ink"), borderWidth: 2 } },
    };
  }

  function drawHeatMap() {
    const values = map.cells.map((cell) => cell[2]);
    const [least, most] = [Math.min(...values), Math.max(...values)];
    draw("heat-chart", () => ({
      tooltip: { ...tooltip(), formatter: ({ value }) => describe(value) },
      grid: { left: 62, right: 18, top: 26, bottom: 96 },
      ...axes(),
      dataZoom: [
        { ...wheelZoom(), xAxisIndex: 0 },
        { ...wheelZoom(), yAxisIndex: 0 },
      ],
      visualMap: colorScale(least, most),
      series: [cells(least, most)],
    }));
  }

  for (const form of document.querySelectorAll("form[data-submits]")) {
    form.addEventListener("change", () => form.requestSubmit());
    form.querySelector("button").hidden = true;
  }
  if (box && map.cells.length) drawHeatMap();
  else if (box) {
    box.textContent = "No trial closed enough trades to be shown here.";
    box.classList.add("without-chart");
  }
})();
