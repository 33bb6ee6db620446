// Growth of two to six results on one scale. Lines differ in dash and width as well as in colour.
"use strict";
(() => {
  const { data, colour, at, look, onTheme, onPaper, zoomButtons, dateText, legend } = window.ResultCharts;
  const box = at("lines-chart");
  const lines = data.lines || [];
  if (!box || !lines.length) return;
  const lib = window.LightweightCharts;
  const COLOURS = ["--accent-1", "--warn", "--sim", "--gain", "--loss", "--ink-2"];
  const DASHES = [0, 2, 1, 0, 2, 3];
  const percent = (value) => `${value > 0 ? "+" : ""}${value.toFixed(1)}%`;
  const chart = lib.createChart(box, {
    autoSize: true, ...look(), handleScroll: { mouseWheel: false, vertTouchDrag: false }, handleScale: { mouseWheel: false },
  });
  const series = lines.map((line, number) => {
    const one = chart.addSeries(lib.LineSeries, {
      lineWidth: number < 3 ? 2 : 1, lineStyle: DASHES[number], priceLineVisible: false, title: line.name.split(" ")[0],
      priceFormat: { type: "custom", formatter: percent, minMove: 0.01 },
    });
    one.setData(line.points.map(([time, value]) => ({ time, value })));
    return one;
  });
  function paint() {
    chart.applyOptions(look());
    series.forEach((one, number) => one.applyOptions({ color: colour(COLOURS[number]) }));
  }
  paint();
  onTheme(paint);
  onPaper(box, chart);
  const all = () => chart.timeScale().fitContent();
  all();
  zoomButtons("lines", chart, all);
  function tell(move) {
    const values = series.map((one, number) => {
      const point = move && move.seriesData.get(one);
      return point ? point.value : lines[number].points[lines[number].points.length - 1][1];
    });
    legend(at("lines-legend"), [
      ...(move && move.time ? [{ name: dateText(move.time) }] : []),
      ...lines.map((line, number) => ({ name: line.name, value: percent(values[number]), line: `run-${number}` })),
    ]);
  }
  tell();
  chart.subscribeCrosshairMove(tell);
})();
