
// Draws each chart when it comes near the window, in the colours of the page, again when those change.
const charts = (() => {
  const FOLLOWING = new Set(["history", "importance", "parameters", "fronts", "curves", "timeline"]); // they show what the filter shows
  const drawn = new Set(), off = new Set(); // `off` has the entries of keys that are hidden
  let state = null;
  const probe = document.head.appendChild(document.createElement("i"));
  const plotly = window.Plotly ?? new Promise((come) => addEventListener("load", come)); // a dashboard loads it last

  const axes = (layout) => Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key));

  // A colour of the page as the theme has it: the variable holds one for light and one for dark.
  function colour(name) {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  }

  function colours(layout) {
    const [ink, soft, line, paper] = ["--ink", "--soft", "--line", "--paper"].map(colour);
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
    if (chart.classList.contains("parallel")) return parallel.draw(chart);
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
    chart.querySelector(".still")?.remove();
    const zoomed = changedRanges(plot), { id } = chart.closest("section");
    plot.given = ranges(layout);
    const traces = data.map((trace) => ({ ...(FOLLOWING.has(id) ? ofShown(trace) : trace), visible: !off.has(id + trace.name) }));
    layout.shapes = layout.shapes?.filter(({ name }) => !off.has(id + name));
    await Plotly.react(plot, traces, layout, config);
    Plotly.relayout(plot, { ...colours(layout), ...zoomed });
  }

  // A trace without the trials that are not shown.
  function ofShown(trace) {
    if (!trace.customdata || !shown.active) return trace;
    const parts = ["x", "y", "text", "customdata"].filter((name) => Array.isArray(trace[name]));
    const kept = (list) => list.filter((_, at) => shown.has(trace.customdata[at]));
    return { ...trace, ...Object.fromEntries(parts.map((name) => [name, kept(trace[name])])) };
  }

  const filled = (charts) => charts.map((chart) => [chart, chart.querySelector(".js-plotly-plot")]).filter(([, plot]) => plot?.given);
  const far = (chart) => Math.abs(chart.getBoundingClientRect().top - innerHeight / 2);
  const rest = (milliseconds) => new Promise((next) => setTimeout(next, milliseconds));

  // Fills the charts again once the filter rests, first those that the reader sees.
  async function follow() {
    if (shown.state === state) return;
    state = shown.state;
    const mine = state;
    await rest(250);
    for (const [chart, plot] of filled([...drawn].sort((one, other) => far(one) - far(other)))) {
      if (mine !== state) return;
      if (drawn.has(chart)) await fill(chart, plot);
      await rest(0);
    }
  }

  // An entry of a key hides and shows what it names, in all charts of its section.
  function equip(key) {
    const block = key.nextElementSibling, { id } = key.closest("section");
    if (!block.querySelector("script") || block.querySelector(".parallel")) return;
    for (const item of key.children) {
      const what = id + item.textContent.trim();
      const button = make("button", { type: "button", ariaPressed: `${!off.has(what)}` }, ...item.childNodes);
      button.dataset.what = what;
      item.append(button);
      button.addEventListener("click", () => {
        if (!off.delete(what)) off.add(what);
        for (const each of document.querySelectorAll(".key button")) each.ariaPressed = `${!off.has(each.dataset.what)}`;
        filled([...drawn].filter((chart) => chart.closest("section").id === id)).forEach(([chart, plot]) => fill(chart, plot));
      });
    }
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

  shown.follow(document.body, follow);

  return {
    recolour,
    watch: (root) => {
      root.querySelectorAll("figure.parallel").forEach(parallel.know);
      root.querySelectorAll(".key").forEach(equip);
      root.querySelectorAll("figure.chart").forEach((chart) => near.observe(chart));
    },

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

// The theme: the system's, or the reader's own.
(() => {
  const themes = ["System", "Light", "Dark"].map((name) => make("option", { value: name.toLowerCase(), textContent: `${name} theme` }));
  const select = make("select", { className: "theme", ariaLabel: "Theme" }, ...themes);
  function apply() {
    document.documentElement.dataset.theme = select.value;
    charts.recolour();
  }
  select.value = chosen.get("theme") || "system";
  select.addEventListener("change", () => {
    chosen.set("theme", select.value);
    apply();
  });
  document.querySelector("header").append(select);
  apply();
})();

// Marks in the bar which section is in the window, keeps cards folded, and shows progress in the browser's tab.
const sections = (() => {
  const bar = document.querySelector(".contents");
  const links = new Map([...bar?.querySelectorAll("a") ?? []].map((link) => [link.hash.slice(1), link]));
  const inside = new Set();
  const folded = () => new Set(chosen.get("folded").split(" ").filter(Boolean));

  const seen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) inside[isIntersecting ? "add" : "delete"](target.id);
    const current = [...links].find(([key]) => inside.has(key));
    if (!current) return;
    for (const link of links.values()) link.ariaCurrent = link === current[1] ? "true" : null;
    const { offsetLeft, offsetTop } = current[1];
    bar.scrollTo(offsetLeft - bar.clientWidth / 3, offsetTop - bar.clientHeight / 3);
  }, { rootMargin: "-12% 0px -65% 0px" });

  const card = (key) => document.getElementById(key)?.querySelector(":scope > .card");
  const unfold = (key) => { if (card(key)) card(key).open = true; };
  bar?.addEventListener("click", ({ target }) => unfold(target.hash?.slice(1)));

  function watch(section) {
    seen.observe(section);
    const { id } = section;
    if (id === "summary") tab(section.querySelector("progress"));
    if (!card(id)) return;
    card(id).open = !folded().has(id);
    card(id).addEventListener("toggle", ({ target }) => {
      const keys = folded();
      keys[target.open ? "delete" : "add"](id);
      chosen.set("folded", [...keys].join(" "));
    });
  }

  // As in "28/60 · big", with a ring that fills.
  function tab(progress) {
    if (!progress) return;
    document.title = `${progress.getAttribute("value")}/${progress.max} · ${document.querySelector("h1").textContent}`;
    const circle = (stroke, share) => `<circle cx="20" cy="20" r="15" fill="none" stroke="${stroke}" stroke-width="9" pathLength="100" stroke-dasharray="${100 * share} 100" transform="rotate(-90 20 20)"/>`;
    const box = make("div", { innerHTML: `<svg viewBox="0 0 40 40">${circle("#7d879666", 1)}${circle("#2f7fc1", progress.position)}</svg>` });
    const icon = new XMLSerializer().serializeToString(box.firstElementChild);
    document.querySelector("link[rel=icon]").href = "data:image/svg+xml," + encodeURIComponent(icon);
  }

  return { watch, unwatch: (section) => seen.unobserve(section), unfold };
})();

