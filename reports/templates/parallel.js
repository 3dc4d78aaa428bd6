
// Trials as lines through axes, upright where the window is wide. What is marked on an axis is a condition of the filter.
const parallel = (() => {
  const SLOTS = 200, WIDE = 760, NEAR = 14, MANY = 60; // many lines are as thin as is quick to draw
  const SCALES = {
    linear: [(value) => value, (place) => place],
    log: [Math.log10, (place) => 10 ** place],
    error: [(value) => -Math.log10(Math.max(100 - value, 0.005)), (place) => 100 - 10 ** -place],
  };
  const documents = new WeakMap(), planes = new Map();
  const within = (value, low, high) => Math.min(high, Math.max(low, value));

  function read(figure) {
    if (!documents.has(figure)) {
      const given = JSON.parse(figure.querySelector("script").textContent);
      const columns = Object.entries(given.columns).map(([name, list]) => [name, list.words ? list.at.map((at) => list.words[at]) : list]);
      given.trials = given.columns.trial.map((_, at) => Object.fromEntries(columns.map(([name, list]) => [name, list[at] ?? ""])));
      documents.set(figure, given);
    }
    return documents.get(figure);
  }

  // Tells the filter of all trials, also of those that the leaderboard has no row for.
  function know(figure) {
    const { trials } = read(figure);
    const words = (values) => () => Object.values(values).join(" ").toLowerCase();
    const names = Object.keys(trials[0]).filter(Boolean);
    shown.know(names, trials.map((values) => [values.trial, { values, words: words(values) }]));
  }

  // Where a value lies on an axis, from 0 to 1, and how many steps of a handle it has: a few options, or a scale.
  const ends = ({ kind, low, high }) => [low, high].map(SCALES[kind][0]);
  const steps = ({ options }) => options?.length ?? SLOTS;
  function share(axis, value) {
    if (value === "") return NaN;
    if (axis.options) {
      const at = axis.options.indexOf(value);
      return at < 0 ? NaN : (at + 0.5) / axis.options.length;
    }
    const [low, high] = ends(axis);
    return within((SCALES[axis.kind][0](value) - low) / (high - low), 0, 1);
  }

  // The value at a step of a scale, as short as the scale is fine.
  function valueAt(axis, step) {
    const [low, high] = ends(axis), value = SCALES[axis.kind][1](low + ((high - low) * step) / SLOTS);
    if (axis.kind === "log") return Number(value.toPrecision(3));
    return Number(value.toFixed(axis.kind === "error" ? 3 : Math.max(0, Math.ceil(-Math.log10((high - low) / SLOTS)))));
  }

  // The steps between which the filter asks for values, and how it is asked for those between two steps.
  function bounds(axis) {
    const asked = shown.asked(axis.name);
    if (asked === undefined) return [0, steps(axis)];
    if (axis.options) {
      const held = axis.options.map((option) => shown.holds(axis.name, asked, option));
      return [Math.max(0, held.indexOf(true)), held.lastIndexOf(true) + 1];
    }
    const [low, high = low] = asked.split("..").map(parseFloat);
    return [low, high].map((value) => (isNaN(value) ? 0 : Math.round(SLOTS * share(axis, value))));
  }

  function mark(axis, low, high) {
    const whole = low <= 0 && high >= steps(axis);
    const range = axis.options ? axis.options.slice(low, high) : `${valueAt(axis, low)}..${valueAt(axis, high)}`;
    shown.ask(axis.name, whole ? "" : range);
  }

  // As many as are drawn: a quarter of them the best, the others evenly over the order.
  function thinned(list, most) {
    if (list.length <= most) return list;
    const top = Math.floor(most / 4), every = Math.ceil((list.length - top) / (most - top));
    return list.filter((_, at) => at < top || (at - top) % every === 0);
  }

  // An axis: its name and ticks, a rail to drag along, and a handle at each end, which keys move, too.
  function control(axis) {
    const most = steps(axis), gap = axis.options ? 1 : 0;
    const handle = (name, words) => make("input", { type: "range", className: name, min: 0, max: most, ariaLabel: `${axis.label}, ${words}` });
    const low = handle("low", "lowest shown"), high = handle("high", "highest shown");
    const span = make("i", {}), rail = make("div", { className: "rail" }, span);
    const ticks = axis.ticks.map(([at, text]) => {
      const tick = make("span", { className: "tick", textContent: text });
      tick.style.setProperty("--at", at);
      return tick;
    });
    const element = make("div", { className: "axis" }, make("span", { className: "name", textContent: axis.label, title: axis.label }), ...ticks, rail, low, high);

    low.addEventListener("input", () => mark(axis, Math.min(low.value, high.value - gap), Number(high.value)));
    high.addEventListener("input", () => mark(axis, Number(low.value), Math.max(high.value, Number(low.value) + gap)));
    rail.addEventListener("pointerdown", (down) => {
      const { left, bottom, width, height } = rail.getBoundingClientRect();
      const at = ({ clientX, clientY }) => most * within(height > width ? (bottom - clientY) / height : (clientX - left) / width, 0, 1);
      const begin = at(down);
      rail.setPointerCapture(down.pointerId);
      rail.onpointermove = (move) => mark(axis, Math.floor(Math.min(begin, at(move))), Math.ceil(Math.max(begin, at(move))));
      rail.onpointerup = rail.onpointercancel = (up) => {
        rail.onpointermove = rail.onpointerup = rail.onpointercancel = null;
        if (Math.abs(at(up) - begin) >= most / 100) return;
        const option = Math.min(most - 1, Math.floor(begin)); // a click selects it alone
        mark(axis, ...(axis.options ? [option, option + 1] : [0, most]));
      };
    });

    function update() {
      const [from, to] = bounds(axis);
      [low.value, high.value] = [from, to];
      low.ariaValueText = axis.options?.[Math.min(from, most - 1)] ?? valueAt(axis, from);
      high.ariaValueText = axis.options?.[Math.max(to - 1, 0)] ?? valueAt(axis, to);
      element.classList.toggle("marked", from > 0 || to < most);
      span.style.setProperty("--from", from / most);
      span.style.setProperty("--to", to / most);
    }
    return { element, update };
  }

  function draw(figure) {
    const { axes, trials, ramp, special, most, completed } = read(figure);
    const shares = trials.map((values) => axes.map((axis) => share(axis, values[axis.name])));
    const looks = new Map(special.map(([trial, ...look]) => [trial, look]));
    const controls = axes.map(control), canvas = make("canvas", {}), tip = make("div", { className: "tip", hidden: true });
    const plane = make("div", { className: "plane" }, canvas, ...controls.map(({ element }) => element), tip);
    const more = make("input", { type: "checkbox", checked: !completed || chosen.get("unfinished") === "yes" });
    const help = "Drag along an axis, or move its handles, to show only such trials, here and in the other cards.";
    figure.before(make("p", { className: "note" }, help, " ", make("label", {}, more, " Also trials that are not trained to their end")));
    figure.setAttribute("role", "group");
    figure.querySelector(".still").remove();
    figure.append(plane);

    let upright, area, waiting = false, lit = [], over = null;
    const step = () => (area.last - area.first) / (axes.length - 1);
    function place(axis, at) {
      const across = area.first + axis * step(), along = area.from + (area.to - area.from) * at;
      return upright ? [across, along] : [along, across];
    }

    function arrange() {
      const width = figure.clientWidth, height = width >= WIDE ? 420 : 30 + 62 * axes.length;
      upright = width >= WIDE;
      area = upright ? { from: height - 14, to: 52, first: 58, last: width - 58 } : { from: 132, to: width - 16, first: 22, last: height - 46 };
      figure.style.height = `${height}px`;
      plane.classList.toggle("upright", upright);
      plane.style.setProperty("--step", `${step()}px`);
      [canvas.width, canvas.height] = [width, height].map((pixels) => pixels * devicePixelRatio);
      controls.forEach(({ element }, axis) => {
        const [left, top] = place(axis, upright ? 1 : 0), long = `${Math.abs(area.to - area.from)}px`;
        Object.assign(element.style, { left: `${left}px`, top: `${top}px`, width: upright ? 0 : long, height: upright ? long : 0 });
      });
      paint();
    }

    function path(pen, at) {
      let begun = false;
      pen.beginPath(); // all lines as one path would take ten times as long
      shares[at].forEach((each, axis) => {
        if (isNaN(each)) return;
        pen[begun ? "lineTo" : "moveTo"](...place(axis, each));
        begun = true;
      });
      pen.stroke();
    }

    function paint() {
      waiting = false;
      const pen = canvas.getContext("2d"), { color } = getComputedStyle(plane);
      const stroke = (list, colour, width) => {
        [pen.strokeStyle, pen.lineWidth] = [colour, list.length > MANY ? 1 / devicePixelRatio : width];
        list.forEach((at) => path(pen, at));
      };
      const wanted = trials.map((_, at) => at).filter((at) => more.checked || trials[at].outcome === "completed" || looks.has(trials[at].trial));
      const passing = wanted.filter((at) => shown.has(trials[at].trial));
      const level = (at) => Math.min(ramp.length - 1, Math.floor(ramp.length * shares[at].at(-1)));
      lit = thinned(passing, most);
      pen.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
      pen.clearRect(0, 0, canvas.width, canvas.height);
      pen.lineJoin = "round";
      if (shown.active) stroke(thinned(wanted, most / 4), "rgba(125, 135, 150, 0.12)", 1);
      ramp.forEach((colour, at) => stroke(lit.filter((each) => level(each) === at), colour, 1.2));
      passing.filter((at) => looks.has(trials[at].trial)).forEach((at) => stroke([at], ...looks.get(trials[at].trial)));
      if (over !== null) stroke([over], color, 2.5);
    }
    function soon() {
      if (!waiting) requestAnimationFrame(paint);
      waiting = true;
    }

    // The line next to the pointer, between the axes that it is between.
    function nearest({ clientX, clientY }) {
      const { left, top } = plane.getBoundingClientRect(), at = [clientX - left, clientY - top];
      const [across, along] = upright ? at : at.reverse();
      const position = within((across - area.first) / step(), 0, axes.length - 1), axis = Math.min(axes.length - 2, Math.floor(position));
      const far = (each) => {
        const [one, other] = shares[each].slice(axis, axis + 2);
        return Math.abs(area.from + (area.to - area.from) * (one + (other - one) * (position - axis)) - along);
      };
      const near = lit.map((each) => [far(each), each]).filter(([pixels]) => pixels < NEAR).sort(([one], [other]) => one - other);
      return near.length ? near[0][1] : null;
    }

    const said = (value) => (typeof value === "number" ? Number(value.toPrecision(5)) : value || "–");
    plane.addEventListener("pointermove", (event) => {
      const found = event.buttons ? null : nearest(event);
      tip.hidden = found === null;
      if (found !== null) {
        const { left, top, width } = plane.getBoundingClientRect(), values = trials[found], after = values.outcome === "completed" ? "" : ` · ${values.outcome}`;
        const lines = axes.toReversed().map(({ label, name, kind }) => make("div", { textContent: `${label}: ${said(values[name])}${kind === "error" ? " %" : ""}` }));
        tip.replaceChildren(make("strong", { textContent: `trial ${values.trial}${after}` }), ...lines);
        const at = event.clientX - left;
        const down = within(event.clientY - top - 40, 0, Math.max(0, plane.clientHeight - tip.offsetHeight));
        Object.assign(tip.style, { left: at < width / 2 ? `${at + 14}px` : "", right: at < width / 2 ? "" : `${width - at + 14}px`, top: `${down}px` });
      }
      if (found !== over) soon();
      over = found;
    });
    plane.addEventListener("pointerleave", () => {
      tip.hidden = true;
      over = null;
      soon();
    });
    plane.addEventListener("click", (event) => {
      const found = event.target.closest(".rail, input") ? null : nearest(event);
      if (found !== null) stories.open(trials[found].trial);
    });
    more.addEventListener("change", () => { chosen.set("unfinished", more.checked ? "yes" : ""); soon(); });
    new ResizeObserver(() => { if (canvas.width !== Math.floor(figure.clientWidth * devicePixelRatio)) arrange(); }).observe(figure);
    arrange();
    planes.set(plane, arrange);
    shown.follow(plane, () => { controls.forEach(({ update }) => update()); soon(); });
  }

  matchMedia("print").addEventListener("change", () => {
    for (const [plane, arrange] of planes) {
      if (plane.isConnected) arrange();
      else planes.delete(plane);
    }
  });
  return { know, draw };
})();
