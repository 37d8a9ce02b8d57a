// One call site: its stack, and what it does over time, by thread, by scope and by age.
const site = (() => {
  const MOST_ROWS = 12;
  const part = (heading, ...children) => dom.element("section", { class: "part" }, dom.element("h4", {}, heading), ...children);

  const frame = (index, at) => {
    const [name, place, inlined, library] = data.frames[index];
    const item = dom.element("li", { class: library ? "library" : "", value: at + 1 }, ...dom.path(data.strings[name]));
    if (inlined) item.append(dom.element("span", { class: "place" }, "inlined"));
    if (place >= 0) item.append(dom.element("span", { class: "place" }, data.strings[place]));
    return item;
  };
  // Innermost first. Runs of the standard library's frames are folded: the reader looks for their own.
  const stack = (frames) => {
    const list = dom.element("ol", { class: "stack" });
    for (let at = 0; at < frames.length;) {
      let end = at;
      while (end < frames.length && data.frames[frames[end]][3]) end += 1;
      if (end - at > 1) {
        const first = at;
        const folded = frames.slice(at, end).map((index, offset) => frame(index, first + offset));
        const button = dom.element("button", { type: "button" }, `${end - at} frames of the standard library`);
        const item = dom.element("li", { class: "fold" }, button);
        button.addEventListener("click", () => {
          item.replaceWith(...folded);
          folded[0].tabIndex = -1;
          folded[0].focus();
        });
        list.append(item);
        at = end;
      } else {
        list.append(frame(frames[at], at));
        at += 1;
      }
    }
    return list;
  };

  // What became of what it allocated, whole session, whole process.
  const ends = (row) => [
    ["allocated in all", row.allocated],
    ["freed within 1 ms by the same thread", row.temporary],
    ["freed by another thread", row.crossed],
    ["live at the end", row.live],
  ];
  const facts = (row) => {
    const lines = [
      ["Mean lifetime of what was freed", row.lifetime === null ? "nothing was freed" : units.duration(row.lifetime)],
      ["Mean age of what is live", row.age === null ? "nothing is live" : units.duration(row.age)],
    ];
    return dom.element("dl", { class: "facts" }, ...lines.flatMap(([name, value]) => [dom.element("dt", {}, name), dom.element("dd", {}, value)]));
  };

  // What was freed by its age, and what is still live by how old it is: that lives at least as long (censored).
  const lifetimes = (row) => {
    const classes = row.lifetimes ?? [];
    const named = ({ from, to }) => (to < 0 ? `over ${units.duration(from)}` : from === 0 ? `up to ${units.duration(to)}` : `${units.duration(from)} to ${units.duration(to)}`);
    const histogram = (heading, column) => {
      const filled = classes.filter((each) => each[column].high > 0);
      return filled.length === 0 ? [] : [part(heading, plots.rows(heading, filled.map((each) => [named(each), each[column]])))];
    };
    const half = classes.find(({ surviving }) => surviving <= 0.5);
    const median = half === undefined ? "Half of the bytes outlive the session, or nearly: no median lifetime."
      : `Half of the bytes are freed within ${half.to < 0 ? units.duration(half.from) : units.duration(half.to)}, those still live taken into account.`;
    return [...histogram("Freed, by age", "freed"), ...histogram("Still live at the end, by age (they live at least as long)", "live"),
      ...(classes.length > 0 ? [dom.element("p", { class: "muted" }, median)] : [])];
  };

  const most = (entries, name) => {
    const rows = entries.filter(([, { value, high }]) => value > 0 || high > 0).sort(([, a], [, b]) => b.value - a.value);
    const shown = rows.slice(0, MOST_ROWS).map(([index, estimate]) => [name(index), estimate]);
    return { shown, rest: rows.length - shown.length };
  };
  const ranking = (heading, entries, name) => {
    const { shown, rest } = most(entries, name);
    return part(heading, shown.length === 0 ? dom.element("p", { class: "muted" }, "None in this selection.") : plots.rows(heading, shown),
      rest > 0 ? dom.element("p", { class: "muted" }, `and ${rest} more`) : null);
  };

  const overTime = (index, filter) => {
    const { edges, allocated, live } = slices.overTime(new Set([index]), filter);
    const window = slices.isWhole(filter) ? null : [edges[filter.from], edges[filter.to]];
    return [
      part("Allocated over time", plots.bars("Estimated bytes allocated here over time, with 95% intervals", edges, allocated, window)),
      part("Live over time", plots.line("Estimated bytes of this site live over time, with their 95% interval", edges, live, window)),
    ];
  };

  // The panel of site `index` under `filter`.
  const panel = (index, filter) => {
    const row = data.sites[index];
    const rankings = slices.there
      ? [ranking("Threads", slices.by("thread", new Set([index]), filter), slices.threadName),
        ...(data.scopes.length > 0 ? [ranking("Scopes", slices.by("scope", new Set([index]), filter), slices.scopeName)] : [])]
      : [];
    return dom.element("div", { class: "site-panel" },
      dom.element("div", { class: "parts" },
        part("Stack, innermost first", row.stack.length > 0 ? stack(row.stack) : dom.element("p", { class: "muted" }, "No stack was recorded.")),
        part("Lifetimes", plots.rows("What became of it", ends(row)), facts(row), ...lifetimes(row))),
      dom.element("div", { class: "parts" }, ...(slices.there ? overTime(index, filter) : []), ...rankings));
  };
  return { panel };
})();