// Sorts, filters and picks columns of a table, and copies commands and configurations.
const tables = (() => {
  // A button that copies what `find` gives, or selects it on a page that came over a network without encryption.
  function copier(text, label, find) {
    const button = make("button", { type: "button", className: "copy", textContent: text, ariaLabel: label });
    button.addEventListener("click", async () => {
      const source = await find();
      if (!navigator.clipboard) return getSelection().selectAllChildren(source);
      await navigator.clipboard.writeText(source.textContent + (source.tagName === "PRE" ? "\n" : ""));
      button.textContent = "copied";
      setTimeout(() => { button.textContent = text; }, 1500);
    });
    return button;
  }

  function trialCopier(trial, text) {
    return copier(text, `Copy trial ${trial} as TOML`, async () => {
      if (!navigator.clipboard) await stories.open(trial);
      return (await stories.find(trial)).querySelector("pre");
    });
  }

  function sortable(table) {
    const rows = [...table.tBodies[0].rows], heads = [...table.tHead.rows[0].cells];
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
  }

  // What a filter compares of a row, by the names of its columns; of two of the same name, the first.
  function record(row, names) {
    const cells = [...row.cells].map((cell, at) => [names[at], cell]).reverse();
    const [values, texts] = [(cell) => cell.dataset.key, (cell) => cell.textContent]
      .map((part) => Object.fromEntries(cells.map(([name, cell]) => [name, part(cell)])));
    const words = row.textContent.toLowerCase();
    return { values, texts, words: () => words };
  }

  function equip(table) {
    const heads = [...table.tHead.rows[0].cells];
    const rows = [...table.tBodies[0].rows];
    const names = heads.map((head) => head.textContent.trim().toLowerCase());
    const ofTrials = table.closest("#leaderboard"); // its filter is that of the page
    const wanted = ofTrials ? shown : filtering();
    const id = (row, at) => (ofTrials ? Number(row.cells[0].dataset.key) : at);
    const total = table.dataset.total;
    const here = rows.length === 1 ? "1 trial" : `${rows.length} trials`;
    const all = total ? `${rows.length} of ${total} trials` : here;
    const status = make("span", { textContent: all, role: "status" });
    const filter = make("input", { type: "search", placeholder: "Filter: pruned and lr < 0.001" });
    filter.setAttribute("aria-label", "Show rows that hold these words or conditions, separated by commas or by the word and");
    filter.addEventListener("input", () => wanted.set(filter.value));
    wanted.know(names, rows.map((row, at) => [id(row, at), record(row, names)]));

    const picked = JSON.parse(chosen.get("columns") || "{}"); // those that the reader has shown or hidden, by name
    const boxes = heads.slice(1).map((head, at) => {
      const box = make("input", { type: "checkbox", checked: !head.classList.contains("extra") });
      const show = () => { for (const row of table.rows) row.cells[at + 1].classList.toggle("extra", !box.checked); };
      box.addEventListener("change", () => {
        picked[names[at + 1]] = box.checked;
        chosen.set("columns", JSON.stringify(picked));
        show();
      });
      box.checked = picked[names[at + 1]] ?? box.checked;
      show();
      return make("label", {}, box, " " + head.textContent);
    });
    const picker = make("details", {}, make("summary", { textContent: "Columns" }), ...boxes);

    table.tHead.rows[0].append(make("th", { className: "copier", ariaLabel: "Copy" }));
    for (const row of rows) {
      const cell = make("td", { className: "copier" });
      const link = row.querySelector("a");
      if (link) cell.append(trialCopier(link.hash.slice(7), "TOML"));
      row.append(cell);
    }
    const bar = make("div", { className: "toolbar" }, filter, status, picker);
    table.parentElement.before(bar);
    if (ofTrials) compare.equip(table, bar, rows, names, (row) => {
      const { texts } = record(row, names);
      return Object.fromEntries(names.map((name) => [name, texts[name]]));
    });
    wanted.follow(table, () => {
      rows.forEach((row, at) => { row.hidden = !wanted.has(id(row, at)); });
      const left = rows.filter((row) => !row.hidden).length;
      if (filter.value !== wanted.text) filter.value = wanted.text;
      filter.ariaInvalid = wanted.error ? "true" : null;
      status.textContent = wanted.error || (left < rows.length ? `${left} of ${total ? "these " : ""}${here}` : all);
    });
  }

  return {
    equip: (root) => {
      root.querySelectorAll("table.tools, table.sorts").forEach(sortable);
      root.querySelectorAll("table.tools").forEach(equip);
      for (const code of root.querySelectorAll(".strip code")) {
        code.after(copier("Copy", "Copy the command", async () => code));
      }
      for (const pre of root.querySelectorAll(".story pre:not(.log)")) {
        pre.before(trialCopier(pre.closest("details").querySelector("[id]").id.slice(6), "Copy as TOML"));
      }
    },
  };
})();

charts.watch(document);
tables.equip(document);
document.querySelectorAll("main > section").forEach(sections.watch);
sections.unfold(location.hash.slice(1));
stories.reveal();
