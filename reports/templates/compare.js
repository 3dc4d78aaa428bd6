// Trials that the reader ticks, side by side; and what trials with the same value of a parameter have in common.
const compare = (() => {
  const COLOURS = ["#2f7fc1", "#d55e00", "#0a9a74", "#b565a7", "#a8820a", "#1a9fb5"];
  const MOST_CLASSES = 12; // with the most mistakes
  const FEW = 8, SHARES = 5; // so many values are groups of their own, more are parted into so many ranges
  const ticked = new Map(); // what the columns say of each trial, in the order in which they were ticked
  let opened = false, grouped = "", drawn = 0;

  // A table whose first column names its rows.
  function table(label, heads, rows) {
    const cell = (tag, content, at) => make(tag, { className: at ? "number" : "" }, content);
    const head = heads.map((each, at) => (each ? Object.assign(cell("th", each, at), { scope: "col" }) : cell("td", each, at)));
    const body = rows.map(([name, ...cells]) => make("tr", {}, make("th", { scope: "row" }, name), ...cells.map((each) => cell("td", each, 1))));
    const made = make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...body));
    return make("div", { className: "scroll", tabIndex: 0, role: "region", ariaLabel: label }, made);
  }
  const note = (text) => make("p", { className: "note", textContent: text });

  // The columns in which trials differ, and the names of those in which they are alike.
  function differences() {
    const trials = [...ticked.values()], names = Object.keys(trials[0]).slice(1);
    const differs = (name) => new Set(trials.map((texts) => texts[name])).size > 1;
    return [names.filter(differs), names.filter((name) => !differs(name))];
  }

  // A chart of the page, for `charts` to draw: each trial's score by epoch.
  function chart(curves, score) {
    const last = Math.max(...curves.map(({ points }) => points.at(-1)[0]));
    const [low, high] = [Math.min, Math.max].map((end) => end(...curves.flatMap(({ points }) => points.slice(points.length > 1 ? 1 : 0).map(([, y]) => y))));
    const traces = curves.map(({ trial, points }, at) => ({
      type: "scatter", mode: "lines+markers", name: `trial ${trial}`, x: points.map(([x]) => x), y: points.map(([, y]) => y),
      line: { color: COLOURS[at % COLOURS.length], width: 2 }, hovertemplate: `trial ${trial}: %{y:.2f} %, epoch %{x}<extra></extra>`,
    }));
    const axis = { zeroline: false, automargin: true };
    const layout = {
      height: 280, autosize: true, margin: { l: 52, r: 14, t: 34, b: 44 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: "system-ui, sans-serif", size: 12 }, showlegend: true, legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 }, hovermode: "closest",
      xaxis: { ...axis, title: { text: "epochs" }, range: [0, last * 1.03] },
      yaxis: { ...axis, title: { text: `${score}, %` }, range: [low - 0.06 * (high - low || 1), high + 0.06 * (high - low || 1)] },
    };
    const source = make("script", { type: "application/json", textContent: JSON.stringify({ data: traces, layout, config: { displayModeBar: false, responsive: true } }) });
    const figure = make("figure", { className: "chart", role: "img", ariaLabel: `Chart: learning curves of ${curves.length} trials` }, source);
    figure.style.height = "280px";
    return figure;
  }

  // What the page has of trials besides their columns: each point of its learning curve, and which images it classifies wrong.
  function factsOf(trials) {
    return Promise.all(trials.map(async (trial) => {
      const { curve, wrong } = (await stories.find(trial))?.dataset ?? {};
      return { trial, points: curve && JSON.parse(curve), wrong: wrong && bytes(wrong) };
    }));
  }
  const bytes = (text) => Uint8Array.from(atob(text), (each) => each.charCodeAt(0));

  // How many of the same images each trial classifies wrong: in all, alone, and of each class.
  function mistakes(found) {
    const { labels, names } = document.querySelector("[data-labels]")?.dataset ?? {};
    const known = found.filter(({ wrong }) => wrong);
    const absent = found.filter(({ wrong }) => !wrong);
    const kept = absent.length ? [note(`Predictions are kept of the best trials and the baseline: not of ${numbered(absent)}.`)] : [];
    if (!labels || known.length < 2) return labels ? kept : [];
    const images = bytes(labels), classes = JSON.parse(names);
    const counts = known.map(() => ({ all: 0, alone: 0, classes: classes.map(() => 0) }));
    let common = 0;
    images.forEach((label, at) => {
      const failing = counts.filter((_, place) => (known[place].wrong[at >> 3] >> (7 - (at & 7))) & 1);
      for (const count of failing) {
        count.all += 1;
        count.alone += failing.length === 1;
        count.classes[label] += 1;
      }
      common += failing.length === known.length;
    });
    const totals = classes.map((name, place) => [name, counts.map((count) => count.classes[place])]);
    const most = (row) => Math.max(...row[1]), floor = totals.map(most).sort((one, other) => other - one)[MOST_CLASSES - 1] ?? 0;
    const shares = totals.filter((row) => most(row) >= Math.max(1, floor)).slice(0, MOST_CLASSES);
    const rows = [["wrong images", counts.map(({ all }) => all)], ["wrong by this trial alone", counts.map(({ alone }) => alone)], ...shares.map(([name, row]) => [`wrong images of class ${name}`, row])];
    return [make("h3", { textContent: "Mistakes" }),
      table("Mistakes side by side", ["", ...known.map(({ trial }) => `Trial ${trial}`)], rows.map(([name, row]) => [name, ...row.map(String)])),
      note(`Of the same ${images.length.toLocaleString("en")} validation images. ${common ? `All of these trials are wrong on ${common.toLocaleString("en")} of them.` : "On none of them are all of these trials wrong."}`),
      ...kept];
  }

  const numbered = (found) => found.map(({ trial }) => `trial ${trial}`).join(", ");

  async function show(panel) {
    const turn = drawn += 1, trials = [...ticked.keys()];
    if (!opened || trials.length < 2) {
      charts.hand(panel, make("div", {}));
      return panel.replaceChildren();
    }
    const found = await factsOf(trials), [curves, missing] = [true, false].map((has) => found.filter(({ points }) => !!points === has));
    if (turn !== drawn || !panel.isConnected) return; // more was ticked meanwhile
    const [differ, alike] = differences(), heads = trials.map((trial) => make("a", { href: `#trial-${trial}`, textContent: `Trial ${trial}` }));
    const values = table("Trials side by side", ["", ...heads], differ.map((name) => [name, ...[...ticked.values()].map((texts) => texts[name])]));
    const young = make("div", {}, make("h3", { textContent: "Trials side by side" }), values,
      ...(alike.length ? [note(`Alike: ${alike.join(", ")}.`)] : []),
      ...(curves.length ? [chart(curves, Object.keys([...ticked.values()][0])[1])] : []),
      ...(missing.length ? [note(`No learning curve is on this page for ${numbered(missing)}.`)] : []), ...mistakes(found));
    charts.hand(panel, young);
    panel.replaceChildren(young);
    charts.watch(panel);
  }

  // Groups of completed trials that the filter shows: by value, or by ranges that hold equally many.
  function groups(name, score) {
    const found = shown.all().map(({ values }) => values).filter((values) => values.outcome === "completed" && `${values[name] ?? ""}` !== "");
    const numbers = found.every((values) => !isNaN(values[name])), key = (values) => (numbers ? Number(values[name]) : `${values[name]}`);
    const sorted = found.map((values) => [key(values), Number(values[score])]).sort(([one], [other]) => (numbers ? one - other : one.localeCompare(other)));
    const keys = sorted.map(([value]) => value), few = !numbers || new Set(keys).size <= FEW;
    const place = (value) => (few ? value : Math.floor((SHARES * keys.indexOf(value)) / keys.length));
    return [...Map.groupBy(sorted, ([value]) => place(value)).values()].map((members) => {
      const scores = members.map(([, value]) => value), [low, high] = [members[0][0], members.at(-1)[0]];
      const mean = scores.reduce((sum, value) => sum + value, 0) / scores.length;
      const spread = Math.sqrt(scores.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (scores.length - 1));
      const short = (value) => (numbers ? `${Number(value.toPrecision(3))}` : value);
      const percent = (value) => value.toFixed(2);
      return [low === high ? short(low) : `${short(low)} to ${short(high)}`, `${scores.length}`, percent(mean), scores.length > 1 ? percent(spread) : "–", percent(Math.max(...scores))];
    });
  }

  function group(panel, names) {
    if (!grouped) return panel.replaceChildren();
    const found = groups(grouped, names[1]);
    panel.replaceChildren(make("h3", { textContent: `Trials by ${grouped}` }),
      table(`Trials by ${grouped}`, [grouped, "Trials", "Mean, %", "Spread, points", "Best, %"], found),
      note("Completed trials that are shown. The spread is their standard deviation. The other parameters vary at the same time."));
  }

  return {
    // Equips the leaderboard: `texts` says what the columns have for a row.
    equip: (board, bar, rows, names, texts) => {
      const panel = make("div", { className: "compared" }), groupPanel = make("div", { className: "grouped" });
      const button = make("button", { type: "button" });
      const count = () => {
        button.hidden = ticked.size < 2;
        button.textContent = opened ? "Close the comparison" : `Compare ${ticked.size} trials`;
      };
      button.addEventListener("click", async () => {
        opened = !opened;
        count();
        await show(panel);
        if (opened) panel.scrollIntoView({ block: "nearest" });
      });
      for (const each of rows) {
        const trial = Number(each.cells[0].dataset.key);
        const box = make("input", { type: "checkbox", checked: ticked.has(trial), ariaLabel: `Compare trial ${trial}` });
        if (box.checked) ticked.set(trial, texts(each)); // it may have come further
        box.addEventListener("change", () => {
          if (box.checked) ticked.set(trial, texts(each));
          else ticked.delete(trial);
          opened &&= ticked.size > 1;
          count();
          show(panel);
        });
        each.cells[0].prepend(box, " ");
      }
      const fixed = new Set([...names.slice(0, 3), "outcome", "note"]);
      const options = names.filter((name) => !fixed.has(name)).map((name) => make("option", { value: name, textContent: name }));
      const select = make("select", { ariaLabel: "Group trials by" }, make("option", { value: "", textContent: "Group by …" }), ...options);
      select.value = grouped = names.includes(grouped) ? grouped : "";
      select.addEventListener("change", () => {
        grouped = select.value;
        group(groupPanel, names);
      });
      bar.append(select, button);
      board.parentElement.after(groupPanel, panel);
      shown.follow(groupPanel, () => group(groupPanel, names));
      count();
      show(panel);
    },
  };
})();
