
// Keeps a page current: the state of this moment at once, other sections while they are near the window.
(() => {
  const { address, missing } = document.currentScript.dataset;
  let { pulse } = document.currentScript.dataset;
  const lost = document.getElementById("lost");
  const prompt = new Set(["now", "studies"]);
  const tags = new Map(); // of each section, the hash of what is shown
  const near = new Set();
  let behind = []; // sections that are to be asked for, in this order
  let rested = 0; // when the server may be asked again for what it has drawn before
  let asking = false;

  const section = (key) => document.getElementById(key);
  const inView = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) near[isIntersecting ? "add" : "delete"](target.id);
    catchUp();
  }, { rootMargin: "300px" });

  // Asks for a section, shows it if it has changed, and returns the seconds until a newer one is available.
  async function ask(key) {
    const headers = tags.has(key) ? { "If-None-Match": tags.get(key) } : {};
    const answer = await fetch(`${address}/section/${key}?page=${section(key).dataset.page ?? 0}`, { headers });
    if (answer.status === 200) {
      const first = !tags.has(key);
      tags.set(key, answer.headers.get("ETag"));
      show(key, await answer.text());
      if (first && location.hash === "#" + key) section(key).scrollIntoView();
      if (first && key === "stories") stories.reveal();
    } else if (answer.status !== 304) {
      throw new Error(await answer.text());
    }
    return Number(answer.headers.get("Retry-After") ?? 0);
  }

  function show(key, html) {
    const old = section(key);
    const young = parsed(html);
    if (old.dataset.page) young.dataset.page = old.dataset.page;
    const before = remembered(old);
    inView.unobserve(old);
    charts.hand(old, young);
    for (const story of old.querySelectorAll(":scope > .asked")) {
      if (!young.querySelector("#" + story.querySelector("[id]").id)) young.append(story);
    }
    old.replaceWith(young);
    tables.equip(young);
    charts.watch(young);
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
  const folds = (root) => [...root.querySelectorAll("details")].map((fold, at) => [fold.querySelector("summary [id]")?.id ?? at, fold]);
  const tools = (root) => [...root.querySelectorAll(".toolbar")].map((bar) => ({
    table: bar.nextElementSibling.querySelector("table"),
    filter: bar.querySelector("input[type=search]"),
    boxes: [...bar.querySelectorAll("input[type=checkbox]")],
  }));

  function remembered(old) {
    const active = old.contains(document.activeElement) ? document.activeElement : null;
    return {
      open: new Map(folds(old).map(([key, fold]) => [key, fold.open])),
      scrolled: [...old.querySelectorAll(".scroll")].map(({ scrollTop, scrollLeft }) => ({ scrollTop, scrollLeft })),
      tools: tools(old).map(({ table, filter, boxes }) => {
        const head = table.tHead.querySelector("[aria-sort]");
        return {
          sorted: head && [head.textContent, head.ariaSort],
          filter: filter.value,
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
      filter.value = text;
      if (text) filter.dispatchEvent(new Event("input"));
    });
    [...young.querySelectorAll(".scroll")].forEach((box, at) => Object.assign(box, before.scrolled[at]));
    const active = before.active && [...young.querySelectorAll("a, button, input, summary, [tabindex]")].find((each) => name(each) === before.active);
    active?.focus({ preventScroll: true });
    if (before.selection) active?.setSelectionRange(...before.selection);
  }

  // What was never shown comes first, what is near before what is not; only what is near is asked for again.
  function next() {
    const never = behind.filter((key) => !tags.has(key));
    return never.find((key) => near.has(key)) ?? never[0]
      ?? (Date.now() >= rested ? behind.find((key) => near.has(key)) : undefined);
  }

  async function catchUp() {
    if (asking) return;
    asking = true;
    try {
      for (let key = next(); key; key = next()) {
        behind = behind.filter((each) => each !== key);
        const seconds = await ask(key);
        if (seconds) {
          behind = [key, ...behind]; // it stays the next to be asked for
          rested = Date.now() + 1000 * seconds;
        }
      }
    } catch {
      // The stream of events shows when the server is back.
    } finally {
      asking = false;
    }
    if (behind.some((key) => near.has(key))) setTimeout(catchUp, Math.max(200, rested - Date.now()));
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
  listen();
  if (document.hidden) events.close();
  stories.reveal();
})();
