// What every chart of a result shares: the page's values, the theme's colours, ECharts that fit their box, zoom buttons.
// Every number drawn also stands in a table of the page.
"use strict";
window.ResultCharts = (() => {
  const holder = document.getElementById("chart-data");
  const data = holder ? JSON.parse(holder.textContent) : {};
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const at = (id) => document.getElementById(id);
  const repaints = [];

  // Calls `repaint` whenever the reader or the system changes between light and dark.
  function onTheme(repaint) {
    repaints.push(repaint);
  }
  const repaintAll = () => repaints.forEach((repaint) => repaint());
  new MutationObserver(repaintAll).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaintAll);

  // Paper is light and narrow: the print button fits the page and its charts to it for as long as it prints.
  // A canvas drawn anew while the browser prepares to print comes out blank, so a few frames pass first.
  const root = document.documentElement;
  const fits = [];
  function print() {
    const theme = root.dataset.theme;
    const fit = (isPaper) => { repaintAll(); fits.forEach((one) => one(isPaper)); };
    root.dataset.theme = "light";
    root.classList.add("on-paper");
    fit(true);
    window.addEventListener("afterprint", () => {
      root.classList.remove("on-paper");
      root.dataset.theme = theme || "auto";
      fit(false);
    }, { once: true });
    window.setTimeout(() => window.print(), 120);
  }

  // Has a lightweight-chart printed at the size of its box on paper, with the bars that are in view.
  function onPaper(box, chart) {
    fits.push((isPaper) => {
      const range = chart.timeScale().getVisibleLogicalRange();
      const look = () => range && chart.timeScale().setVisibleLogicalRange(range);
      chart.applyOptions({ autoSize: false });
      chart.resize(box.clientWidth, box.clientHeight, true);
      chart.applyOptions({ autoSize: !isPaper });
      requestAnimationFrame(look);
    });
  }

  // Draws an ECharts option, or what a function gives: a function is asked again when the theme changes.
  function draw(id, option) {
    const box = at(id);
    if (!box) return null;
    const chart = window.echarts.init(box);
    const paint = () => {
      const quiet = {
        splitLine: { lineStyle: { color: colour("--line") } }, axisLine: { lineStyle: { color: colour("--line-2") } },
        axisTick: { lineStyle: { color: colour("--line-2") } }, axisLabel: { color: colour("--ink-3") },
        nameTextStyle: { color: colour("--ink-3") },
      };
      const asked = typeof option === "function" ? option() : option;
      chart.setOption({
        textStyle: { color: colour("--ink-2"), fontFamily: getComputedStyle(document.body).fontFamily }, animation: false,
        ...asked,
      });
      if (asked.xAxis) chart.setOption({ xAxis: quiet, yAxis: quiet });
    };
    paint();
    onTheme(paint);
    new ResizeObserver(() => chart.resize()).observe(box);
    fits.push(() => chart.resize());
    return chart;
  }

  // The look of ECharts' tooltips and zoom sliders under the theme.
  const tooltip = () => ({
    backgroundColor: colour("--panel"), borderColor: colour("--line-2"), textStyle: { color: colour("--ink"), fontSize: 12 },
  });
  // The wheel scrolls the page; with Ctrl it zooms the chart.
  const zooms = () => [
    { type: "inside", zoomOnMouseWheel: "ctrl", moveOnMouseWheel: false },
    {
      type: "slider", height: 18, bottom: 6, borderColor: colour("--line"), fillerColor: colour("--accent-soft"),
      backgroundColor: "transparent", textStyle: { color: colour("--ink-3") }, handleStyle: { color: colour("--panel"), borderColor: colour("--ink-3") },
      moveHandleSize: 0, dataBackground: { lineStyle: { color: colour("--line-2") }, areaStyle: { color: colour("--line") } },
      selectedDataBackground: { lineStyle: { color: colour("--ink-3") }, areaStyle: { color: colour("--line-2") } }, showDetail: false,
    },
  ];

  // The look of lightweight-charts under the theme.
  const look = () => ({
    layout: {
      background: { color: "transparent" }, textColor: colour("--ink-3"), fontFamily: getComputedStyle(document.body).fontFamily,
      attributionLogo: false, panes: { separatorColor: colour("--line"), separatorHoverColor: colour("--line-2") },
    },
    grid: { vertLines: { color: colour("--line") }, horzLines: { color: colour("--line") } },
    rightPriceScale: { borderColor: colour("--line") },
    timeScale: { borderColor: colour("--line"), timeVisible: true, secondsVisible: false, minBarSpacing: 0.05, lockVisibleTimeRangeOnResize: true },
    crosshair: { vertLine: { color: colour("--ink-3"), labelBackgroundColor: colour("--ink-2") }, horzLine: { color: colour("--ink-3"), labelBackgroundColor: colour("--ink-2") } },
  });

  // Buttons that zoom a lightweight-chart: [data-zoom] inside [data-tools=name]. `all` shows everything.
  function zoomButtons(name, chart, all) {
    const tools = document.querySelector(`[data-tools="${name}"]`);
    if (!tools) return;
    tools.hidden = false;
    tools.addEventListener("click", (event) => {
      const button = event.target.closest("[data-zoom]");
      if (!button) return;
      if (button.dataset.zoom === "all") return all();
      const range = chart.timeScale().getVisibleLogicalRange();
      const look = () => range && chart.timeScale().setVisibleLogicalRange(range);
      if (!range) return;
      const length = range.to - range.from;
      const change = button.dataset.zoom === "in" ? -length / 4 : length / 2;
      chart.timeScale().setVisibleLogicalRange({ from: range.from - change, to: range.to + change });
    });
  }

  const dateText = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ");
  const number = (value, digits = 2) => value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });

  // A legend's entries: a swatch, a name and a value, each its own element.
  function legend(box, entries) {
    if (!box) return;
    box.replaceChildren(...entries.map(({ name, value, line }) => {
      const item = document.createElement("span");
      if (line) item.className = `swatch ${line}`;
      item.textContent = value === undefined ? name : `${name} `;
      if (value !== undefined) {
        const strong = document.createElement("strong");
        strong.textContent = value;
        item.append(strong);
      }
      return item;
    }));
  }

  // The browser's own print command would cut the charts at the width of the screen: its keys do what the button does.
  const printButton = document.querySelector("[data-print]");
  if (printButton) {
    printButton.hidden = false;
    printButton.addEventListener("click", () => {
      document.querySelectorAll("details.behind").forEach((details) => { details.open = false; });
      print();
    });
    document.addEventListener("keydown", (event) => {
      if (event.key !== "p" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
      event.preventDefault();
      printButton.click();
    });
  }

  return { data, colour, at, draw, onTheme, onPaper, tooltip, zooms, look, zoomButtons, dateText, number, legend };
})();
