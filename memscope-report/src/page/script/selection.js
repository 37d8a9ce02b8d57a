// A flame graph of the call sites that pass the filters: of a scope, a thread, a module, a window of time.
const selection = (() => {
  const ROW = 16;
  // Frames narrower than this share of the whole are left out.
  const LEAST = 0.0005;
  const WIDTH = 1e9;
  const FIGURES = [["allocated", "Bytes allocated"], ["live", "Bytes live at the end"]];
  const COLOURS = { program: [140, 200, 240], library: [247, 190, 106], other: [205, 211, 217] };

  const node = (name, origin) => ({ name, origin, value: 0, below: 0, above: 0, children: new Map() });
  // Sites rest on different samples: their errors add up like standard errors, as `Estimate::sum` says.
  const add = (at, { value, low, high }) => {
    at.value += value;
    at.below += (value - low) ** 2;
    at.above += (high - value) ** 2;
  };
  const frameOf = (index) => {
    const [name, place, , library] = data.frames[index];
    const known = data.strings[name];
    return [known, library ? "library" : place < 0 && !known.includes("::") ? "other" : "program"];
  };
  const build = (rows, column) => {
    const root = node("all", "other");
    for (const row of rows) {
      const figure = row[column];
      if (!(figure?.value > 0)) continue;
      add(root, figure);
      let at = root;
      const frames = row.stack ? [...row.stack].reverse().map(frameOf) : [[row.label, "other"]];
      for (const [name, origin] of frames) {
        if (!at.children.has(name)) at.children.set(name, node(name, origin));
        at = at.children.get(name);
        add(at, figure);
      }
    }
    return root;
  };

  // A hue for whose code it is, in one of five shades by the name, so that neighbours differ.
  const colour = ({ name, origin }) => {
    const hash = [...name].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 1000003, 7);
    return `rgb(${COLOURS[origin].map((channel) => Math.floor(channel * (1 - 0.05 * (hash % 5)))).join(",")})`;
  };
  const tooltip = ({ name, value, below, above }, root) => {
    const range = above > 0 ? `, 95%: ${units.range(value - Math.sqrt(below), value + Math.sqrt(above), units.bytes)}` : "";
    return `${name} (${units.bytes(value)}${range}, ${units.percent(value / root.value)})`;
  };
  // The outermost frame at the bottom. Not by recursion: stacks are deep.
  const frames = (root) => {
    const laid = [];
    const pending = [[root, 0, 0]];
    while (pending.length > 0) {
      const [at, from, depth] = pending.pop();
      laid.push([at, from, depth]);
      let start = from;
      for (const child of [...at.children.values()].sort((a, b) => a.name.localeCompare(b.name))) {
        if (child.value >= LEAST * root.value) pending.push([child, start, depth + 1]);
        start += child.value;
      }
    }
    const deepest = laid.reduce((most, [, , depth]) => Math.max(most, depth), 0);
    const place = (value) => Math.round((WIDTH * value) / root.value);
    const groups = laid.map(([at, from, depth]) => dom.svg("g", {},
      dom.svg("title", {}, tooltip(at, root)),
      dom.svg("rect", { y: (deepest - depth) * ROW, height: ROW - 1, fill: colour(at), "fg:x": place(from), "fg:w": place(at.value) }),
      dom.svg("text", { y: (deepest - depth) * ROW + 11 })));
    return [groups, (deepest + 1) * ROW];
  };

  const figure = (rows, column) => {
    const root = build(rows, column);
    if (!(root.value > 0)) return dom.element("p", { class: "caption" }, "Nothing of that passes the filters.");
    const [groups, height] = frames(root);
    return dom.element("figure", { class: "flame-graph", id: "selection-graph" },
      dom.element("div", { class: "controls" },
        dom.element("input", { type: "search", placeholder: "Find a function", "aria-label": "Find a function" }),
        dom.element("button", { type: "button", class: "reset", disabled: true }, "Show all"),
        dom.element("output", { class: "muted" })),
      dom.element("div", { class: "controls muted" }, tooltip(root, root).replace(/, 100%\)$/, ")").replace(/^all \((.*)\)$/, "$1 in the selection. Click to zoom.")),
      dom.element("div", { class: "flame" }, dom.svg("svg", { height, role: "group", "aria-label": "Flame graph of the selection" },
        dom.svg("svg", { width: "100%", height, total_samples: WIDTH }, ...groups))),
      dom.element("div", { class: "hovered", "aria-hidden": "true" }));
  };

  // The part of the page with it, and what draws it for rows of the table. It is drawn where it is looked at only.
  const make = () => {
    const choice = dom.element("select", {}, ...FIGURES.map(([value, name]) => dom.element("option", { value }, name)));
    const holder = dom.element("div", {});
    const part = dom.element("details", { id: "selection" }, dom.element("summary", {}, "Flame graph of the selection"),
      dom.element("div", { class: "controls above" }, dom.element("label", {}, dom.element("span", {}, "Show "), choice)), holder);
    let rows = [];
    const draw = () => {
      if (!part.open) return;
      const drawn = figure(rows, choice.value);
      holder.replaceChildren(drawn);
      if (drawn.matches("figure")) flame.watch(drawn);
    };
    part.addEventListener("toggle", draw);
    choice.addEventListener("change", draw);
    return [part, (now) => { rows = now; draw(); }];
  };
  return { make };
})();
