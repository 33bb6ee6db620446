// An optimisation: the best trial and the robust centre with their neighbours, and the score along each parameter.
"use strict";
(() => {
  const { byId, pageData, draw, tooltip, formatShort } = window.Charts;
  const { color, onChange } = window.Theme;
  const plateau = pageData().plateau;
  if (!plateau) return;

  // Neighbours stand side by side, so that none hides another.
  const offset = (count, index) => (count < 2 ? 0 : (index / (count - 1) - 0.5) * 0.5);

  function groupSeries(group, index) {
    const ink = color(index ? "--sim" : "--accent-1");
    const neighbours = group.around.map((score, place) => [index + offset(group.around.length, place), score]);
    return [
      {
        name: `Around ${group.title.toLowerCase()}`,
        type: "scatter",
        symbolSize: 9,
        itemStyle: { color: "transparent", borderColor: ink, borderWidth: 1.6 },
        data: neighbours,
      },
      {
        name: group.title,
        type: "scatter",
        symbol: "diamond",
        symbolSize: 19,
        itemStyle: { color: ink },
        data: [[index, group.score]],
      },
    ];
  }

  function drawNeighbours() {
    const describe = ({ value, seriesName }) => `${seriesName}<br><strong>${formatShort(value[1])}</strong>`;
    draw("plateau-chart", () => ({
      tooltip: { ...tooltip(), formatter: describe },
      grid: { left: 52, right: 16, top: 16, bottom: 30 },
      xAxis: {
        type: "value",
        min: -0.5,
        max: plateau.groups.length - 0.5,
        interval: 0.5,
        axisLine: { onZero: false },
        axisTick: { show: false },
        axisLabel: { formatter: (value) => plateau.groups[value]?.title ?? "" },
      },
      yAxis: { type: "value", scale: true, axisLine: { show: false, onZero: false } },
      series: plateau.groups.flatMap(groupSeries),
    }));
    hideSplitLines("plateau-chart");
  }

  // draw() gives every axis its lines; between the two groups there are none to show.
  function hideSplitLines(id) {
    const chart = window.echarts.getInstanceByDom(byId(id));
    const hide = () => chart.setOption({ xAxis: { splitLine: { show: false } } });
    hide();
    onChange(hide);
  }

  function sliceSeries(name, values, ink, type, point) {
    return {
      name,
      type: "line",
      data: values,
      connectNulls: true,
      showSymbol: false,
      lineStyle: { color: color(ink), width: 2, type },
      itemStyle: { color: color(ink) },
      markPoint: { symbol: "diamond", symbolSize: 12, data: point, label: { show: false } },
    };
  }

  function drawSlice(slice, index) {
    const pointAt = (place, values) => {
      const score = values[slice.values.indexOf(place)];
      return typeof score === "number" ? [{ coord: [place, score] }] : [];
    };
    const { best, best_at: bestAt, centre, centre_at: centreAt } = slice;
    draw(`slice-${index}`, () => ({
      tooltip: { ...tooltip(), trigger: "axis", valueFormatter: formatShort },
      grid: { left: 42, right: 10, top: 12, bottom: 24 },
      xAxis: { type: "category", data: slice.values, boundaryGap: false },
      yAxis: { type: "value", scale: true },
      series: [
        sliceSeries("Through the best", best, "--accent-1", "solid", pointAt(bestAt, best)),
        sliceSeries("Through the centre", centre, "--sim", "dashed", pointAt(centreAt, centre)),
      ],
    }));
  }

  drawNeighbours();
  plateau.slices.forEach(drawSlice);
})();
