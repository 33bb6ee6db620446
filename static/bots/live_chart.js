// A bot's market, what the bot did on it, and its equity. All of it comes as JSON from the page's chart address.
"use strict";
(() => {
  const { byId, timeChart, timeChartOptions, candleOptions } = window.Charts;
  const { color, onChange } = window.Theme;
  const box = byId("bot-chart");
  if (!box || !window.LightweightCharts) return;
  const { createSeriesMarkers, CandlestickSeries, LineSeries } = window.LightweightCharts;
  const REFRESH_MS = 15000;
  const FIRST_BARS = 130;
  const note = byId("chart-note");
  let chart = null;
  let series = null;
  let priceLines = [];

  function build() {
    box.replaceChildren();
    box.classList.remove("without-chart");
    chart = timeChart(box, { handleScroll: { vertTouchDrag: false }, handleScale: true });
    const candles = chart.addSeries(CandlestickSeries, {});
    const equity = chart.addSeries(LineSeries, { lineWidth: 2, priceLineVisible: false }, 1);
    series = { candles, equity, markers: createSeriesMarkers(candles, []) };
    chart.panes()[1].setHeight(90);
    paint();
  }

  function paint() {
    if (!chart) return;
    chart.applyOptions(timeChartOptions());
    series.candles.applyOptions({ ...candleOptions(), upColor: color("--gain") });
    series.equity.applyOptions({ color: color("--accent-1") });
  }

  function arrow(marker) {
    const isBuy = marker.side === "buy";
    return {
      time: marker.time,
      position: isBuy ? "belowBar" : "aboveBar",
      shape: isBuy ? "arrowUp" : "arrowDown",
      color: color(isBuy ? "--gain" : "--loss"),
      text: marker.text,
    };
  }

  function priceLine({ price, title, kind }) {
    const colors = { entry: "--ink-3", stop: "--loss", target: "--gain" };
    return series.candles.createPriceLine({
      price,
      title,
      color: color(colors[kind]),
      lineStyle: 2,
      lineWidth: 1,
      axisLabelVisible: true,
    });
  }

  function show(data) {
    const isFirst = chart === null;
    if (isFirst) build();
    const { candles, equity, markers } = series;
    const times = new Set(data.candles.map((candle) => candle.time));
    const priceFormat = { type: "price", precision: data.precision, minMove: 10 ** -data.precision };
    candles.applyOptions({ priceFormat });
    candles.setData(data.candles);
    markers.setMarkers(data.markers.filter((marker) => times.has(marker.time)).map(arrow));
    equity.setData(data.equity.filter((point) => times.has(point.time)));
    for (const line of priceLines) {
      candles.removePriceLine(line);
    }
    priceLines = data.lines.map(priceLine);
    const length = data.candles.length;
    if (isFirst && length > FIRST_BARS) {
      chart.timeScale().setVisibleLogicalRange({ from: length - FIRST_BARS, to: length + 4 });
    }
  }

  async function fetchData(isQuick) {
    const response = await fetch(box.dataset.url + (isQuick ? "?quick" : ""), {
      headers: { Accept: "application/json" },
    });
    if (!response.ok) throw new Error(response.statusText);
    return response.json();
  }

  // Quick first: what is on record shows at once, while a slow exchange is still being asked for candles.
  async function refresh(isQuick) {
    try {
      const data = await fetchData(isQuick);
      note.textContent = data.note || data.source;
      if (data.candles.length) show(data);
      else if (chart === null && !isQuick) {
        box.classList.add("without-chart");
        box.querySelector(".empty").textContent = "No candles yet. They appear after the bot's first decision.";
      }
    } catch {
      note.textContent = "The chart could not be refreshed; trying again.";
    }
    window.setTimeout(() => refresh(false), isQuick ? 0 : REFRESH_MS);
  }

  onChange(paint);
  refresh(true);
})();
