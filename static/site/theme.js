// The theme of a page, for what is drawn on a canvas: its colours, and a call when light and dark change.
"use strict";
window.Theme = (() => {
  const root = document.documentElement;
  const listeners = [];

  // A colour of theme.css as #rrggbb. The variables hold light-dark(), which only an element resolves.
  function color(name) {
    const probe = document.createElement("span");
    probe.style.color = `var(${name})`;
    root.append(probe);
    const channels = getComputedStyle(probe).color.match(/\d+/g).slice(0, 3);
    probe.remove();
    return `#${channels.map((channel) => Number(channel).toString(16).padStart(2, "0")).join("")}`;
  }

  const fontFamily = () => getComputedStyle(document.body).fontFamily;

  // Calls `repaint` whenever the reader or the system changes between light and dark.
  function onChange(repaint) {
    listeners.push(repaint);
  }

  function repaintAll() {
    for (const repaint of listeners) {
      repaint();
    }
  }

  new MutationObserver(repaintAll).observe(root, { attributes: true, attributeFilter: ["data-theme"] });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaintAll);

  return { color, fontFamily, onChange, repaintAll };
})();
