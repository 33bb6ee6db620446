// Candles of a run with what it did on them. The server gives a window at a time: exact bars where few are in view,
// joined ones where many; a wider or finer window is asked for as the reader pans and zooms.
"use strict";
(() => {
  const { colour, at, look, onTheme, onPaper, zoomButtons, dateText, legend } = window.ResultCharts;
  const box = at("candles-chart");
  if (!box) return;
  const lib = window.LightweightCharts;
  const interval = Number(box.dataset.interval);
  const whole = { from: Number(box.dataset.first), to: Number(box.dataset.last) };
  const AT_ONCE = 3000; // bars of one answer: three screens wide, so that panning finds them there
  const LINES = ["--accent-1", "--sim", "--warn", "--ink-2"];
  const DASHES = [0, 2, 1, 3];
  const note = at("candles-note");
  let chart = null;
  let parts = null;
  let shown = null; // the answer on the screen
  let asking = null;
  let isSetting = false;
  let timer = 0;

  const candleLook = () => {
    const [up, down] = [colour("--gain"), colour("--loss")];
    return { upColor: colour("--panel"), borderUpColor: up, wickUpColor: up, downColor: down, borderDownColor: down, wickDownColor: down };
  };

  function build() {
    box.replaceChildren();
    chart = lib.createChart(box, { autoSize: true, ...look(), handleScroll: { vertTouchDrag: false } });
    onPaper(box, chart);
    const quiet = { priceLineVisible: false, lastValueVisible: false, crosshairMarkerVisible: false };
    const candles = chart.addSeries(lib.CandlestickSeries, { priceLineVisible: false });
    const level = { ...quiet, lineWidth: 1, lineType: lib.LineType.WithSteps, autoscaleInfoProvider: nearPrices };
    parts = {
      candles,
      stop: chart.addSeries(lib.LineSeries, { ...level, lineStyle: 0 }),
      target: chart.addSeries(lib.LineSeries, { ...level, lineStyle: 2 }),
      lines: shown.indicators.map((indicator, number) => chart.addSeries(
        lib.LineSeries, { ...quiet, lineWidth: 1, lineStyle: indicator.pane ? 0 : DASHES[number % 4] }, indicator.pane ? 1 : 0)),
      marks: lib.createSeriesMarkers(candles, []),
    };
    if (chart.panes().length > 1) chart.panes()[1].setHeight(Math.round(box.clientHeight * 0.2));
    chart.timeScale().subscribeVisibleLogicalRangeChange(() => {
      if (isSetting) return;
      window.clearTimeout(timer);
      timer = window.setTimeout(askIfNeeded, 120);
    });
    chart.subscribeCrosshairMove((move) => tell(move.time));
    zoomButtons("candles", chart, () => ask(whole));
    paint();
  }

  // Levels far from the prices do not flatten the candles: the scale reaches half the candles' range beyond them.
  function nearPrices(original) {
    const found = original();
    const range = chart.timeScale().getVisibleLogicalRange();
    if (!found || !range || !shown) return found;
    const [first, last] = [Math.max(0, Math.floor(range.from)), Math.ceil(range.to) + 1];
    const [low, high] = [Math.min(...shown.candles.low.slice(first, last)), Math.max(...shown.candles.high.slice(first, last))];
    const room = (high - low) / 2;
    const { minValue, maxValue } = found.priceRange;
    return { priceRange: { minValue: Math.max(minValue, low - room), maxValue: Math.min(maxValue, high + room) } };
  }

  function paint() {
    chart.applyOptions(look());
    parts.candles.applyOptions(candleLook());
    parts.stop.applyOptions({ color: colour("--loss") });
    parts.target.applyOptions({ color: colour("--gain") });
    parts.lines.forEach((line, number) => line.applyOptions({ color: colour(LINES[number % 4]) }));
    if (shown) setMarks();
  }

  // Row of the shown bar that holds a moment, with a fraction before and after the data.
  function rowOf(seconds) {
    const times = shown.candles.time;
    const size = shown.bars_in_one * interval;
    if (seconds < times[0]) return (seconds - times[0]) / size;
    let [low, high] = [0, times.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (times[middle] <= seconds) low = middle; else high = middle - 1;
    }
    return low + Math.max(0, seconds - times[low]) / size;
  }

  function momentOf(row) {
    const times = shown.candles.time;
    const size = shown.bars_in_one * interval;
    if (row < 0) return times[0] + row * size;
    if (row > times.length - 1) return times[times.length - 1] + (row - times.length + 1) * size;
    return times[Math.round(row)];
  }

  function inView() {
    const range = chart.timeScale().getVisibleLogicalRange();
    return range ? { from: momentOf(range.from), to: momentOf(range.to) } : null;
  }

  function askIfNeeded() {
    const view = inView();
    if (!view || !shown) return;
    const times = shown.candles.time;
    const [first, last] = [times[0], times[times.length - 1] + (shown.bars_in_one - 1) * interval];
    const width = view.to - view.from;
    const isShort = (view.from < first && first > whole.from) || (view.to > last && last < whole.to);
    const fits = Math.max(1, Math.ceil((3 * width) / interval / AT_ONCE));
    const isCoarse = shown.bars_in_one > 1 && fits < shown.bars_in_one * 0.7;
    if (isShort || isCoarse) ask(view);
    else count();
  }

  // Shows `view`, with as much again on both sides.
  async function ask(view) {
    if (asking) asking.abort();
    asking = new AbortController();
    const width = Math.max(view.to - view.from, 20 * interval);
    const query = new URLSearchParams({ from: Math.round((view.from - width) * 1000), to: Math.round((view.to + width) * 1000), bars: AT_ONCE });
    try {
      const answer = await fetch(`${box.dataset.url}?${query}`, { signal: asking.signal, headers: { Accept: "application/json" } });
      const found = await answer.json();
      if (found.problem) return tellProblem(found.problem);
      show(found, view);
    } catch (error) {
      if (error.name !== "AbortError") note.textContent = "The candles could not be read. Zoom or pan to try again.";
    }
  }

  function tellProblem(problem) {
    if (chart) { note.textContent = problem; return; }
    const told = document.createElement("p");
    told.className = "empty";
    told.textContent = problem;
    box.replaceChildren(told);
    box.classList.add("without-chart");
  }

  function show(found, view) {
    shown = found;
    isSetting = true;
    if (!chart) build();
    const { time, open, high, low, close } = shown.candles;
    const digits = decimals(close);
    parts.candles.applyOptions({ priceFormat: { type: "price", precision: digits, minMove: 10 ** -digits } });
    parts.candles.setData(time.map((t, k) => ({ time: t, open: open[k], high: high[k], low: low[k], close: close[k] })));
    shown.indicators.forEach((indicator, number) => parts.lines[number].setData(
      time.map((t, k) => (indicator.values[k] === null ? { time: t } : { time: t, value: indicator.values[k] }))));
    const levels = new Map(shown.levels.map((row) => [row[0], row]));
    // A line runs on over missing points, so where nothing is held it goes on unseen, at the level that comes next.
    const series = (place) => {
      let next = null;
      return time.map((t) => [t, levels.has(t) ? levels.get(t)[place] : 0]).reverse().map(([t, level]) => {
        next = level || next;
        return level ? { time: t, value: level } : next === null ? { time: t } : { time: t, value: next, color: "transparent" };
      }).reverse();
    };
    parts.stop.setData(shown.levels.length ? series(1) : []);
    parts.target.setData(shown.levels.length ? series(2) : []);
    setMarks();
    chart.timeScale().setVisibleLogicalRange({ from: rowOf(view.from), to: rowOf(view.to) });
    box.dataset.barsInOne = shown.bars_in_one;
    box.dataset.marks = shown.marks.map((mark) => mark.number).join(" ");
    box.dataset.ready = "yes";
    at("candles-behind").hidden = false;
    tell();
    // The chart takes a new range on its next frame, and tells it like one that the reader chose.
    window.setTimeout(() => { isSetting = false; count(); }, 60);
  }

  function decimals(prices) {
    const most = prices.slice(-200).map((price) => (String(price).split(".")[1] || "").length);
    return Math.min(8, Math.max(2, ...most));
  }

  function setMarks() {
    const isRoomy = shown.marks.length <= 160;
    parts.marks.setMarkers(shown.marks.map((mark) => {
      const buys = mark.side === "entry";
      const sign = mark.net > 0 ? "+" : "";
      return {
        time: mark.time, position: buys ? "belowBar" : "aboveBar", shape: buys ? "arrowUp" : "arrowDown",
        color: colour(buys ? "--accent-1" : mark.net > 0 ? "--gain" : "--loss"),
        text: !isRoomy ? "" : buys ? `Buy ${mark.number}` : `${mark.reason} ${sign}${mark.net.toFixed(2)}`,
      };
    }));
  }

  function count() {
    const view = inView();
    if (!view) return;
    const bars = Math.round((Math.min(view.to, whole.to) - Math.max(view.from, whole.from)) / interval) + 1;
    const size = shown.bars_in_one;
    const told = [`${Math.max(bars, 1).toLocaleString("en-US")} bars in view`];
    if (size > 1) told.push(`${size} bars in each candle: zoom in for single bars, stops and targets`);
    if (shown.trades && !shown.marks.length) told.push(`${shown.trades.toLocaleString("en-US")} trades here: zoom in to see them`);
    note.textContent = `${told.join(" · ")}. Times are UTC.`;
  }

  function tell(time) {
    const times = shown.candles.time;
    const row = time === undefined || time === null ? times.length - 1 : Math.floor(rowOf(time));
    const { open, high, low, close } = shown.candles;
    const level = shown.levels.find((one) => one[0] === times[row]);
    legend(at("candles-legend"), [
      { name: dateText(times[row]) }, { name: "O", value: open[row] }, { name: "H", value: high[row] }, { name: "L", value: low[row] },
      { name: "C", value: close[row] },
      ...shown.indicators.map((indicator, number) => ({ name: indicator.name, value: short(indicator.values[row]), line: `line-${number % 4}` })),
      ...(level && level[1] ? [{ name: "Stop", value: level[1], line: "stop" }] : []),
      ...(level && level[2] ? [{ name: "Target", value: level[2], line: "target" }] : []),
    ]);
  }

  const short = (value) => (value === null || value === undefined ? "–" : String(+value.toFixed(Math.abs(value) >= 10 ? 2 : 6)));

  // The table behind the chart holds the bars in view, made when it is opened.
  const behind = at("candles-behind");
  behind.addEventListener("toggle", () => {
    if (!behind.open || !shown) return;
    const view = inView();
    const table = document.createElement("table");
    table.className = "data";
    const caption = table.createCaption();
    caption.className = "visually-hidden";
    caption.textContent = "The bars in view";
    const heads = ["Opens (UTC)", "Open", "High", "Low", "Close", ...shown.indicators.map((one) => one.name)];
    const head = table.createTHead().insertRow();
    heads.forEach((text) => {
      const cell = document.createElement("th");
      cell.scope = "col";
      cell.textContent = text;
      head.append(cell);
    });
    const body = table.createTBody();
    const { time, open, high, low, close } = shown.candles;
    time.forEach((t, k) => {
      if (t < view.from || t > view.to || body.rows.length >= 500) return;
      const cells = body.insertRow();
      [dateText(t), open[k], high[k], low[k], close[k], ...shown.indicators.map((one) => short(one.values[k]))]
        .forEach((text) => { cells.insertCell().textContent = text; });
    });
    at("candles-table").replaceChildren(table);
  });

  // Trades: the buttons step from one to the next, a number in the table of trades shows its trade.
  function showTrade(from, to) {
    const margin = Math.max(to - from, 10 * interval);
    ask({ from: from - 1.5 * margin, to: to + 1.5 * margin });
  }
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-show-trade]");
    if (link && chart) showTrade(...link.dataset.showTrade.split(",").map(Number));
    const button = event.target.closest("[data-tools=candles] [data-step]");
    if (!button || !chart) return;
    const view = inView();
    const middle = (view.from + view.to) / 2;
    const step = Number(button.dataset.step);
    const width = view.to - view.from;
    const entries = shown.marks.filter((mark) => mark.side === "entry").map((mark) => mark.time);
    const far = entries.filter((time) => (step > 0 ? time > middle + interval : time < middle - interval));
    const next = far.length ? (step > 0 ? far[0] : far[far.length - 1]) : middle + step * width;
    ask({ from: next - width / 2, to: next + width / 2 });
  });

  onTheme(() => { if (chart) paint(); });
  const start = Math.max(whole.from, whole.to - (box.clientWidth < 600 ? 90 : 220) * interval);
  ask({ from: start, to: whole.to + 4 * interval });
})();
