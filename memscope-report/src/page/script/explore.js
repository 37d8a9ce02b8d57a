// The table of call sites: searched, filtered, sorted, and each site opened to its panel.
const explore = (() => {
  const STEP_ROWS = 100;
  const COLUMNS = ["label", "samples", "allocations", "allocated", "peak", "live", "temporary", "crossed"];
  // The row of the call sites that are not told apart by thread, scope and time.
  const FURTHER = -1;
  const COUNTED = new Set(["samples", "allocations"]);
  const state = { term: "", module: "", filter: slices.whole(), sort: "allocated", sign: -1, shown: STEP_ROWS, open: new Set() };
  let [table, body, more, told, overview, graph] = [];

  const sortKey = (row, column) => {
    const value = row[column];
    return value !== null && typeof value === "object" ? value.value : value ?? 0;
  };
  const isEverything = () => state.term === "" && state.module === "";
  const matches = (row, index) =>
    (state.module === "" || row.module === state.module || row.module.startsWith(state.module + "::"))
    && (state.term === "" || text(index).includes(state.term));
  // What the search looks at: label and all functions of the stack.
  const texts = [];
  const text = (index) => {
    texts[index] ??= [data.sites[index].label, ...data.sites[index].stack.map((frame) => data.strings[data.frames[frame][0]])].join("\n").toLowerCase();
    return texts[index];
  };

  // The sites that pass, with the figures of the selection, in order.
  const selected = () => {
    const sliced = slices.isAll(state.filter) ? null : slices.bySite(state.filter);
    const rows = [];
    data.sites.forEach((row, index) => {
      if (!matches(row, index)) return;
      const figures = sliced ? sliced.get(index) : row;
      if (figures) rows.push({ ...row, ...figures, index });
    });
    if (sliced?.has(FURTHER) && isEverything()) rows.push({ label: "(all further call sites)", ...sliced.get(FURTHER), index: FURTHER });
    const order = (a, b) => (typeof a === "number" ? a - b : a.localeCompare(b));
    return rows.sort((a, b) => state.sign * order(sortKey(a, state.sort), sortKey(b, state.sort)));
  };

  const cell = (row, column) => {
    const value = row[column];
    if (value === null || value === undefined) return dom.element("td", { class: `n c-${column} muted` }, "\u2013");
    const unit = COUNTED.has(column) ? units.count : units.bytes;
    if (typeof value === "number") return dom.element("td", { class: `n c-${column}` }, unit(value));
    const interval = value.high > value.low ? dom.element("span", { class: "interval" }, units.range(value.low, value.high, unit)) : null;
    return dom.element("td", { class: `n c-${column}` }, unit(value.value), interval);
  };
  const tableRow = (row) => {
    if (row.index === FURTHER) {
      return [dom.element("tr", {}, dom.element("td", { class: "name muted" }, row.label), ...COLUMNS.slice(1).map((column) => cell(row, column)))];
    }
    const open = state.open.has(row.index);
    const button = dom.element("button", { type: "button", class: "site", "aria-expanded": String(open), "data-site": row.index },
      dom.element("code", {}, ...dom.path(row.label)));
    const line = dom.element("tr", { id: `site-${row.index}` }, dom.element("td", { class: "name" }, button), ...COLUMNS.slice(1).map((column) => cell(row, column)));
    return open ? [line, panelRow(row.index)] : [line];
  };
  const panelRow = (index) =>
    dom.element("tr", { class: "panel", id: `panel-${index}` }, dom.element("td", { colspan: COLUMNS.length }, site.panel(index, state.filter)));

  const total = (rows) => {
    if (rows.length === 0) return "No call site passes. Widen the search or the filters.";
    const indices = new Set(rows.map(({ index }) => index));
    const further = indices.delete(FURTHER);
    const sites = (count) => (count === 1 ? "1 call site" : `${count} call sites`);
    const named = further ? `${sites(indices.size)} and further ones` : sites(indices.size);
    if (!slices.there) return named;
    // What is not told apart is in the sum of everything, and cannot be in that of some.
    const lost = isEverything() ? 0 : [...indices].filter((index) => !slices.told.has(index)).length;
    if (isEverything()) indices.add(FURTHER);
    const { allocated, live } = slices.total(indices, state.filter);
    const figure = ({ value, low, high }) => (high > low ? `${units.bytes(value)} (${units.range(low, high, units.bytes)})` : units.bytes(value));
    const when = slices.isWhole(state.filter) ? "at the end" : "at the window's end";
    const without = lost > 0 ? ` Without ${sites(lost)} too small to be in the sums.` : "";
    return `${named}: ${figure(allocated)} allocated, ${figure(live)} live ${when}.${without}`;
  };

  const draw = () => {
    const rows = selected();
    // Cells do not tell everything: what they leave open has no column.
    table.classList.toggle("sliced", !slices.isAll(state.filter));
    body.replaceChildren(...rows.slice(0, state.shown).flatMap(tableRow));
    more.hidden = rows.length <= state.shown;
    more.textContent = `Show more (${rows.length - state.shown} left)`;
    told.textContent = total(rows);
    const ends = slices.isWhole(state.filter) ? "the end" : "the window's end";
    table.querySelector("th.c-live button").textContent = `Live at ${ends}`;
    graph(rows);
    if (overview) overview([...rows.map(({ index }) => index), ...(isEverything() ? [FURTHER] : [])], state.filter);
  };

  const toggle = (index, open) => {
    const button = body.querySelector(`[data-site="${index}"]`);
    if (!button) return;
    button.setAttribute("aria-expanded", String(open));
    if (open === state.open.has(index)) return;
    if (open) {
      state.open.add(index);
      button.closest("tr").after(panelRow(index));
    } else {
      state.open.delete(index);
      dom.byId(`panel-${index}`).remove();
    }
  };
  // A link to a site shows it, whatever was filtered.
  const follow = () => {
    const found = /^#site-(\d+)$/.exec(location.hash);
    if (!found || !data.sites[Number(found[1])]) return;
    const index = Number(found[1]);
    if (!dom.byId(`site-${index}`)) {
      filters.clear();
      state.shown = data.sites.length;
      draw();
    }
    toggle(index, true);
    dom.byId(`site-${index}`).scrollIntoView();
    body.querySelector(`[data-site="${index}"]`).focus({ preventScroll: true });
  };

  const keys = (event) => {
    const button = event.target.closest("button.site");
    if (!button) {
      const panel = event.target.closest("tr.panel");
      if (event.key !== "Escape" || !panel) return;
      const owner = panel.previousElementSibling.querySelector("button.site");
      toggle(Number(owner.dataset.site), false);
      owner.focus();
      return;
    }
    const buttons = [...body.querySelectorAll("button.site")];
    const at = buttons.indexOf(button);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (event.key === "Escape") toggle(Number(button.dataset.site), false);
    if (to === undefined || !buttons[to]) return;
    event.preventDefault();
    buttons[to].focus();
  };

  // Changes what is selected, and shows it.
  const set = (change) => {
    if (Object.entries(change).every(([name, value]) => state[name] === value)) return;
    Object.assign(state, change, { shown: STEP_ROWS });
    draw();
  };
  const start = () => {
    table = document.querySelector("#sites table");
    if (!table) return;
    body = table.tBodies[0];
    more = dom.element("button", { type: "button", class: "more" });
    more.addEventListener("click", () => {
      state.shown += STEP_ROWS;
      draw();
    });
    table.parentElement.after(dom.element("div", { class: "controls below" }, more));
    const made = filters.make(state, set);
    [told, overview] = [made.told, made.overview];
    const [part, drawGraph] = selection.make();
    graph = drawGraph;
    dom.byId("filters").append(made.form, part);
    [...table.tHead.rows[0].cells].forEach((heading, column) => heading.querySelector("button").addEventListener("click", () => {
      state.sign = tables.turn(heading);
      state.sort = COLUMNS[column];
      draw();
    }));
    body.addEventListener("click", (event) => {
      const button = event.target.closest("button.site");
      if (button) toggle(Number(button.dataset.site), button.getAttribute("aria-expanded") !== "true");
    });
    table.addEventListener("keydown", keys);
    draw();
    filters.link("threads", "thread", data.threads);
    filters.link("scopes", "scope", data.scopes);
    addEventListener("hashchange", follow);
    follow();
  };
  return { start, set, rows: selected };
})();
