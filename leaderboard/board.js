"use strict";
// Sorts, filters and recomputes the table that the page already shows. All state is in the address, after "#".
(() => {
  const NO_GAIN = 1e-9;  // as in clueplus/statistics/summary.py
  const CHOICES = ["variant", "set", "base", "q", "size", "open", "tuned", "from", "tier", "theme", "all"];
  const SHOWN = 100;  // rows of a long table; more only on demand, because a browser lays out each of their cells
  const FIRST_TASK = 5;  // name, rank, average, #DG and CV come before
  const form = document.getElementById("controls");
  const field = (name) => document.getElementById(name);

  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

  const average = (scores) => scores.some((score) => score === null) ? null : mean(scores);

  const gains = (scores, base) =>
    [...scores, ...base].includes(null) ? null : scores.map((score, place) => score - base[place]);

  const gained = (differences) => differences.filter((gain) => gain > 0).length;

  function variation(differences) {
    const middle = mean(differences);
    if (differences.length < 2 || Math.abs(middle) < NO_GAIN) return null;
    const squares = differences.reduce((sum, gain) => sum + (gain - middle) ** 2, 0);
    return Math.sqrt(squares / (differences.length - 1)) / Math.abs(middle);
  }

  class Board {
    constructor(section) {
      this.section = section;
      this.data = JSON.parse(field(`data-${section.dataset.variant}`).textContent);
      this.rows = this.data.rows.map((row) => ({...row}));
      const bySlug = new Map(this.rows.map((row) => [row.slug, row]));
      this.bodies = [...section.querySelectorAll("tbody.rows")];
      for (const [part, body] of this.bodies.entries()) {
        for (const line of body.rows) Object.assign(bySlug.get(line.dataset.slug), {line, part});
      }
      for (const row of this.rows) row.name = row.line.cells[0].querySelector("bdi").textContent;
      this.sheet = new CSSStyleSheet();
      document.adoptedStyleSheets = [...document.adoptedStyleSheets, this.sheet];
      this.heads = [...section.querySelectorAll(".heads th")];
      for (const head of this.heads) this.makeSortable(head);
    }

    makeSortable(head) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => sortBy(head.dataset.key));
    }

    set(name) {
      return this.data.sets.find((set) => set.name === name) ?? this.data.sets.find((set) => set.name === this.data.shown);
    }

    // Average, #DG and CV on the chosen columns over the chosen base; a published base is none for measured rows.
    summarise(state) {
      const number = this.data.sets.indexOf(this.set(state.set));
      const columns = this.data.sets[number].columns;
      const chosen = this.rows.find((row) => row.slug === state.base);
      for (const row of this.rows) {
        const base = chosen ?? this.data.rows[row.base];
        const alike = base && (base.kind === "published") === (row.kind === "published");
        const own = columns.map((column) => row.scores[column]);
        const differences = alike && base.slug !== row.slug ? gains(own, columns.map((column) => base.scores[column])) : null;
        row.average = average(own);
        row.gained = differences && gained(differences);
        row.variation = differences && variation(differences);
        row.rank = typeof row.ranks[number] === "string" ? null : row.ranks[number];
        const [best, worst] = row.rank ?? [];
        this.write(row.line.cells[1], row.rank && best, row.rank && (best === worst ? `${best}` : `${best}–${worst}`));
        this.write(row.line.cells[2], row.average, row.average !== null && (100 * row.average).toFixed(1));
        this.write(row.line.cells[3], row.gained, row.gained !== null && `${row.gained}`);
        this.write(row.line.cells[4], row.variation, row.variation !== null && row.variation.toFixed(1));
        row.line.cells[1].title = row.rank ? "" : row.ranks[number];
      }
      this.section.querySelector(".set-title").textContent = this.data.sets[number].title;
    }

    write(cell, value, text) {
      cell.textContent = text || "–";
      cell.dataset.value = value ?? "";
      cell.removeAttribute("title");
    }

    value(row, key) {
      if (key === "name") return row.name;
      if (key === "rank") return row.rank && row.rank[0] * 1e6 + row.rank[1];
      return key in row && key !== "from" ? row[key] : row.scores[this.data.columns.indexOf(key)];
    }

    sort(key, descending) {
      const sign = descending ? -1 : 1;
      const compare = (a, b) => {
        const [left, right] = [this.value(a, key), this.value(b, key)];
        if (left === null || right === null) return (left === null) - (right === null) || a.name.localeCompare(b.name);
        const order = typeof left === "string" ? left.localeCompare(right) : left - right;
        return sign * order || a.name.localeCompare(b.name);
      };
      this.rows.sort(compare);
      for (const [part, body] of this.bodies.entries()) {
        body.replaceChildren(...this.rows.filter((row) => row.part === part).map((row) => row.line));
      }
      for (const head of this.heads) {
        if (head.dataset.key === key) head.setAttribute("aria-sort", descending ? "descending" : "ascending");
        else head.removeAttribute("aria-sort");
      }
    }

    filter(state) {
      const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
      const yesNo = (wanted, value) => !wanted || (wanted === "yes") === value;
      let [shown, fitting, room] = [0, 0, SHOWN];
      for (const row of this.rows) {
        const name = row.name.toLowerCase();
        const fits = words.every((word) => name.includes(word)) && (!state.size || row.size === state.size)
          && yesNo(state.open, row.open) && yesNo(state.tuned, row.tuned) && (!state.from || row.from === state.from);
        const visible = fits && (state.all === "yes" || row.kind === "published" || room-- > 0);
        row.line.hidden = !visible;
        shown += visible;
        fitting += fits;
      }
      field("count").textContent = `${shown} of ${this.rows.length} rows`;
      field("all").hidden = fitting === shown;
      field("all").textContent = `Show all ${fitting}`;
    }

    visible(state) {
      const {columns, tiers, sets} = this.data;
      const inSet = new Set(this.set(state.set).columns);
      const inAny = new Set(sets.flatMap((set) => set.columns));
      return columns.map((name, place) => (inSet.has(place) || !inAny.has(place)) && !state.hide.has(name)
        && (!state.tier || tiers[place] === state.tier));
    }

    showColumns(state) {
      const visible = this.visible(state);
      const scope = `.board[data-variant="${this.data.variant}"]`;
      const rule = (n) => `${scope} :is(.heads, .rows tr) > :nth-child(${n}) { display: none; }`;
      this.sheet.replaceSync(visible.map((shown, place) => shown ? "" : rule(place + FIRST_TASK + 1)).join("\n"));
      let place = 0;
      for (const head of this.section.querySelectorAll(".groups th[data-group]")) {
        head.dataset.count ??= head.colSpan;
        const count = visible.slice(place, place += Number(head.dataset.count)).filter(Boolean).length;
        head.hidden = count === 0;
        head.colSpan = Math.max(count, 1);
      }
      const total = FIRST_TASK + visible.filter(Boolean).length;
      for (const head of this.section.querySelectorAll(".part th")) head.colSpan = total;
    }
  }

  const boards = new Map([...document.querySelectorAll(".board")].map((section) => [section.dataset.variant, new Board(section)]));
  const first = boards.keys().next().value;
  let state;

  function read() {
    const found = new URLSearchParams(location.hash.slice(1));
    state = Object.fromEntries(CHOICES.map((name) => [name, found.get(name) ?? ""]));
    if (!boards.has(state.variant)) state.variant = first;
    const [key, direction] = (found.get("sort") ?? "").split(" ");
    const heads = boards.get(state.variant).heads.map((head) => head.dataset.key);
    state.sort = heads.includes(key) ? key : "average";
    state.descending = heads.includes(key) ? direction === "down" : true;
    state.hide = new Set((found.get("hide") ?? "").split(",").filter(Boolean));
  }

  function remember() {
    const kept = new URLSearchParams();
    for (const name of CHOICES) if (state[name] && !(name === "variant" && state[name] === first)) kept.set(name, state[name]);
    if (state.sort !== "average" || !state.descending) kept.set("sort", `${state.sort} ${state.descending ? "down" : "up"}`);
    if (state.hide.size) kept.set("hide", [...state.hide].join(","));
    history.replaceState(null, "", `#${kept}`);
  }

  function option(value, text) {
    const made = document.createElement("option");
    made.value = value;
    made.textContent = text;
    return made;
  }

  function offer(board) {
    field("set").replaceChildren(...board.data.sets.map((set) => option(set.name, set.title)));
    const bases = document.createElement("optgroup");
    const published = document.createElement("optgroup");
    bases.label = "for measured rows";
    published.label = "for published rows";
    for (const row of [...board.rows].sort((a, b) => a.name.localeCompare(b.name))) {
      (row.kind === "published" ? published : bases).append(option(row.slug, row.name));
    }
    field("base").replaceChildren(option("", "each row's own"), ...[bases, published].filter((group) => group.childElementCount));
    const from = [...new Set(board.rows.map((row) => row.from).filter(Boolean))].sort();
    field("from").replaceChildren(option("", "any"), ...from.map((name) => option(name, name)));
    const boxes = board.data.columns.map((name) => {
      const [box, words] = [document.createElement("input"), document.createElement("label")];
      box.type = "checkbox";
      box.dataset.column = name;
      words.append(box, ` ${board.heads.find((head) => head.dataset.key === name).textContent}`);
      return words;
    });
    field("columns").replaceChildren(field("columns").querySelector("legend"), ...boxes);
  }

  function show() {
    const board = boards.get(state.variant);
    for (const [variant, each] of boards) each.section.hidden = variant !== state.variant;
    offer(board);
    state.set = board.set(state.set).name;
    for (const name of CHOICES) if (name !== "all") field(name).value = state[name];
    for (const name of ["base", "from"]) if (field(name).value !== state[name]) state[name] = field(name).value = "";
    for (const box of form.querySelectorAll("[data-column]")) box.checked = !state.hide.has(box.dataset.column);
    if (state.set === board.data.shown) state.set = "";
    document.documentElement.dataset.theme = state.theme;
    board.summarise(state);
    board.sort(state.sort, state.descending);
    board.filter(state);
    board.showColumns(state);
  }

  function change() {
    remember();
    show();
  }

  function sortBy(key) {
    state.descending = state.sort === key ? !state.descending : key !== "name" && key !== "rank";
    state.sort = key;
    remember();
    const board = boards.get(state.variant);
    board.sort(state.sort, state.descending);
    board.filter(state);
    const head = board.heads.find((each) => each.dataset.key === key);
    head.querySelector("button").focus();
  }

  form.addEventListener("input", (event) => {
    const {column} = event.target.dataset;
    if (column) state.hide[event.target.checked ? "delete" : "add"](column);
    else state[event.target.id] = event.target.value;
    if (event.target.id === "variant") Object.assign(state, {set: "", base: "", from: "", hide: new Set()});
    change();
  });
  field("all").addEventListener("click", () => {
    state.all = "yes";
    change();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    history.replaceState(null, "", "#");
    read();
    show();
  });
  window.addEventListener("hashchange", () => {
    read();
    show();
  });
  form.hidden = false;
  read();
  show();
})();
