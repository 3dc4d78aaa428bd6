"use strict";
// Draws each chart when it comes near the window, in the colours of the page, again when those change.
const charts = (() => {
  const drawn = new Set();
  const plotly = window.Plotly ?? new Promise((come) => addEventListener("load", come)); // a dashboard loads it last

  const axes = (layout) => Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key));

  function colours(layout) {
    const style = getComputedStyle(document.documentElement);
    const [ink, soft, line, paper] = ["--ink", "--soft", "--line", "--paper"].map((name) => style.getPropertyValue(name).trim());
    const changes = {
      "font.color": soft,
      "hoverlabel.bgcolor": paper,
      "hoverlabel.bordercolor": line,
      "hoverlabel.font.color": ink,
      "modebar.color": soft,
      "modebar.activecolor": ink,
      "modebar.bgcolor": "rgba(0,0,0,0)",
    };
    for (const axis of axes(layout)) {
      changes[axis + ".gridcolor"] = line;
      changes[axis + ".linecolor"] = line;
    }
    return changes;
  }

  async function draw(chart) {
    const source = chart.querySelector("script");
    if (!source || drawn.has(chart)) return;
    drawn.add(chart);
    await plotly;
    if (!drawn.has(chart)) return; // it has been replaced meanwhile
    const plot = document.createElement("div");
    plot.style.height = "100%";
    chart.append(plot);
    await fill(chart, plot);
    plot.on("plotly_click", ({ points }) => {
      if (points[0].customdata !== undefined) stories.open(points[0].customdata);
    });
  }

  async function fill(chart, plot) {
    const { data, layout, config } = JSON.parse(chart.querySelector("script").textContent);
    if (matchMedia("(pointer: coarse)").matches) layout.dragmode = false; // a finger scrolls the page
    chart.querySelector(".still").remove();
    const zoomed = changedRanges(plot);
    plot.given = ranges(layout);
    await Plotly.react(plot, data, layout, config);
    Plotly.relayout(plot, { ...colours(layout), ...zoomed });
  }

  const ranges = (layout) => Object.fromEntries(axes(layout).map((axis) => [axis + ".range", [...(layout[axis].range ?? [])]]));

  // The ranges that the reader has zoomed to: those that differ from what the plot was given.
  function changedRanges(plot) {
    if (!plot.given) return {};
    const shown = Object.entries(ranges(plot.layout));
    return Object.fromEntries(shown.filter(([axis, range]) => String(range) !== String(plot.given[axis])));
  }

  const plots = () => [...drawn].map((chart) => chart.querySelector(".js-plotly-plot")).filter(Boolean);
  const recolour = () => plots().forEach((plot) => Plotly.relayout(plot, colours(plot.layout)));
  const near = new IntersectionObserver((entries) => {
    for (const { target } of entries.filter((entry) => entry.isIntersecting)) {
      near.unobserve(target);
      draw(target);
    }
  }, { rootMargin: "800px" });

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
  matchMedia("print").addEventListener("change", () => {
    recolour();
    plots().forEach((plot) => Plotly.Plots.resize(plot));
  });

  return {
    watch: (root) => root.querySelectorAll("figure.chart").forEach((chart) => near.observe(chart)),

    // Gives the plots of a section to the charts of the same name in a newer one.
    hand: (old, young) => {
      const heirs = [...young.querySelectorAll("figure.chart")];
      for (const chart of old.querySelectorAll("figure.chart")) {
        near.unobserve(chart);
        const plot = drawn.delete(chart) && chart.querySelector(".js-plotly-plot");
        if (!plot) continue;
        const at = heirs.findIndex((each) => each.ariaLabel === chart.ariaLabel && each.querySelector("script"));
        if (at < 0) {
          Plotly.purge(plot);
          continue;
        }
        const [heir] = heirs.splice(at, 1);
        heir.append(plot);
        drawn.add(heir);
        fill(heir, plot);
      }
    },
  };
})();

