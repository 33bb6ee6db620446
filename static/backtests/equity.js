// Equity over time, beside buy and hold, with the drawdown in a pane below. Rows: [seconds, equity, drawdown, buy and hold].
"use strict";
(() => {
  const { data, colour, at, look, onTheme, onPaper, zoomButtons, dateText, number, legend } = window.ResultCharts;
  const box = at("equity-chart");
  const rows = data.equity || [];
  if (!box || !rows.length) return;
  const lib = window.LightweightCharts;
  const percent = (value) => `${(value * 100).toFixed(1)}%`;
  const hasHold = rows.some((row) => row[3] !== null && row[3] !== undefined);
  const chart = lib.createChart(box, {
    autoSize: true, ...look(), handleScroll: { mouseWheel: false, vertTouchDrag: false }, handleScale: { mouseWheel: false },
  });
  const quiet = { priceLineVisible: false, lastValueVisible: false, crosshairMarkerVisible: false };
  const hold = hasHold ? chart.addSeries(lib.LineSeries, { ...quiet, lineWidth: 1, lineStyle: 2 }) : null;
  const line = chart.addSeries(lib.LineSeries, { lineWidth: 2, priceLineVisible: false });
  const fall = chart.addSeries(lib.AreaSeries, {
    lineWidth: 1, priceLineVisible: false, lastValueVisible: false, priceFormat: { type: "custom", formatter: percent, minMove: 0.001 },
    // From 0 down, also where nothing fell.
    autoscaleInfoProvider: (original) => {
      const found = original();
      return { priceRange: { minValue: Math.min(found ? found.priceRange.minValue : 0, -0.01), maxValue: 0 } };
    },
  }, 1);
  line.setData(rows.map(([time, value]) => ({ time, value })));
  if (hold) hold.setData(rows.map(([time, , , value]) => ({ time, value })));
  fall.setData(rows.map(([time, , value]) => ({ time, value: -value })));
  fall.priceScale().applyOptions({ scaleMargins: { top: 0.04, bottom: 0.08 } });
  chart.panes()[1].setHeight(Math.round(box.clientHeight * 0.26));

  function paint() {
    chart.applyOptions(look());
    line.applyOptions({ color: colour("--accent-1") });
    if (hold) hold.applyOptions({ color: colour("--ink-3") });
    const soft = colour("--loss-soft");
    fall.applyOptions({ lineColor: colour("--loss"), topColor: soft, bottomColor: soft, invertFilledArea: true });
  }
  paint();
  onTheme(paint);
  onPaper(box, chart);
  const all = () => chart.timeScale().fitContent();
  all();
  zoomButtons("equity", chart, all);

  const byTime = new Map(rows.map((row) => [row[0], row]));
  function tell(row) {
    legend(at("equity-legend"), [
      { name: dateText(row[0]) },
      { name: "Equity", value: number(row[1]), line: "solid" },
      ...(hold ? [{ name: "Buy and hold", value: number(row[3]), line: "dashed" }] : []),
      { name: "Drawdown", value: percent(-row[2] || 0), line: "area" },
    ]);
  }
  tell(rows[rows.length - 1]);
  chart.subscribeCrosshairMove((move) => tell(byTime.get(move.time) || rows[rows.length - 1]));

  const scales = document.querySelectorAll("[data-scale]");
  scales.forEach((button) => button.addEventListener("click", () => {
    const isLog = button.dataset.scale === "log";
    line.priceScale().applyOptions({ mode: isLog ? lib.PriceScaleMode.Logarithmic : lib.PriceScaleMode.Normal });
    scales.forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
    box.dataset.mode = button.dataset.scale;
  }));
})();
