// Equity over time beside buy and hold, with the drawdown in a pane below.
// Rows: [seconds, equity, drawdown, buy and hold].
"use strict";
(() => {
  const { byId, pageData, timeChart, timeChartOptions, zoomButtons, formatDate, formatNumber, legend } = window.Charts;
  const { color, onChange } = window.Theme;
  const box = byId("equity-chart");
  const rows = pageData().equity || [];
  if (!box || !rows.length) return;
  const { AreaSeries, LineSeries, PriceScaleMode } = window.LightweightCharts;
  const percent = (value) => `${(value * 100).toFixed(1)}%`;
  const hasHold = rows.some((row) => typeof row[3] === "number");
  const chart = timeChart(box);
  const quiet = { priceLineVisible: false, lastValueVisible: false };
  const holdOptions = { ...quiet, crosshairMarkerVisible: false, lineWidth: 1, lineStyle: 2 };
  const hold = hasHold ? chart.addSeries(LineSeries, holdOptions) : null;
  const equity = chart.addSeries(LineSeries, { lineWidth: 2, priceLineVisible: false });
  const drawdown = chart.addSeries(
    AreaSeries,
    {
      ...quiet,
      lineWidth: 1,
      priceFormat: { type: "custom", formatter: percent, minMove: 0.001 },
      // From 0 down, also where there was no drawdown.
      autoscaleInfoProvider: (original) => {
        const lowest = original()?.priceRange.minValue ?? 0;
        return { priceRange: { minValue: Math.min(lowest, -0.01), maxValue: 0 } };
      },
    },
    1,
  );
  equity.setData(rows.map(([time, value]) => ({ time, value })));
  hold?.setData(rows.map(([time, , , value]) => ({ time, value })));
  drawdown.setData(rows.map(([time, , value]) => ({ time, value: -value })));
  drawdown.priceScale().applyOptions({ scaleMargins: { top: 0.04, bottom: 0.08 } });
  chart.panes()[1].setHeight(Math.round(box.clientHeight * 0.26));

  function paint() {
    const area = color("--loss-soft");
    chart.applyOptions(timeChartOptions());
    equity.applyOptions({ color: color("--accent-1") });
    hold?.applyOptions({ color: color("--ink-3") });
    drawdown.applyOptions({ lineColor: color("--loss"), topColor: area, bottomColor: area, invertFilledArea: true });
  }

  function showLegend(row) {
    legend(byId("equity-legend"), [
      { name: formatDate(row[0]) },
      { name: "Equity", value: formatNumber(row[1]), line: "solid" },
      ...(hold ? [{ name: "Buy and hold", value: formatNumber(row[3]), line: "dashed" }] : []),
      { name: "Drawdown", value: percent(-row[2] || 0), line: "area" },
    ]);
  }

  function setScale(button, buttons) {
    const isLog = button.dataset.scale === "log";
    equity.priceScale().applyOptions({ mode: isLog ? PriceScaleMode.Logarithmic : PriceScaleMode.Normal });
    for (const other of buttons) {
      other.setAttribute("aria-pressed", String(other === button));
    }
    box.dataset.mode = button.dataset.scale;
  }

  const showAll = () => chart.timeScale().fitContent();
  paint();
  onChange(paint);
  showAll();
  zoomButtons("equity", chart, showAll);

  const byTime = new Map(rows.map((row) => [row[0], row]));
  showLegend(rows.at(-1));
  chart.subscribeCrosshairMove((move) => showLegend(byTime.get(move.time) || rows.at(-1)));

  const scaleButtons = document.querySelectorAll("[data-scale]");
  for (const button of scaleButtons) {
    button.addEventListener("click", () => setScale(button, scaleButtons));
  }
})();
