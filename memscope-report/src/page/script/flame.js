// Flame graphs and icicles: a click or Enter zooms, the box searches. Geometry is in counts: `fg:x`, `fg:w` of `total`.
const flame = (() => {
  // A function's name in at most `room` letters: without generic arguments, then without modules, then cut.
  const shorten = (name, room) => {
    if (room < 3) return "";
    if (name.length <= room) return name;
    let short = name.replace(/ \(inlined\)$/, "");
    for (let before = ""; short.length > room && short !== before;) {
      before = short;
      short = short.replace(/::<[^<>]*>/g, "").replace(/(\w)<[^<>]*>/g, "$1");
    }
    if (short.length <= room) return short;
    const parts = short.split("::");
    while (parts.length > 1 && parts.join("::").length > room) parts.shift();
    const rest = parts.join("::");
    return rest.length <= room ? rest : rest.slice(0, room - 1) + "\u2026";
  };

  const read = (inner) => [...inner.children].filter((group) => group.querySelector("rect")).map((group) => {
    const rect = group.querySelector("rect");
    const tooltip = group.querySelector("title").textContent;
    return {
      group, rect, tooltip, text: group.querySelector("text"), name: tooltip.replace(/ \([^(]*\)$/, ""),
      from: Number(rect.getAttribute("fg:x")), width: Number(rect.getAttribute("fg:w")), y: Number(rect.getAttribute("y")),
    };
  });

  // Puts the frames where `view` wants them; returns those that are seen.
  const draw = (sheet, frames, view, letter) => {
    const pixels = sheet.clientWidth || 1000;
    for (const { group, rect, text, name, from, width } of frames) {
      const start = Math.max(from, view.from);
      const end = Math.min(from + width, view.from + view.width);
      group.toggleAttribute("hidden", end <= start);
      if (end <= start) continue;
      group.classList.toggle("outer", width > view.width);
      const share = (end - start) / view.width;
      const left = (start - view.from) / view.width;
      rect.setAttribute("x", 100 * left + "%");
      rect.setAttribute("width", 100 * share + "%");
      text.setAttribute("x", 100 * left + 300 / pixels + "%");
      text.textContent = shorten(name, Math.floor((share * pixels - 6) / letter));
    }
  };

  const search = (frames, term, sheet) => {
    let [count, covered, end] = [0, 0, 0];
    for (const frame of [...frames].sort((a, b) => a.from - b.from || b.width - a.width)) {
      const hit = term !== "" && frame.name.toLowerCase().includes(term);
      frame.group.classList.toggle("hit", hit);
      if (!hit) continue;
      count += 1;
      covered += Math.max(0, frame.from + frame.width - Math.max(end, frame.from));
      end = Math.max(end, frame.from + frame.width);
    }
    sheet.parentElement.classList.toggle("searching", term !== "");
    return { count, covered };
  };

  // One frame takes part in the order of the Tab key, the arrows go on from there.
  const keyboard = (frames, zoom, show) => {
    let current = frames[0];
    const focus = (frame) => {
      current.group.setAttribute("tabindex", "-1");
      current = frame;
      current.group.setAttribute("tabindex", "0");
      current.group.focus();
      show(current);
    };
    current.group.setAttribute("tabindex", "0");
    const rows = [...new Set(frames.map((frame) => frame.y))].sort((a, b) => a - b);
    const visible = (frame) => !frame.group.hasAttribute("hidden");
    const inRow = (row) => frames.filter((frame) => frame.y === row && visible(frame)).sort((a, b) => a.from - b.from);
    const beside = (step) => {
      const row = inRow(current.y);
      return row[row.indexOf(current) + step];
    };
    const over = (step) => inRow(rows[rows.indexOf(current.y) + step]).find((frame) =>
      frame.from < current.from + current.width && current.from < frame.from + frame.width);
    const moves = { ArrowLeft: () => beside(-1), ArrowRight: () => beside(1), ArrowUp: () => over(-1), ArrowDown: () => over(1) };
    return (event) => {
      if (event.key === "Enter" || event.key === " ") zoom(current);
      else if (moves[event.key]) {
        const next = moves[event.key]();
        if (next) focus(next);
      } else return;
      event.preventDefault();
    };
  };

  // The frames of an icicle are those of its flame graph, upside down.
  const mirror = (inner, flame) => {
    const groups = [...flame.querySelector(".flame>svg>svg").children].map((group) => group.cloneNode(true));
    const value = (element, name) => Number(element.getAttribute(name));
    const edges = groups.flatMap((group) => [...group.querySelectorAll("rect")]).map((rect) => [value(rect, "y"), value(rect, "y") + value(rect, "height")]);
    const middle = Math.min(...edges.map(([top]) => top)) + Math.max(...edges.map(([, bottom]) => bottom));
    for (const group of groups) {
      const [rect, text] = [group.querySelector("rect"), group.querySelector("text")];
      if (!rect) continue;
      const [before, after] = [value(rect, "y"), middle - value(rect, "y") - value(rect, "height")];
      rect.setAttribute("y", after);
      if (text) text.setAttribute("y", value(text, "y") - before + after);
      group.classList.remove("hit", "outer");
      group.removeAttribute("tabindex");
    }
    // Both have their first row at the top of the sheet.
    inner.setAttribute("y", -Math.min(...edges.map(([top]) => top)));
    inner.append(...groups);
  };

  const graph = (figure) => {
    const sheet = figure.querySelector(".flame>svg");
    const inner = sheet.querySelector("svg");
    if (figure.dataset.mirrors && inner.children.length === 0) mirror(inner, dom.byId(figure.dataset.mirrors));
    const total = Number(inner.getAttribute("total_samples"));
    const frames = read(inner);
    if (frames.length === 0) return () => {};
    for (const { group, tooltip } of frames) {
      group.setAttribute("role", "img");
      group.setAttribute("aria-label", tooltip);
    }
    frames[0].text.textContent = "m".repeat(20);
    const letter = (frames[0].text.getComputedTextLength() || 144) / 20;
    const whole = { from: 0, width: total };
    let view = whole;
    const redraw = () => draw(sheet, frames, view, letter);
    const reset = figure.querySelector(".reset");
    const zoom = (to) => {
      view = to;
      reset.disabled = to.width === total;
      redraw();
    };
    const byGroup = new Map(frames.map((frame) => [frame.group, frame]));
    const frameOf = (event) => byGroup.get(event.target.closest("g"));
    const hovered = figure.querySelector(".hovered");
    const show = (frame) => { hovered.textContent = frame ? frame.tooltip : ""; };
    sheet.addEventListener("click", (event) => { if (frameOf(event)) zoom(frameOf(event)); });
    sheet.addEventListener("mouseover", (event) => show(frameOf(event)));
    sheet.addEventListener("keydown", keyboard(frames, zoom, show));
    reset.addEventListener("click", () => zoom(whole));
    const box = figure.querySelector("input");
    const found = figure.querySelector("output");
    const find = () => {
      const term = box.value.trim().toLowerCase();
      const { count, covered } = search(frames, term, sheet);
      found.textContent = term === "" ? "" : `${count === 1 ? "1 frame" : `${count} frames`}, ${units.percent(covered / total)} of all bytes`;
    };
    for (const changed of ["input", "change"]) box.addEventListener(changed, find);
    figure.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      box.value = "";
      find();
      zoom(whole);
    });
    zoom(whole);
    return redraw;
  };

  // Ten of them are thousands of elements: each is laid out when it is first seen.
  const redraws = new WeakMap();
  const seen = new ResizeObserver((entries) => {
    for (const { target, contentRect } of entries) {
      if (contentRect.width === 0) continue;
      const figure = target.closest("figure");
      if (redraws.has(figure)) redraws.get(figure)();
      else redraws.set(figure, graph(figure));
    }
  });
  const watch = (figure) => seen.observe(figure.querySelector(".flame"));
  const start = () => document.querySelectorAll("figure.flame-graph").forEach(watch);
  return { start, watch };
})();
