// Candles of a run with its trades on them. The server gives a window at a time: exact bars where few are in view,
// joined ones where many. A wider or finer window is fetched as the reader pans and zooms.
"use strict";
(() => {
  const { byId, timeChart, timeChartOptions, candleOptions, zoomButtons, formatDate, formatCount, legend } =
    window.Charts;
  const { color, onChange } = window.Theme;
  const box = byId("candles-chart");
  if (!box) return;
  const { CandlestickSeries, LineSeries, LineType, createSeriesMarkers } = window.LightweightCharts;
  const interval = Number(box.dataset.interval);
  const span = { from: Number(box.dataset.first), to: Number(box.dataset.last) };
  const MAX_BARS = 3000; // of one response: three screens wide, so that panning finds them there
  const MAX_LABELLED_MARKS = 160;
  const MAX_TABLE_ROWS = 500;
  const COLORS = ["--accent-1", "--sim", "--warn", "--ink-2"];
  const DASHES = [0, 2, 1, 3];
  const note = byId("candles-note");
  let chart = null;
  let series = null;
  let shown = null; // the response on the screen
  let pending = null;
  let isSettingRange = false;
  let timer = 0;

  function build() {
    box.replaceChildren();
    chart = timeChart(box, { handleScroll: { vertTouchDrag: false }, handleScale: true });
    const quiet = { priceLineVisible: false, lastValueVisible: false, crosshairMarkerVisible: false };
    const level = { ...quiet, lineWidth: 1, lineType: LineType.WithSteps, autoscaleInfoProvider: limitToPrices };
    const candles = chart.addSeries(CandlestickSeries, { priceLineVisible: false });
    series = {
      candles,
      stop: chart.addSeries(LineSeries, { ...level, lineStyle: 0 }),
      target: chart.addSeries(LineSeries, { ...level, lineStyle: 2 }),
      indicators: shown.indicators.map(({ pane }, index) => {
        const lineStyle = pane ? 0 : DASHES[index % 4];
        return chart.addSeries(LineSeries, { ...quiet, lineWidth: 1, lineStyle }, pane ? 1 : 0);
      }),
      markers: createSeriesMarkers(candles, []),
    };
    if (chart.panes().length > 1) chart.panes()[1].setHeight(Math.round(box.clientHeight * 0.2));
    chart.timeScale().subscribeVisibleLogicalRangeChange(() => {
      if (isSettingRange) return;
      window.clearTimeout(timer);
      timer = window.setTimeout(fetchIfNeeded, 120);
    });
    chart.subscribeCrosshairMove((move) => showLegend(move.time));
    zoomButtons("candles", chart, () => fetchWindow(span));
    paint();
  }

  // Levels far from the prices do not flatten the candles: the scale reaches half the candles' range beyond them.
  function limitToPrices(original) {
    const info = original();
    const range = chart.timeScale().getVisibleLogicalRange();
    if (!info || !range || !shown) return info;
    const [first, last] = [Math.max(0, Math.floor(range.from)), Math.ceil(range.to) + 1];
    const low = Math.min(...shown.candles.low.slice(first, last));
    const high = Math.max(...shown.candles.high.slice(first, last));
    const margin = (high - low) / 2;
    const { minValue, maxValue } = info.priceRange;
    return { priceRange: { minValue: Math.max(minValue, low - margin), maxValue: Math.min(maxValue, high + margin) } };
  }

  function paint() {
    chart.applyOptions(timeChartOptions());
    series.candles.applyOptions(candleOptions());
    series.stop.applyOptions({ color: color("--loss") });
    series.target.applyOptions({ color: color("--gain") });
    series.indicators.forEach((line, index) => {
      line.applyOptions({ color: color(COLORS[index % 4]) });
    });
    if (shown) showMarkers();
  }

  // --- Rows and times: a row is a bar's place in the response, with a fraction before and after the data ---

  function rowAt(seconds) {
    const times = shown.candles.time;
    const barLength = shown.bars_in_one * interval;
    if (seconds < times[0]) return (seconds - times[0]) / barLength;
    let [low, high] = [0, times.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (times[middle] <= seconds) low = middle;
      else high = middle - 1;
    }
    return low + Math.max(0, seconds - times[low]) / barLength;
  }

  function timeAt(row) {
    const times = shown.candles.time;
    const barLength = shown.bars_in_one * interval;
    if (row < 0) return times[0] + row * barLength;
    if (row > times.length - 1) return times.at(-1) + (row - times.length + 1) * barLength;
    return times[Math.round(row)];
  }

  function visibleSpan() {
    const range = chart.timeScale().getVisibleLogicalRange();
    return range ? { from: timeAt(range.from), to: timeAt(range.to) } : null;
  }

  // --- Fetching ---

  function fetchIfNeeded() {
    const view = visibleSpan();
    if (!view || !shown) return;
    const times = shown.candles.time;
    const [first, last] = [times[0], times.at(-1) + (shown.bars_in_one - 1) * interval];
    const isShort = (view.from < first && first > span.from) || (view.to > last && last < span.to);
    const barsInOne = Math.max(1, Math.ceil((3 * (view.to - view.from)) / interval / MAX_BARS));
    const isCoarse = shown.bars_in_one > 1 && barsInOne < shown.bars_in_one * 0.7;
    if (isShort || isCoarse) fetchWindow(view);
    else showNote();
  }

  // Shows `view`, with as much again on both sides.
  async function fetchWindow(view) {
    pending?.abort();
    pending = new AbortController();
    const width = Math.max(view.to - view.from, 20 * interval);
    const [from, to] = [Math.round((view.from - width) * 1000), Math.round((view.to + width) * 1000)];
    const query = new URLSearchParams({ from, to, bars: MAX_BARS });
    const options = { signal: pending.signal, headers: { Accept: "application/json" } };
    try {
      const response = await fetch(`${box.dataset.url}?${query}`, options);
      const result = await response.json();
      if (result.problem) showProblem(result.problem);
      else show(result, view);
    } catch (error) {
      if (error.name !== "AbortError") note.textContent = "The candles could not be read. Zoom or pan to try again.";
    }
  }

  function showProblem(problem) {
    if (chart) {
      note.textContent = problem;
      return;
    }
    const paragraph = document.createElement("p");
    paragraph.className = "empty";
    paragraph.textContent = problem;
    box.replaceChildren(paragraph);
    box.classList.add("without-chart");
  }

  // --- Drawing ---

  function show(result, view) {
    shown = result;
    isSettingRange = true;
    if (!chart) build();
    showCandles();
    showLevels();
    showMarkers();
    chart.timeScale().setVisibleLogicalRange({ from: rowAt(view.from), to: rowAt(view.to) });
    box.dataset.barsInOne = shown.bars_in_one;
    box.dataset.marks = shown.marks.map((mark) => mark.number).join(" ");
    box.dataset.ready = "yes";
    byId("candles-behind").hidden = false;
    showLegend();
    // The chart takes a new range on its next frame, and reports it like one that the reader chose.
    window.setTimeout(() => {
      isSettingRange = false;
      showNote();
    }, 60);
  }

  function priceDigits(prices) {
    const digits = prices.slice(-200).map((price) => (String(price).split(".")[1] || "").length);
    return Math.min(8, Math.max(2, ...digits));
  }

  function showCandles() {
    const { time, open, high, low, close } = shown.candles;
    const precision = priceDigits(close);
    series.candles.applyOptions({ priceFormat: { type: "price", precision, minMove: 10 ** -precision } });
    series.candles.setData(
      time.map((t, row) => ({ time: t, open: open[row], high: high[row], low: low[row], close: close[row] })),
    );
    shown.indicators.forEach(({ values }, index) => {
      const points = time.map((t, row) => (values[row] === null ? { time: t } : { time: t, value: values[row] }));
      series.indicators[index].setData(points);
    });
  }

  function showLevels() {
    series.stop.setData(levelPoints(1));
    series.target.setData(levelPoints(2));
  }

  // A line runs on over missing points, so without a position it goes on unseen, at the level that comes next.
  function levelPoints(column) {
    if (!shown.levels.length) return [];
    const levels = new Map(shown.levels.map((row) => [row[0], row[column]]));
    const points = [];
    let next = null;
    for (const time of shown.candles.time.toReversed()) {
      const level = levels.get(time) || 0;
      next = level || next;
      if (level) points.push({ time, value: level });
      else points.push(next === null ? { time } : { time, value: next, color: "transparent" });
    }
    return points.reverse();
  }

  function marker(mark, isLabelled) {
    const isEntry = mark.side === "entry";
    const exitColor = mark.net > 0 ? "--gain" : "--loss";
    const exitText = `${mark.reason} ${mark.net > 0 ? "+" : ""}${mark.net?.toFixed(2)}`;
    const text = isEntry ? `Buy ${mark.number}` : exitText;
    return {
      time: mark.time,
      position: isEntry ? "belowBar" : "aboveBar",
      shape: isEntry ? "arrowUp" : "arrowDown",
      color: color(isEntry ? "--accent-1" : exitColor),
      text: isLabelled ? text : "",
    };
  }

  function showMarkers() {
    const isLabelled = shown.marks.length <= MAX_LABELLED_MARKS;
    series.markers.setMarkers(shown.marks.map((mark) => marker(mark, isLabelled)));
  }

  function showNote() {
    const view = visibleSpan();
    if (!view) return;
    const bars = Math.round((Math.min(view.to, span.to) - Math.max(view.from, span.from)) / interval) + 1;
    const { bars_in_one: barsInOne, trades, marks } = shown;
    const texts = [`${formatCount(Math.max(bars, 1))} bars in view`];
    if (barsInOne > 1) texts.push(`${barsInOne} bars in each candle: zoom in for single bars, stops and targets`);
    if (trades && !marks.length) texts.push(`${formatCount(trades)} trades here: zoom in to see them`);
    note.textContent = `${texts.join(" · ")}. Times are UTC.`;
  }

  function formatIndicator(value) {
    return typeof value === "number" ? String(+value.toFixed(Math.abs(value) >= 10 ? 2 : 6)) : "–";
  }

  function showLegend(time) {
    const times = shown.candles.time;
    const row = typeof time === "number" ? Math.floor(rowAt(time)) : times.length - 1;
    const { open, high, low, close } = shown.candles;
    const [, stop, target] = shown.levels.find((level) => level[0] === times[row]) || [];
    legend(byId("candles-legend"), [
      { name: formatDate(times[row]) },
      { name: "O", value: open[row] },
      { name: "H", value: high[row] },
      { name: "L", value: low[row] },
      { name: "C", value: close[row] },
      ...shown.indicators.map(({ name, values }, index) => ({
        name,
        value: formatIndicator(values[row]),
        line: `line-${index % 4}`,
      })),
      ...(stop ? [{ name: "Stop", value: stop, line: "stop" }] : []),
      ...(target ? [{ name: "Target", value: target, line: "target" }] : []),
    ]);
  }

  // --- The table behind the chart holds the bars in view, made when it is opened ---

  function visibleRows() {
    const view = visibleSpan();
    const { time, open, high, low, close } = shown.candles;
    const rows = [];
    for (let row = 0; row < time.length && rows.length < MAX_TABLE_ROWS; row += 1) {
      if (time[row] >= view.from && time[row] <= view.to) {
        const values = shown.indicators.map((indicator) => formatIndicator(indicator.values[row]));
        rows.push([formatDate(time[row]), open[row], high[row], low[row], close[row], ...values]);
      }
    }
    return rows;
  }

  function showTable() {
    const table = document.createElement("table");
    table.className = "data";
    const caption = table.createCaption();
    caption.className = "visually-hidden";
    caption.textContent = "The bars in view";
    const head = table.createTHead().insertRow();
    for (const text of ["Opens (UTC)", "Open", "High", "Low", "Close", ...shown.indicators.map(({ name }) => name)]) {
      const cell = document.createElement("th");
      cell.scope = "col";
      cell.textContent = text;
      head.append(cell);
    }
    const body = table.createTBody();
    for (const row of visibleRows()) {
      const cells = body.insertRow();
      for (const text of row) {
        cells.insertCell().textContent = text;
      }
    }
    byId("candles-table").replaceChildren(table);
  }

  // --- Trades: the buttons step from one to the next, a number in the table of trades shows its trade ---

  function showTrade(from, to) {
    const margin = Math.max(to - from, 10 * interval);
    fetchWindow({ from: from - 1.5 * margin, to: to + 1.5 * margin });
  }

  function showNextTrade(step) {
    const view = visibleSpan();
    const middle = (view.from + view.to) / 2;
    const width = view.to - view.from;
    const entries = shown.marks.filter((mark) => mark.side === "entry").map((mark) => mark.time);
    const next =
      step > 0
        ? entries.find((time) => time > middle + interval)
        : entries.findLast((time) => time < middle - interval);
    const target = next ?? middle + step * width;
    fetchWindow({ from: target - width / 2, to: target + width / 2 });
  }

  document.addEventListener("click", (event) => {
    if (!chart) return;
    const link = event.target.closest("[data-show-trade]");
    if (link) showTrade(...link.dataset.showTrade.split(",").map(Number));
    const button = event.target.closest("[data-tools=candles] [data-step]");
    if (button) showNextTrade(Number(button.dataset.step));
  });

  const details = byId("candles-behind");
  details.addEventListener("toggle", () => {
    if (details.open && shown) showTable();
  });

  onChange(() => {
    if (chart) paint();
  });
  const barsAtFirst = box.clientWidth < 600 ? 90 : 220;
  fetchWindow({ from: Math.max(span.from, span.to - barsAtFirst * interval), to: span.to + 4 * interval });
})();
