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

// A filter: its text holds conditions on records, and tells its followers which of these records are shown.
const filtering = (() => {
  const outside = (pattern) => new RegExp(`(?:${pattern})(?=(?:[^"]*"[^"]*")*[^"]*$)`, "i"); // not between quotes
  const [COMMAS, SIGN, EITHER] = [",|\\band\\b", "(<=|>=|!=|==?|<|>)", "\\|"].map(outside);
  const bare = (text) => text.trim().toLowerCase().replaceAll('"', "");
  const quoted = (text) => (/^[\w .-]+$/.test(text) && !/\band\b|\.\./.test(text) ? text : `"${text.replaceAll('"', "")}"`);
  const terms = (text) => text.split(COMMAS).map((term) => term.trim()).filter(Boolean);
  const parts = (term) => term.split(SIGN).map((part) => part.trim().replace("==", "="));

  const letters = (text) => text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
  const initials = (text) => text.toLowerCase().split(/[^\p{L}\p{N}]+/u).map((word) => word[0]).join("");

  // The column that a reader means: by its name as shown or as in a study, its beginning or its initials.
  function column(names, given) {
    const wanted = letters(given);
    const found = [(name) => letters(name) === wanted, (name) => letters(name).startsWith(wanted), (name) => initials(name) === wanted]
      .map((fits) => (wanted ? names.find(fits) : undefined)).find((name) => name !== undefined);
    if (found === undefined) throw new Error(`No column is called "${bare(given)}".`);
    return found;
  }

  const SIGNS = {
    "<": (one, other) => one < other, ">": (one, other) => one > other, "<=": (one, other) => one <= other,
    ">=": (one, other) => one >= other,
  };
  const TURNED = { "<": ">", ">": "<", "<=": ">=", ">=": "<=" };

  // A column compared with a number, a range as in "3..9", or words as in "adam|sgd". A missing value is only different.
  function comparison(names, given, sign, value) {
    const name = column(names, given), [low, high] = value.split("..").map(parseFloat);
    const options = value.split(EITHER).map(bare);
    if (!value || (isNaN(low) && TURNED[sign])) throw new Error(`Compare ${bare(given)} with a number.`);
    return ({ values, texts }) => {
      const key = values[name] ?? "", number = Number(key);
      if (key === "") return sign === "!=";
      if (TURNED[sign]) return SIGNS[sign](number, low);
      if (!isNaN(low) && high !== undefined) return (number >= low && number <= high) === (sign === "=");
      const is = (option) => number === parseFloat(option) || bare(`${key}`) === option || bare(texts?.[name] ?? "") === option;
      return options.some(is) === (sign === "=");
    };
  }

  // A condition on a record: words that it holds, or comparisons as in "lr < 0.001" and "0.1 < dropout <= 0.3".
  function condition(names, term) {
    const [first, sign, second, next, third] = parts(term);
    if (!sign) return (record) => record.words().includes(bare(term));
    if (next) {
      const both = [comparison(names, second, TURNED[sign] ?? sign, first), comparison(names, second, next, third)];
      return (record) => both.every((holds) => holds(record));
    }
    return isNaN(Number(first || "?")) ? comparison(names, first, sign, second) : comparison(names, second, TURNED[sign] ?? sign, first);
  }

  return () => {
    const records = new Map(), followers = new Map();
    let names = [], text = "", error = "", passing = null;

    function weigh() {
      try {
        const conditions = terms(text).map((term) => condition(names, term));
        const holding = [...records].filter(([, record]) => conditions.every((holds) => holds(record)));
        [passing, error] = [conditions.length ? new Set(holding.map(([id]) => id)) : null, ""];
      } catch (problem) {
        [passing, error] = [null, problem.message];
      }
    }

    function tell() {
      weigh();
      for (const [element, act] of followers) {
        if (element.isConnected) act();
        else followers.delete(element);
      }
    }

    // The terms of the text that ask for values of a column, and what they ask for.
    function asking(name) {
      return terms(text).filter((term) => {
        const [first, sign, , more] = parts(term);
        try { return sign === "=" && !more && column(names, first) === name; } catch { return false; }
      });
    }

    return {
      get text() { return text; },
      get error() { return error && `${error} Columns: ${names.join(", ")}.`; },
      get active() { return passing !== null; },
      get state() { return passing && [...passing].join(); },
      get count() { return passing?.size ?? records.size; },
      get total() { return records.size; },
      all: () => [...records].filter(([id]) => passing === null || passing.has(id)).map(([, record]) => record),
      has: (id) => passing === null || passing.has(id),

      // Takes in records by their ids: `values` by column, perhaps `texts` as shown, and all `words`.
      know: (columns, found) => {
        names = columns;
        for (const [id, record] of found) records.set(id, record);
        tell();
      },
      set: (given) => { text = given; tell(); },
      follow: (element, act) => { followers.set(element, act); act(); },

      // What is asked for of a column, as in "3..9"; undefined where nothing is.
      asked: (name) => asking(name).map((term) => parts(term)[2]).at(-1),
      holds: (name, value, given) => comparison([name], name, "=", value)({ values: { [name]: given } }),

      // Asks for a range of a column, or for some of its words, instead of what was asked for; for nothing if there is none.
      ask: (name, wanted) => {
        const before = asking(name), range = Array.isArray(wanted) ? wanted.map((word) => quoted(`${word}`)).join("|") : wanted;
        text = [...terms(text).filter((term) => !before.includes(term)), ...(range ? [`${quoted(name)} = ${range}`] : [])].join(", ");
        tell();
      },
    };
  };
})();

// Which trials are shown, in every table and chart of the page. Each table and chart has them of here.
const shown = filtering();

// Says on every part of the page that some trials are not shown, and brings them back.
(() => {
  const said = make("span", {}), all = make("button", { type: "button", textContent: "Show all trials" });
  const line = make("p", { className: "filtered", hidden: true }, said, " ", all);
  const counted = (count) => count.toLocaleString("en");
  all.addEventListener("click", () => shown.set(""));
  document.body.append(line);
  shown.follow(line, () => {
    line.hidden = !shown.active;
    said.textContent = `${counted(shown.count)} of ${counted(shown.total)} trials: ${shown.text}`;
  });
})();
