
// Keeps a page current: the state of this moment at once, other sections while they are near the window.
(() => {
  const { address, missing } = document.currentScript.dataset;
  let { pulse } = document.currentScript.dataset;
  const lost = document.getElementById("lost");
  const prompt = new Set(["now", "studies"]);
  const tags = new Map(); // of each section, the hash of what is shown
  const dates = new Map(); // of each section, the last trial it knows of, and when that was read
  const rested = new Map(); // of each section, when the server may be asked for it again
  const near = new Set();
  let behind = []; // sections that are to be asked for, in this order
  let over = pulse.endsWith("over"); // no process runs the study: then all is asked for, not only what is near
  let asking = false;

  const section = (key) => document.getElementById(key);
  const inView = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) near[isIntersecting ? "add" : "delete"](target.id);
    catchUp();
  }, { rootMargin: "300px" });

  // Asks for a section, shows it if it has changed, and returns the seconds until a newer one is available.
  async function ask(key, more = {}) {
    const headers = tags.has(key) ? { "If-None-Match": tags.get(key), ...more } : more;
    const answer = await fetch(`${address}/section/${key}?page=${section(key).dataset.page ?? 0}`, { headers });
    const [trial, age] = ["Sweep-Trial", "Sweep-Age"].map((name) => answer.headers.get(name));
    if (trial) dates.set(key, [trial, Date.now() - 1000 * age]);
    if (answer.status === 200) {
      const first = !tags.has(key);
      tags.set(key, answer.headers.get("ETag"));
      show(key, await answer.text());
      if (first && location.hash === "#" + key) section(key).scrollIntoView();
      if (first && key === "stories") stories.reveal();
    } else if (answer.status !== 304) {
      throw new Error(await answer.text());
    }
    return Number(answer.headers.get("Sweep-Wait") ?? 0);
  }

  function show(key, html) {
    const old = section(key);
    const young = parsed(html);
    if (old.dataset.page) young.dataset.page = old.dataset.page;
    const before = remembered(old);
    inView.unobserve(old);
    sections.unwatch(old);
    charts.hand(old, young);
    for (const story of old.querySelectorAll(":scope > .asked")) {
      if (!young.querySelector("#" + story.querySelector("[id]").id)) young.append(story);
    }
    old.replaceWith(young);
    tables.equip(young);
    charts.watch(young);
    sections.watch(young);
    date(key);
    restore(young, before);
    inView.observe(young);
  }

  function parsed(html) {
    const template = document.createElement("template");
    template.innerHTML = html;
    return template.content.firstElementChild;
  }

  // What the reader has opened, sorted, filtered, picked, scrolled to or is typing in a section.
  const name = (element) => element.tagName + (element.ariaLabel ?? element.textContent);
  const folds = (root) => [...root.querySelectorAll("details")].map((fold, at) => [fold.querySelector(":scope > summary [id]")?.id ?? at, fold]);
  const tools = (root) => [...root.querySelectorAll("table:is(.tools, .sorts)")].map((table) => {
    const bar = table.parentElement.previousElementSibling;
    const inputs = (kind) => [...(bar?.matches(".toolbar") ? bar.querySelectorAll(`input[type=${kind}]`) : [])];
    return { table, filter: inputs("search")[0], boxes: inputs("checkbox") };
  });

  function remembered(old) {
    const active = old.contains(document.activeElement) ? document.activeElement : null;
    return {
      open: new Map(folds(old).map(([key, fold]) => [key, fold.open])),
      scrolled: [...old.querySelectorAll(".scroll")].map(({ scrollTop, scrollLeft }) => ({ scrollTop, scrollLeft })),
      tools: tools(old).map(({ table, filter, boxes }) => {
        const head = table.tHead.querySelector("[aria-sort]");
        return {
          sorted: head && [head.textContent, head.ariaSort],
          filter: filter?.value,
          picked: new Map(boxes.map((box) => [box.parentElement.textContent, box.checked])),
        };
      }),
      active: active && name(active),
      selection: active?.type === "search" ? [active.selectionStart, active.selectionEnd] : null,
    };
  }

  function restore(young, before) {
    for (const [key, fold] of folds(young)) fold.open = before.open.get(key) ?? fold.open;
    tools(young).forEach(({ table, filter, boxes }, at) => {
      const { sorted, filter: text = "", picked = new Map() } = before.tools[at] ?? {};
      const head = sorted && [...table.tHead.rows[0].cells].find((each) => each.textContent === sorted[0]);
      for (let tries = 0; head && head.ariaSort !== sorted[1] && tries < 2; tries += 1) head.firstElementChild.click();
      for (const box of boxes) {
        if (box.checked !== (picked.get(box.parentElement.textContent) ?? box.checked)) box.click();
      }
      if (!text) return;
      filter.value = text;
      filter.dispatchEvent(new Event("input"));
    });
    [...young.querySelectorAll(".scroll")].forEach((box, at) => Object.assign(box, before.scrolled[at]));
    const active = before.active && [...young.querySelectorAll("a, button, input, summary, [tabindex]")].find((each) => name(each) === before.active);
    active?.focus({ preventScroll: true });
    if (before.selection) active?.setSelectionRange(...before.selection);
  }

  // What was never shown comes first, what is near before what is not; only what is near is asked for again.
  function next() {
    const never = behind.filter((key) => !tags.has(key));
    const due = behind.filter((key) => wanted(key) && Date.now() >= (rested.get(key) ?? 0));
    return [never, due].map((keys) => keys.find((key) => near.has(key)) ?? keys[0]).find(Boolean);
  }

  const wanted = (key) => over || near.has(key) || section(key).classList.contains("yet");

  // Says as of which trial a section is, and offers a newer one where there is.
  function date(key) {
    const [trial, read] = dates.get(key) ?? [];
    if (trial === undefined) return;
    const old = behind.includes(key), seconds = Math.max(0, Math.round((Date.now() - read) / 1000));
    let line = section(key).querySelector(":scope > .asof");
    if (!line) {
      const button = make("button", { type: "button", textContent: "Redraw now", ariaLabel: `Redraw now: ${section(key).querySelector("h2")?.textContent ?? "Summary"}` });
      button.addEventListener("click", () => renew(key, { "Sweep-Now": "1" }).catch(() => {}));
      line = section(key).appendChild(make("p", { className: "asof" }, make("span", {}), button));
    }
    const ago = seconds < 60 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
    line.firstElementChild.textContent = `as of trial ${trial}` + (old ? `, ${ago} ago` : "");
    line.lastElementChild.hidden = !old;
  }

  // Asks for a section that is behind. What changes meanwhile, and what the server lets rest, leaves it behind.
  async function renew(key, more) {
    behind = behind.filter((each) => each !== key);
    const seconds = await ask(key, more);
    if (seconds) behind = [key, ...behind.filter((each) => each !== key)]; // it stays the next to be asked for
    rested.set(key, Date.now() + (over ? 100 : 1000 * seconds)); // it may be over since this was answered
    date(key);
  }

  async function catchUp() {
    if (asking) return;
    asking = true;
    try {
      for (let key = next(); key; key = next()) await renew(key);
    } catch {
      // The stream of events shows when the server is back.
    } finally {
      asking = false;
    }
    const soonest = Math.min(...behind.filter(wanted).map((key) => rested.get(key) ?? 0));
    if (soonest < Infinity) setTimeout(catchUp, Math.max(200, soonest - Date.now()));
  }

  function changed() {
    if (missing !== undefined) return location.reload();
    for (const { id } of document.querySelectorAll("main > section[id]")) {
      if (prompt.has(id)) ask(id).catch(() => {});
      else if (!behind.includes(id)) behind.push(id);
    }
    catchUp();
  }

  let events;
  function listen() {
    events = new EventSource(address + "/events");
    events.onmessage = ({ data }) => {
      lost.hidden = true;
      if (data === pulse) return;
      pulse = data;
      over = data.endsWith("over");
      if (over) rested.clear();
      changed();
    };
    events.onerror = () => {
      if (!lost.hidden) return;
      lost.textContent = `No answer since ${new Date().toLocaleTimeString()}: the dashboard has stopped or cannot be reached. This page updates again once it is back.`;
      lost.hidden = false;
    };
  }
  document.addEventListener("visibilitychange", () => (document.hidden ? events.close() : listen()));

  document.addEventListener("click", ({ target }) => {
    const number = target.dataset?.page;
    if (number === undefined) return;
    const { id } = target.closest("section");
    section(id).dataset.page = number;
    tags.delete(id);
    ask(id).then(() => section(id).scrollIntoView()).catch(() => {});
  });

  // What the reader asks for is sent, and what came of it is said.
  async function act(form) {
    const said = form.closest(".control").querySelector("[role=status]");
    said.textContent = "…";
    try {
      const answer = await fetch(`${address}/act/${form.dataset.act}`, { method: "POST", body: new URLSearchParams(new FormData(form)) });
      said.textContent = await answer.text();
      if (answer.ok) form.reset();
    } catch {
      said.textContent = "The dashboard did not answer.";
    }
  }

  for (const form of document.querySelectorAll(".control form")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      act(form);
    });
  }

  const onPage = stories.find;
  stories.find = async (trial) => {
    const known = await onPage(trial);
    if (known || !section("stories")) return known;
    const answer = await fetch(`${address}/trial/${trial}`);
    if (!answer.ok) return undefined;
    const asked = Object.assign(document.createElement("div"), { className: "asked" });
    asked.append(parsed(await answer.text()));
    const again = await onPage(trial); // it may have arrived meanwhile
    if (again) return again;
    section("stories").append(asked);
    tables.equip(asked);
    charts.watch(asked);
    return asked.firstElementChild;
  };

  behind = [...document.querySelectorAll("main > section[id]")].map(({ id }) => id).filter((id) => !prompt.has(id));
  document.querySelectorAll("main > section[id]").forEach((each) => inView.observe(each));
  setInterval(() => dates.forEach((_, key) => date(key)), 1000);
  listen();
  if (document.hidden) events.close();
  stories.reveal();
})();
