// Draws a bot's market, what the bot did on it, and its equity. Everything drawn comes as JSON from the page's chart address.
"use strict";

(() => {
    const place = document.getElementById("bot-chart");
    if (!place || !window.LightweightCharts) {
        return;
    }
    const { createChart, createSeriesMarkers, CandlestickSeries, LineSeries } = window.LightweightCharts;
    const REFRESH_MS = 15000;
    const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    let chart = null;
    let parts = null;
    let lines = [];

    function look() {
        return {
            layout: { background: { color: colour("--panel") }, textColor: colour("--ink-3"), attributionLogo: false, panes: { separatorColor: colour("--line") } },
            grid: { vertLines: { color: colour("--line") }, horzLines: { color: colour("--line") } },
            rightPriceScale: { borderColor: colour("--line") },
            timeScale: { borderColor: colour("--line"), timeVisible: true, secondsVisible: false },
        };
    }

    function candleLook() {
        const [up, down] = [colour("--gain"), colour("--loss")];
        return { upColor: up, downColor: down, wickUpColor: up, wickDownColor: down, borderVisible: false };
    }

    function build() {
        place.replaceChildren();
        place.classList.remove("without-chart");
        chart = createChart(place, { autoSize: true, ...look() });
        const candles = chart.addSeries(CandlestickSeries, candleLook());
        const equity = chart.addSeries(LineSeries, { lineWidth: 2, color: colour("--accent-1"), priceLineVisible: false }, 1);
        parts = { candles, equity, markers: createSeriesMarkers(candles, []) };
        chart.panes()[1].setHeight(90);
    }

    function arrow(marker) {
        const buys = marker.side === "buy";
        return {
            time: marker.time,
            position: buys ? "belowBar" : "aboveBar",
            shape: buys ? "arrowUp" : "arrowDown",
            color: colour(buys ? "--gain" : "--loss"),
            text: marker.text,
        };
    }

    function level(line) {
        const names = { entry: "--ink-3", stop: "--loss", target: "--gain" };
        return parts.candles.createPriceLine({ price: line.price, title: line.title, color: colour(names[line.kind]), lineStyle: 2, lineWidth: 1, axisLabelVisible: true });
    }

    function show(data) {
        const isFirst = chart === null;
        if (isFirst) {
            build();
        }
        parts.candles.applyOptions({ priceFormat: { type: "price", precision: data.precision, minMove: 10 ** -data.precision } });
        parts.candles.setData(data.candles);
        const known = new Set(data.candles.map((candle) => candle.time));
        parts.markers.setMarkers(data.markers.filter((marker) => known.has(marker.time)).map(arrow));
        parts.equity.setData(data.equity.filter((point) => known.has(point.time)));
        lines.forEach((line) => parts.candles.removePriceLine(line));
        lines = data.lines.map(level);
        if (isFirst && data.candles.length > 130) {
            chart.timeScale().setVisibleLogicalRange({ from: data.candles.length - 130, to: data.candles.length + 4 });
        }
    }

    // Quick first: what is on record shows at once, while a slow exchange is still being asked for candles.
    async function refresh(isQuick) {
        try {
            const answer = await fetch(place.dataset.url + (isQuick ? "?quick" : ""), { headers: { Accept: "application/json" } });
            if (!answer.ok) {
                throw new Error(answer.statusText);
            }
            const data = await answer.json();
            document.getElementById("chart-note").textContent = data.note || data.source;
            if (data.candles.length) {
                show(data);
            } else if (chart === null && !isQuick) {
                place.classList.add("without-chart");
                place.querySelector(".empty").textContent = "No candles yet. They appear after the bot's first decision.";
            }
        } catch {
            document.getElementById("chart-note").textContent = "The chart could not be refreshed; trying again.";
        }
        window.setTimeout(() => refresh(false), isQuick ? 0 : REFRESH_MS);
    }

    function repaint() {
        if (chart) {
            chart.applyOptions(look());
            parts.candles.applyOptions(candleLook());
            parts.equity.applyOptions({ color: colour("--accent-1") });
        }
    }

    new MutationObserver(repaint).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
    refresh(true);
})();
