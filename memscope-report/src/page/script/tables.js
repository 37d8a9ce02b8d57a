// Tables that stand in the page: a click on a heading sorts, a box above finds, a button below unfolds.
const tables = (() => {
  const FOLDED_ROWS = 25;
  const key = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.value === undefined ? cell.textContent : Number(cell.dataset.value);
  };
  const order = (a, b) => (typeof a === "number" ? a - b : a.localeCompare(b));

  // Which way a click on `heading` sorts now: numbers fall first, names rise first. Marks the heading.
  const turn = (heading) => {
    const first = heading.classList.contains("n") ? "descending" : "ascending";
    const second = first === "descending" ? "ascending" : "descending";
    const direction = heading.getAttribute("aria-sort") === first ? second : first;
    for (const other of heading.parentElement.cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", direction);
    return direction === "ascending" ? 1 : -1;
  };
  const sortable = (table) => {
    const body = table.tBodies[0];
    for (const button of table.tHead.querySelectorAll("button")) {
      button.addEventListener("click", () => {
        const heading = button.parentElement;
        const sign = turn(heading);
        const rows = [...body.rows].map((row) => [key(row, heading.cellIndex), row]);
        body.append(...rows.sort(([a], [b]) => sign * order(a, b)).map(([, row]) => row));
      });
    }
  };
  const foldable = (table) => {
    const rows = table.tBodies[0].rows;
    if (rows.length <= FOLDED_ROWS) return;
    table.classList.add("folded");
    const all = dom.element("button", { type: "button", class: "more" }, `Show all ${rows.length}`);
    all.addEventListener("click", () => {
      const folded = table.classList.toggle("folded");
      all.textContent = folded ? `Show all ${rows.length}` : `Show the first ${FOLDED_ROWS}`;
    });
    const named = table.closest("section").querySelector("h2").textContent;
    const box = dom.element("input", { type: "search", placeholder: "Find by name", "aria-label": `Find in: ${named}` });
    box.addEventListener("input", () => {
      const term = box.value.trim().toLowerCase();
      table.classList.toggle("searched", term !== "");
      for (const row of rows) row.hidden = term !== "" && !row.cells[0].textContent.toLowerCase().includes(term);
    });
    table.parentElement.before(dom.element("div", { class: "controls above" }, box));
    table.parentElement.after(dom.element("div", { class: "controls below" }, all));
  };
  const start = () => {
    for (const table of document.querySelectorAll("table.plain")) {
      sortable(table);
      foldable(table);
    }
  };
  return { start, turn };
})();
