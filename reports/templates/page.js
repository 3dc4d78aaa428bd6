"use strict";
function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// What the reader has chosen. A browser may refuse to keep it: then it lasts as long as the page.
const chosen = {
  get: (name) => { try { return localStorage.getItem("sweep-" + name) ?? ""; } catch { return ""; } },
  set: (name, value) => { try { localStorage.setItem("sweep-" + name, value); } catch { /* refused */ } },
};

// Draws each chart when it comes near the window, in the colours of the page, again when those change.
const charts = (() => {
  const drawn = new Set();
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
    recolour,
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

  const letters = (text) => text.toLowerCase().replace(/[^a-z0-9]/g, "");
  const initials = (text) => text.toLowerCase().split(/[^a-z0-9]+/).map((word) => word[0]).join("");

  // The place of the column that a reader means: by its name as shown or as in a study, its beginning or its initials.
  function column(names, given) {
    const wanted = letters(given);
    const found = [(name) => letters(name) === wanted, (name) => letters(name).startsWith(wanted), (name) => initials(name) === wanted]
      .map((fits) => (wanted ? names.findIndex(fits) : -1)).find((at) => at >= 0);
    if (found === undefined) throw new Error(`No column is called "${given}".`);
    return found;
  }

  const SIGNS = {
    "<": (one, other) => one < other, ">": (one, other) => one > other, "<=": (one, other) => one <= other,
    ">=": (one, other) => one >= other, "=": (one, other) => one === other, "!=": (one, other) => one !== other,
  };
  const TURNED = { "<": ">", ">": "<", "<=": ">=", ">=": "<=" };

  // A column compared with a number, a word, or a range as in "3..9". A missing value is only different.
  function comparison(names, name, sign, value) {
    const at = column(names, name), [low, high] = value.split("..").map(parseFloat);
    if (!value || (isNaN(low) && TURNED[sign])) throw new Error(`Compare ${name} with a number.`);
    return ({ cells }) => {
      const { key } = cells[at].dataset, number = Number(key);
      if (key === "") return sign === "!=";
      if (high !== undefined) return (number >= low && number <= high) === (sign === "=");
      if (!isNaN(low) && !isNaN(number)) return SIGNS[sign](number, low);
      return !TURNED[sign] && SIGNS[sign]([key, cells[at].textContent].some((text) => text.trim().toLowerCase() === value), true);
    };
  }

  // A condition on a row: words that it holds, or comparisons as in "lr < 0.001" and "0.1 < dropout <= 0.3".
  function condition(names, term) {
    const [first, ...rest] = term.split(/(<=|>=|!=|==?|<|>)/).map((part) => part.trim().replace("==", "="));
    if (!rest.length) return (row) => row.textContent.toLowerCase().includes(term);
    const [sign, second, next, third] = rest;
    if (next) {
      const both = [comparison(names, second, TURNED[sign] ?? sign, first), comparison(names, second, next, third)];
      return (row) => both.every((holds) => holds(row));
    }
    return isNaN(Number(first || "?")) ? comparison(names, first, sign, second) : comparison(names, second, TURNED[sign] ?? sign, first);
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

    const filter = make("input", { type: "search", placeholder: "Filter: pruned and lr < 0.001" });
    filter.setAttribute("aria-label", "Show rows that hold these words or conditions, separated by commas or by the word and");
    filter.addEventListener("input", () => {
      try {
        const terms = filter.value.toLowerCase().split(/,|\band\b/).map((term) => term.trim()).filter(Boolean);
        const conditions = terms.map((term) => condition(names, term));
        rows.forEach((row) => { row.hidden = !conditions.every((holds) => holds(row)); });
        const left = rows.filter((row) => !row.hidden).length;
        shown.textContent = left < rows.length ? `${left} of ${total ? "these " : ""}${here}` : all;
        filter.ariaInvalid = null;
      } catch (error) {
        shown.textContent = `${error.message} Columns: ${names.join(", ")}.`;
        filter.ariaInvalid = "true";
      }
    });

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

    table.tHead.rows[0].append(make("th", { ariaLabel: "Copy" }));
    for (const row of rows) {
      const cell = make("td", {});
      const link = row.querySelector("a");
      if (link) cell.append(trialCopier(link.hash.slice(7), "TOML"));
      row.append(cell);
    }
    table.parentElement.before(make("div", { className: "toolbar" }, filter, shown, picker));
  }

  return {
    equip: (root) => {
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
