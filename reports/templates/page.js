"use strict";
// Draws each chart when it comes near the window, in the colours of the page, again when those change.
(() => {
  const drawn = new Set();
  const dark = matchMedia("(prefers-color-scheme: dark)");

  function colours(layout) {
    const style = getComputedStyle(document.documentElement);
    const ink = style.getPropertyValue("--ink").trim();
    const soft = style.getPropertyValue("--soft").trim();
    const line = style.getPropertyValue("--line").trim();
    const paper = style.getPropertyValue("--paper").trim();
    const changes = {
      "font.color": soft,
      "legend.font.color": ink,
      "hoverlabel.bgcolor": paper,
      "hoverlabel.bordercolor": line,
      "hoverlabel.font.color": ink,
      "modebar.color": soft,
      "modebar.activecolor": ink,
      "modebar.bgcolor": "rgba(0,0,0,0)",
    };
    for (const axis of Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key))) {
      changes[axis + ".gridcolor"] = line;
      changes[axis + ".linecolor"] = line;
    }
    return changes;
  }

  function draw(chart) {
    if (drawn.has(chart)) return;
    drawn.add(chart);
    const { data, layout, config } = JSON.parse(chart.querySelector("script").textContent);
    if (chart.clientWidth < 520) {
      config.displayModeBar = false;
      // Here each entry of the legend takes a line of its own.
      if (layout.showlegend !== false) layout.height += 18 * data.length;
    }
    Plotly.newPlot(chart, data, layout, config).then(() => Plotly.relayout(chart, colours(layout)));
  }

  const recolour = () => drawn.forEach((chart) => Plotly.relayout(chart, colours(chart.layout)));
  const charts = [...document.querySelectorAll("figure.chart")];
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      near.unobserve(entry.target);
      draw(entry.target);
    }
  }, { rootMargin: "800px" });
  for (const chart of charts) {
    chart.style.minHeight = chart.dataset.height + "px";
    near.observe(chart);
  }

  dark.addEventListener("change", recolour);
  const printing = matchMedia("print");
  addEventListener("beforeprint", () => charts.forEach(draw));
  printing.addEventListener("change", () => {
    recolour();
    drawn.forEach((chart) => Plotly.Plots.resize(chart));
  });
})();
