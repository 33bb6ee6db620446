// Growth of two to six results on one scale. Lines differ in dash and width as well as in colour.
"use strict";
(() => {
  const { byId, pageData, timeChart, timeChartOptions, zoomButtons, formatDate, legend } = window.Charts;
  const { color, onChange } = window.Theme;
  const box = byId("lines-chart");
  const lines = pageData().lines || [];
  if (!box || !lines.length) return;
  const COLORS = ["--accent-1", "--warn", "--sim", "--gain", "--loss", "--ink-2"];
  const DASHES = [0, 2, 1, 0, 2, 3];
  const percent = (value) => `${value > 0 ? "+" : ""}${value.toFixed(1)}%`;
  const chart = timeChart(box);

  const allSeries = lines.map((line, index) => {
    const series = chart.addSeries(window.LightweightCharts.LineSeries, {
      lineWidth: index < 3 ? 2 : 1,
      lineStyle: DASHES[index],
      priceLineVisible: false,
      title: line.name.split(" ")[0],
      priceFormat: { type: "custom", formatter: percent, minMove: 0.01 },
    });
    series.setData(line.points.map(([time, value]) => ({ time, value })));
    return series;
  });

  function paint() {
    chart.applyOptions(timeChartOptions());
    allSeries.forEach((series, index) => {
      series.applyOptions({ color: color(COLORS[index]) });
    });
  }

  // The values under the crosshair, or the last ones.
  function showLegend(move) {
    const valueAt = (index) => move?.seriesData.get(allSeries[index])?.value ?? lines[index].points.at(-1)[1];
    const date = move?.time ? [{ name: formatDate(move.time) }] : [];
    const entries = lines.map((line, index) => ({
      name: line.name,
      value: percent(valueAt(index)),
      line: `run-${index}`,
    }));
    legend(byId("lines-legend"), [...date, ...entries]);
  }

  const showAll = () => chart.timeScale().fitContent();
  paint();
  onChange(paint);
  showAll();
  zoomButtons("lines", chart, showAll);
  showLegend();
  chart.subscribeCrosshairMove(showLegend);
})();
