// A search: heat map of two parameters, plateau and slices, parallel coordinates, Pareto front.
"use strict";
(() => {
  const { data, colour, at, draw, tooltip, zooms } = window.ResultCharts;
  const holder = at("trial-data");
  const trials = (holder && JSON.parse(holder.textContent)) || {};
  const short = (value) => (value === null || value === undefined ? "–" : Number(value.toPrecision(4)).toString());
  // From bad to good in one hue: told apart by lightness alone, so in grey and by every eye.
  const scale = () => [colour("--panel-2"), colour("--accent-1")];
  const shown = (value, isPercent) => (isPercent && value !== null && value !== undefined ? `${short(value * 100)}%` : short(value));
  // On a cell: two decimals are enough, and of the two inks the one that stands out from its colour.
  const brief = (value, isPercent) => (isPercent ? `${(value * 100).toFixed(1)}%` : value.toFixed(Math.abs(value) >= 100 ? 0 : 2)).replace(/^-(0\.?0*%?)$/, "$1");
  const channels = (ink) => ink.match(/[0-9a-f]{2}/gi).map((pair) => parseInt(pair, 16) / 255);
  const light = (rgb) => rgb.reduce((sum, c, k) => sum + (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4) * [0.2126, 0.7152, 0.0722][k], 0);
  function inkOn(share, colours) {
    const [low, high] = colours.map(channels);
    const cell = light(low.map((c, k) => c + (high[k] - c) * share));
    const contrast = (ink) => Math.abs(Math.log((light(channels(ink)) + 0.05) / (cell + 0.05)));
    return [colour("--ink"), colour("--panel")].reduce((best, ink) => (contrast(ink) > contrast(best) ? ink : best));
  }
  const onPhone = () => window.innerWidth < 640;

  function heat() {
    const map = trials.heat;
    const box = at("heat-chart");
    if (!box) return;
    if (!map.cells.length) {
      box.textContent = "No trial closed enough trades to be shown here.";
      box.classList.add("without-chart");
      return;
    }
    const values = map.cells.map((cell) => cell[2]);
    const [least, most] = [Math.min(...values), Math.max(...values)];
    const single = map.x === map.y;
    const colours = () => (map.low_is_good ? scale().reverse() : scale());
    const inkAt = (value) => inkOn(most > least ? (value - least) / (most - least) : 1, colours());
    draw("heat-chart", () => ({
      tooltip: {
        ...tooltip(),
        formatter: ({ value }) =>
          `${map.x_label} ${map.xs[value[0]]}${single ? "" : `, ${map.y_label} ${map.ys[value[1]]}`}<br><strong>${map.measure_label} ${shown(value[2], map.is_percent)}</strong>` +
          (value[3] > 1 ? `<br>${map.statistic} of ${value[3]} trials` : ""),
      },
      grid: { left: 62, right: 18, top: 26, bottom: 96 },
      xAxis: { type: "category", data: map.xs, name: map.x_label, nameLocation: "middle", nameGap: 26, splitArea: { show: false } },
      yAxis: { type: "category", data: map.ys, name: map.y_label, axisLabel: { interval: Math.ceil((map.ys.length * 16) / (box.clientHeight - 122)) - 1 } },
      dataZoom: zooms().filter((zoom) => zoom.type === "inside").flatMap((zoom) => [{ ...zoom, xAxisIndex: 0 }, { ...zoom, yAxisIndex: 0 }]),
      visualMap: {
        type: "continuous", min: least, max: most, dimension: 2, calculable: true, orient: "horizontal", left: "center", bottom: 4,
        itemWidth: 14, itemHeight: onPhone() ? 150 : 260, textStyle: { color: colour("--ink-2") }, precision: 2,
        formatter: (value) => brief(value, map.is_percent),
        inRange: { color: colours() },
      },
      series: [{
        type: "heatmap", itemStyle: { borderColor: colour("--panel"), borderWidth: Math.max(map.xs.length, map.ys.length) > 40 ? 0 : 1 },
        label: { show: map.cells.length <= 90 && !onPhone(), formatter: ({ value }) => brief(value[2], map.is_percent), fontSize: 10.5 },
        data: map.cells.map((cell) => ({ value: cell, label: { color: inkAt(cell[2]) } })),
        emphasis: { itemStyle: { borderColor: colour("--ink"), borderWidth: 2 } },
      }],
    }));
  }

  function plateau() {
    const found = data.plateau;
    if (!found) return;
    const spread = (count, k) => (count < 2 ? 0 : ((k / (count - 1)) - 0.5) * 0.5);
    draw("plateau-chart", () => ({
      tooltip: { ...tooltip(), formatter: ({ value, seriesName }) => `${seriesName}<br><strong>${short(value[1])}</strong>` },
      grid: { left: 52, right: 16, top: 16, bottom: 30 },
      xAxis: {
        axisLine: { onZero: false }, type: "value", min: -0.5, max: found.groups.length - 0.5, interval: 0.5, splitLine: { show: false }, axisTick: { show: false },
        axisLabel: { formatter: (value) => (found.groups[value] ? found.groups[value].title : "") },
      },
      yAxis: { type: "value", scale: true, axisLine: { show: false, onZero: false } },
      series: found.groups.flatMap((group, g) => [
        {
          name: `Around ${group.title.toLowerCase()}`, type: "scatter", symbolSize: 9, itemStyle: { color: "transparent", borderColor: colour(g ? "--sim" : "--accent-1"), borderWidth: 1.6 },
          data: group.around.map((score, k) => [g + spread(group.around.length, k), score]),
        },
        { name: group.title, type: "scatter", symbol: "diamond", symbolSize: 19, itemStyle: { color: colour(g ? "--sim" : "--accent-1") }, data: [[g, group.score]] },
      ]),
    }));
    quiet("plateau-chart");
    found.slices.forEach((slice, k) => {
      const lines = [["Through the best", slice.best, "--accent-1", "solid", slice.best_at], ["Through the centre", slice.centre, "--sim", "dashed", slice.centre_at]];
      draw(`slice-${k}`, () => ({
        tooltip: { ...tooltip(), trigger: "axis", valueFormatter: (value) => short(value) },
        grid: { left: 42, right: 10, top: 12, bottom: 24 },
        xAxis: { type: "category", data: slice.values, boundaryGap: false },
        yAxis: { type: "value", scale: true },
        series: lines.map(([name, values, ink, type, own]) => ({
          name, type: "line", data: values, connectNulls: true, showSymbol: false, lineStyle: { color: colour(ink), width: 2, type }, itemStyle: { color: colour(ink) },
          markPoint: { symbol: "diamond", symbolSize: 12, data: values[slice.values.indexOf(own)] == null ? [] : [{ coord: [own, values[slice.values.indexOf(own)]] }], label: { show: false } },
        })),
      }));
    });
  }

  // draw() gives every axis its lines; the two places of the strip have none between them.
  function quiet(id) {
    const chart = window.echarts.getInstanceByDom(at(id));
    const hide = () => chart.setOption({ xAxis: { splitLine: { show: false } } });
    hide();
    window.ResultCharts.onTheme(hide);
  }

  function parallel() {
    const found = trials.parallel;
    const box = at("parallel-chart");
    if (!found || !box) return;
    const count = at("parallel-count");
    const all = found.lines.length;
    const tell = (kept) => {
      const of = all < found.of ? `${all.toLocaleString("en-US")} of ${found.of.toLocaleString("en-US")} trials drawn` : `${all.toLocaleString("en-US")} trials`;
      count.textContent = kept === all ? of : `${kept.toLocaleString("en-US")} kept of ${of}`;
    };
    tell(all);
    box.style.minWidth = `${found.axes.length * 92}px`;
    const scores = found.lines.map((line) => line[found.colour_by]).filter((value) => value !== null);
    const chart = draw("parallel-chart", () => ({
      tooltip: { ...tooltip(), formatter: ({ dataIndex }) => `Trial ${found.numbers[dataIndex]}<br>${found.axes.map((axis, k) => `${axis.label} <strong>${found.lines[dataIndex][k] === null ? "off" : shown(found.lines[dataIndex][k], axis.is_percent)}</strong>`).join("<br>")}` },
      parallel: {
        left: 46, right: 56, top: 42, bottom: 20,
        parallelAxisDefault: {
          nameTextStyle: { color: colour("--ink-2"), fontSize: 11.5 }, axisLine: { lineStyle: { color: colour("--line-2") } },
          axisTick: { lineStyle: { color: colour("--line-2") } }, axisLabel: { color: colour("--ink-3"), fontSize: 10.5 },
          areaSelectStyle: { width: 18, color: colour("--accent-1"), opacity: 0.2, borderColor: colour("--accent-1"), borderWidth: 1 },
        },
      },
      parallelAxis: found.axes.map((axis, dim) => ({ dim, name: axis.label, scale: true, nameLocation: "end", axisLabel: { formatter: (value) => shown(value, axis.is_percent) } })),
      visualMap: {
        show: false, min: Math.min(...scores), max: Math.max(...scores), dimension: found.colour_by, inRange: { color: [colour("--line-2"), colour("--accent-1")] },
      },
      series: [{
        type: "parallel", data: found.lines.map((line) => line.map((value) => (value === null ? "-" : value))), smooth: false, progressive: 400,
        lineStyle: { width: 1.2, opacity: Math.max(0.12, Math.min(0.7, 60 / all)) }, inactiveOpacity: 0.02, activeOpacity: 0.9,
        emphasis: { lineStyle: { width: 3, opacity: 1 } },
      }],
    }));
    chart.on("axisareaselected", () => {
      const kept = chart.getModel().getSeries()[0].getRawIndicesByActiveState("active").length;
      const isFree = found.axes.every((_, dim) => !chart.getModel().getComponent("parallelAxis", dim).activeIntervals.length);
      tell(isFree ? all : kept);
    });
  }

  function front() {
    const found = trials.front;
    if (!found) return;
    draw("front-chart", () => ({
      tooltip: { ...tooltip(), formatter: ({ value }) => `Trial ${value[2]}<br>${found.labels[0]} <strong>${shown(value[0], found.is_percent[0])}</strong><br>${found.labels[1]} <strong>${shown(value[1], found.is_percent[1])}</strong>` },
      legend: { top: 4, textStyle: { color: colour("--ink-2") } },
      grid: { left: 62, right: 24, top: 40, bottom: 70 },
      xAxis: { type: "value", name: found.labels[0], nameLocation: "middle", nameGap: 26, scale: true, axisLine: { onZero: false }, axisLabel: { formatter: (value) => shown(value, found.is_percent[0]) } },
      yAxis: { type: "value", name: found.labels[1], scale: true, axisLine: { onZero: false }, axisLabel: { formatter: (value) => shown(value, found.is_percent[1]) } },
      dataZoom: zooms(),
      series: [
        { name: "All trials", type: "scatter", symbolSize: 6, data: found.points, itemStyle: { color: colour("--ink-3"), opacity: 0.45 } },
        {
          name: "Not beaten in both", type: "line", symbol: "diamond", symbolSize: 11, data: [...found.front].sort((a, b) => a[0] - b[0]),
          lineStyle: { color: colour("--accent-1"), width: 1.5, type: "dashed" }, itemStyle: { color: colour("--accent-1") },
        },
      ],
    }));
  }

  document.querySelectorAll("form[data-submits]").forEach((form) => {
    form.addEventListener("change", () => form.requestSubmit());
    form.querySelector("button").hidden = true;
  });

  heat();
  plateau();
  parallel();
  front();
})();
