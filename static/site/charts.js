// What every chart shares: options under the theme for lightweight-charts and ECharts, zoom buttons, legends, printing.
// Every number drawn also stands in a table of the page.
"use strict";
window.Charts = (() => {
  const { color, fontFamily, onChange } = window.Theme;
  const byId = (id) => document.getElementById(id);
  const printResizers = [];

  // The JSON that a page gives to its scripts; empty where there is none.
  function pageData(id = "chart-data") {
    const holder = byId(id);
    return (holder && JSON.parse(holder.textContent)) || {};
  }

  // --- lightweight-charts: candles and equity over time ---

  const timeChartOptions = () => ({
    layout: {
      background: { color: "transparent" },
      textColor: color("--ink-3"),
      fontFamily: fontFamily(),
      attributionLogo: false,
      panes: { separatorColor: color("--line"), separatorHoverColor: color("--line-2") },
    },
    grid: { vertLines: { color: color("--line") }, horzLines: { color: color("--line") } },
    rightPriceScale: { borderColor: color("--line") },
    timeScale: {
      borderColor: color("--line"),
      timeVisible: true,
      secondsVisible: false,
      minBarSpacing: 0.05,
      lockVisibleTimeRangeOnResize: true,
    },
    crosshair: {
      vertLine: { color: color("--ink-3"), labelBackgroundColor: color("--ink-2") },
      horzLine: { color: color("--ink-3"), labelBackgroundColor: color("--ink-2") },
    },
  });

  // Rising candles are hollow, so that they differ from falling ones in more than colour.
  function candleOptions() {
    const [up, down] = [color("--gain"), color("--loss")];
    return {
      upColor: color("--panel"),
      borderUpColor: up,
      wickUpColor: up,
      downColor: down,
      borderDownColor: down,
      wickDownColor: down,
    };
  }

  // The wheel scrolls the page and not the chart, unless `options` says otherwise.
  function timeChart(box, options = {}) {
    const still = { handleScroll: { mouseWheel: false, vertTouchDrag: false }, handleScale: { mouseWheel: false } };
    const chart = window.LightweightCharts.createChart(box, {
      autoSize: true,
      ...timeChartOptions(),
      ...still,
      ...options,
    });
    printResizers.push((isPaper) => {
      const range = chart.timeScale().getVisibleLogicalRange();
      chart.applyOptions({ autoSize: false });
      chart.resize(box.clientWidth, box.clientHeight, true);
      chart.applyOptions({ autoSize: !isPaper });
      requestAnimationFrame(() => range && chart.timeScale().setVisibleLogicalRange(range));
    });
    return chart;
  }

  // Buttons that zoom a time chart: [data-zoom] inside [data-tools=name]. `showAll` shows everything.
  function zoomButtons(name, chart, showAll) {
    const tools = document.querySelector(`[data-tools="${name}"]`);
    if (!tools) return;
    tools.hidden = false;
    tools.addEventListener("click", (event) => {
      const button = event.target.closest("[data-zoom]");
      const range = chart.timeScale().getVisibleLogicalRange();
      if (button?.dataset.zoom === "all") showAll();
      else if (button && range) {
        const length = range.to - range.from;
        const change = button.dataset.zoom === "in" ? -length / 4 : length / 2;
        chart.timeScale().setVisibleLogicalRange({ from: range.from - change, to: range.to + change });
      }
    });
  }

  // --- ECharts: everything that is not over time ---

  function axisColors() {
    return {
      splitLine: { lineStyle: { color: color("--line") } },
      axisLine: { lineStyle: { color: color("--line-2") } },
      axisTick: { lineStyle: { color: color("--line-2") } },
      axisLabel: { color: color("--ink-3") },
      nameTextStyle: { color: color("--ink-3") },
    };
  }

  // Draws what `makeOption` returns, and draws it again when the theme changes.
  function draw(id, makeOption) {
    const box = byId(id);
    if (!box) return null;
    const chart = window.echarts.init(box);
    const paint = () => {
      const option = makeOption();
      const textStyle = { color: color("--ink-2"), fontFamily: fontFamily() };
      chart.setOption({ textStyle, animation: false, ...option });
      if (option.xAxis) chart.setOption({ xAxis: axisColors(), yAxis: axisColors() });
    };
    paint();
    onChange(paint);
    new ResizeObserver(() => chart.resize()).observe(box);
    printResizers.push(() => chart.resize());
    return chart;
  }

  const tooltip = () => ({
    backgroundColor: color("--panel"),
    borderColor: color("--line-2"),
    textStyle: { color: color("--ink"), fontSize: 12 },
  });

  // The wheel scrolls the page; with Ctrl it zooms the chart.
  const wheelZoom = () => ({ type: "inside", zoomOnMouseWheel: "ctrl", moveOnMouseWheel: false });

  const zoomSlider = () => ({
    type: "slider",
    height: 18,
    bottom: 6,
    borderColor: color("--line"),
    fillerColor: color("--accent-soft"),
    backgroundColor: "transparent",
    textStyle: { color: color("--ink-3") },
    handleStyle: { color: color("--panel"), borderColor: color("--ink-3") },
    moveHandleSize: 0,
    showDetail: false,
    dataBackground: { lineStyle: { color: color("--line-2") }, areaStyle: { color: color("--line") } },
    selectedDataBackground: { lineStyle: { color: color("--ink-3") }, areaStyle: { color: color("--line-2") } },
  });

  // --- Text ---

  const formatDate = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ");
  const formatCount = (value) => value.toLocaleString("en-US");
  const formatNumber = (value, digits = 2) =>
    value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });

  // Four significant digits; a dash where there is no value.
  const formatShort = (value) => (typeof value === "number" ? Number(value.toPrecision(4)).toString() : "–");
  const formatMetric = (value, isPercent) =>
    isPercent && typeof value === "number" ? `${formatShort(value * 100)}%` : formatShort(value);

  // A legend's entries: a swatch, a name and a value, each its own element.
  function legend(box, entries) {
    const items = entries.map(({ name, value, line }) => {
      const item = document.createElement("span");
      if (line) item.className = `swatch ${line}`;
      item.textContent = value === undefined ? name : `${name} `;
      if (value !== undefined) {
        const strong = document.createElement("strong");
        strong.textContent = value;
        item.append(strong);
      }
      return item;
    });
    box?.replaceChildren(...items);
  }

  function resizeForPrint(isPaper) {
    for (const resize of printResizers) {
      resize(isPaper);
    }
  }

  return {
    byId,
    pageData,
    timeChart,
    timeChartOptions,
    candleOptions,
    zoomButtons,
    draw,
    tooltip,
    wheelZoom,
    zoomSlider,
    formatDate,
    formatCount,
    formatNumber,
    formatShort,
    formatMetric,
    legend,
    resizeForPrint,
  };
})();