// Opens the trial that a link leads to. A dashboard replaces `find`, to ask for trials that are not on the page.
const stories = (() => {
  const found = {
    find: async (trial) => document.getElementById("trial-" + trial)?.closest("details"),
    open: async (trial) => {
      if (await found.find(trial)) location.hash = "trial-" + trial;
    },
    reveal: async () => {
      const [, trial] = location.hash.match(/^#trial-(\d+)$/) ?? [];
      const story = trial && (await found.find(trial));
      for (let fold = story; fold; fold = fold.parentElement.closest("details")) fold.open = true;
      story?.scrollIntoView();
    },
  };
  addEventListener("hashchange", found.reveal);
  return found;
})();

// Sorts, filters and picks columns of a table, and copies a trial's configuration.
const tables = (() => {
  function make(tag, properties, ...children) {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  }

  function copier(trial, text) {
    const button = make("button", { type: "button", className: "copy", textContent: text });
    button.setAttribute("aria-label", `Copy trial ${trial} as TOML`);
    button.addEventListener("click", async () => {
      const pre = (await stories.find(trial)).querySelector("pre");
      if (!navigator.clipboard) { // a page that came over a network without encryption has none
        await stories.open(trial);
        return getSelection().selectAllChildren(pre);
      }
      await navigator.clipboard.writeText(pre.textContent + "\n");
      button.textContent = "copied";
      setTimeout(() => { button.textContent = text; }, 1500);
    });
    return button;
  }

  // One condition: a word that the row holds, or a column compared with a number.
  function holds(row, names, term) {
    const [, name, sign, value] = term.match(/^(.+?)\s*(<=|>=|<|>|=)\s*(.+)$/) ?? [];
    const at = name ? names.findIndex((each) => each.startsWith(name.trim())) : -1;
    if (at < 0) return row.textContent.toLowerCase().includes(term);
    const key = row.cells[at].dataset.key, wanted = parseFloat(value);
    if (sign === "=") return isNaN(wanted) ? key === value : Number(key) === wanted;
    return key !== "" && { "<": key < wanted, ">": key > wanted, "<=": key <= wanted, ">=": key >= wanted }[sign];
  }

  function equip(table) {
    const heads = [...table.tHead.rows[0].cells];
    const rows = [...table.tBodies[0].rows];
    const names = heads.map((head) => head.textContent.trim().toLowerCase());
    const total = table.dataset.total;
    const here = rows.length === 1 ? "1 trial" : `${rows.length} trials`;
    const all = total ? `${rows.length} of ${total} trials` : here;
    const shown = make("span", { textContent: all, role: "status" });

    heads.forEach((head, at) => {
      const button = make("button", { type: "button", textContent: head.textContent.trim() });
      const number = head.classList.contains("number");
      const key = (row) => row.cells[at].dataset.key;
      button.addEventListener("click", () => {
        const up = head.ariaSort === "descending" || (!head.ariaSort && !number);
        heads.forEach((each) => { each.ariaSort = each === head ? (up ? "ascending" : "descending") : null; });
        const order = (one, other) =>
          (key(one) === "") - (key(other) === "") || // missing values come last
          (up ? 1 : -1) * (number ? key(one) - key(other) : key(one).localeCompare(key(other)));
        table.tBodies[0].append(...rows.toSorted(order));
      });
      head.replaceChildren(button);
    });

    const filter = make("input", { type: "search", placeholder: "Filter: pruned, learning rate < 0.001" });
    filter.setAttribute("aria-label", "Show rows that hold these words or conditions, separated by commas");
    filter.addEventListener("input", () => {
      const terms = filter.value.toLowerCase().split(",").map((term) => term.trim()).filter(Boolean);
      rows.forEach((row) => { row.hidden = !terms.every((term) => holds(row, names, term)); });
      const left = rows.filter((row) => !row.hidden).length;
      shown.textContent = left < rows.length ? `${left} of ${total ? "these " : ""}${here}` : all;
    });

    const boxes = heads.slice(1).map((head, at) => {
      const box = make("input", { type: "checkbox", checked: !head.classList.contains("extra") });
      box.addEventListener("change", () => {
        for (const row of table.rows) row.cells[at + 1].classList.toggle("extra", !box.checked);
      });
      return make("label", {}, box, " " + head.textContent);
    });
    const picker = make("details", {}, make("summary", { textContent: "Columns" }), ...boxes);

    table.tHead.rows[0].append(make("th", { ariaLabel: "Copy" }));
    for (const row of rows) {
      const cell = make("td", {});
      const link = row.querySelector("a");
      if (link) cell.append(copier(link.hash.slice(7), "TOML"));
      row.append(cell);
    }
    table.parentElement.before(make("div", { className: "toolbar" }, filter, shown, picker));
  }

  return {
    equip: (root) => {
      root.querySelectorAll("table.tools").forEach(equip);
      for (const pre of root.querySelectorAll(".story pre:not(.log)")) {
        pre.before(copier(pre.closest("details").querySelector("[id]").id.slice(6), "Copy as TOML"));
      }
    },
  };
})();

charts.watch(document);
tables.equip(document);
stories.reveal();
