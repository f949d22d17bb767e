"use strict";
// Shows a page's answers, a few at a time. The rows lie in the page itself, compressed; state is in the address.
(async () => {
  const SHOWN = 20;
  const field = (name) => document.getElementById(name);

  async function unpack(text) {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return JSON.parse(await new Response(stream).text());
  }

  const kinds = {
    full: (row) => row.outcome === "scored" && row.score === 1,
    part: (row) => row.outcome === "scored" && row.score > 0 && row.score < 1,
    zero: (row) => row.outcome === "scored" && row.score === 0,
    unscorable: (row) => row.outcome === "unscorable",
    infrastructure_error: (row) => row.outcome === "infrastructure_error",
  };

  function element(name, text, className) {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  function article(row) {
    const made = element("article", undefined, "sample");
    made.id = `item-${row.index}-${row.sample}`;
    const heading = element("h2", `Item ${row.index}${row.sample ? `, sample ${row.sample}` : ""} `);
    const score = row.score === null ? "–" : (100 * row.score).toFixed(1);
    heading.append(element("small", row.outcome.replace("_", " "), "tag"), " ", element("small", score));
    made.append(heading);
    for (const [title, text] of [["Prompt", row.prompt], [row.truncated ? "Answer (cut off)" : "Answer", row.answer ?? "none"],
      ["Reference", row.reference]]) {
      const box = element("pre", text);
      box.tabIndex = 0;  // a long text scrolls, also by keyboard
      made.append(element("h3", title), box);
    }
    return made;
  }

  const rows = await unpack(field("data").textContent);
  const state = {outcome: "", q: "", at: 0};
  let found = rows;

  function read() {
    const given = new URLSearchParams(location.hash.slice(1));
    state.outcome = given.get("outcome") in kinds ? given.get("outcome") : "";
    state.q = given.get("q") ?? "";
    state.at = Math.max(0, Number.parseInt(given.get("at") ?? "0", 10) || 0);
  }

  function remember() {
    const kept = new URLSearchParams();
    for (const [name, value] of Object.entries(state)) if (value) kept.set(name, value);
    history.replaceState(null, "", `#${kept}`);
  }

  function show() {
    const fits = kinds[state.outcome] ?? (() => true);
    const words = state.q.toLowerCase();
    found = rows.filter((row) => fits(row) && (!words || [row.id, row.prompt, row.answer ?? "", row.reference]
      .some((text) => text.toLowerCase().includes(words))));
    state.at = Math.min(state.at, Math.max(0, Math.ceil(found.length / SHOWN) - 1) * SHOWN);
    field("outcome").value = state.outcome;
    field("q").value = state.q;
    field("items").replaceChildren(...found.slice(state.at, state.at + SHOWN).map(article));
    field("back").disabled = state.at === 0;
    field("next").disabled = state.at + SHOWN >= found.length;
    const last = Math.min(state.at + SHOWN, found.length);
    field("count").textContent = found.length ? `${state.at + 1} to ${last} of ${found.length}` : "none fits";
  }

  function change(changes) {
    Object.assign(state, changes);
    show();
    remember();
  }

  field("controls").addEventListener("submit", (event) => event.preventDefault());
  field("outcome").addEventListener("input", () => change({outcome: field("outcome").value, at: 0}));
  field("q").addEventListener("input", () => change({q: field("q").value, at: 0}));
  field("back").addEventListener("click", () => change({at: Math.max(0, state.at - SHOWN)}));
  field("next").addEventListener("click", () => change({at: state.at + SHOWN}));
  window.addEventListener("hashchange", () => {
    read();
    show();
  });
  field("controls").hidden = false;
  read();
  show();
  document.documentElement.dataset.ready = "yes";
})();
