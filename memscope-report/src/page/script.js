"use strict";
(() => {
  // Light and dark: the reader's own scheme until the button says otherwise. Storage may be forbidden (file://).
  const root = document.documentElement;
  const remember = (scheme) => { try { localStorage.setItem("memscope-theme", scheme); } catch { /* not remembered */ } };
  const remembered = () => { try { return localStorage.getItem("memscope-theme"); } catch { return null; } };
  if (remembered() === "dark" || remembered() === "light") root.dataset.theme = remembered();
  document.getElementById("theme").addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    remember(root.dataset.theme);
  });

  // Tables: a click on a heading sorts by its column, a second one the other way round.
  const key = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.value === undefined ? cell.textContent : Number(cell.dataset.value);
  };
  for (const button of document.querySelectorAll("th button")) {
    button.addEventListener("click", () => {
      const heading = button.parentElement;
      const body = heading.closest("table").tBodies[0];
      const column = heading.cellIndex;
      const first = heading.classList.contains("n") ? "descending" : "ascending";
      const second = first === "descending" ? "ascending" : "descending";
      const direction = heading.getAttribute("aria-sort") === first ? second : first;
      for (const other of heading.parentElement.cells) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", direction);
      const sign = direction === "ascending" ? 1 : -1;
      const order = (a, b) => (typeof a === "number" ? a - b : a.localeCompare(b));
      body.append(...[...body.rows].sort((a, b) => sign * order(key(a, column), key(b, column))));
    });
  }

  // Call sites: the stack is written when it is first opened. Its text comes from the trace: textContent only.
  const element = (name, className, text) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    made.textContent = text;
    return made;
  };
  const data = JSON.parse(document.getElementById("stacks").textContent);
  const writeStack = (details) => {
    const list = element("ol", "stack", "");
    for (const index of data.stacks[Number(details.dataset.stack)]) {
      const [name, place, inlined, library] = data.frames[index];
      const item = element("li", library ? "library" : "", data.strings[name]);
      if (inlined) item.append(element("span", "place", "inlined"));
      if (place >= 0) item.append(element("span", "place", data.strings[place]));
      list.append(item);
    }
    details.append(list);
  };
  for (const details of document.querySelectorAll("details[data-stack]")) {
    details.addEventListener("toggle", () => { if (!details.querySelector("ol")) writeStack(details); });
  }

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

  // Flame graphs: a click zooms, the box searches. Geometry is in counts: `fg:x`, `fg:w` of `total`.
  const flame = (figure) => {
    const sheet = figure.querySelector(".flame>svg");
    const inner = sheet.querySelector("svg");
    const total = Number(inner.getAttribute("total_samples"));
    const frames = [...inner.children].map((group) => {
      const rect = group.querySelector("rect");
      const tooltip = group.querySelector("title").textContent;
      return {
        group, rect, tooltip, text: group.querySelector("text"), name: tooltip.replace(/ \([^(]*\)$/, ""),
        from: Number(rect.getAttribute("fg:x")), width: Number(rect.getAttribute("fg:w")),
      };
    });
    if (frames.length === 0) return;
    frames[0].text.textContent = "m".repeat(20);
    const letter = (frames[0].text.getComputedTextLength() || 144) / 20;
    let view = { from: 0, width: total };
    const draw = () => {
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
    const reset = figure.querySelector(".reset");
    const zoom = (frame) => {
      view = frame;
      reset.disabled = frame.width === total;
      draw();
    };
    const byGroup = new Map(frames.map((frame) => [frame.group, frame]));
    const frameOf = (event) => byGroup.get(event.target.closest("g"));
    const hovered = figure.querySelector(".hovered");
    sheet.addEventListener("click", (event) => { if (frameOf(event)) zoom(frameOf(event)); });
    sheet.addEventListener("mouseover", (event) => { hovered.textContent = frameOf(event)?.tooltip ?? ""; });
    reset.addEventListener("click", () => zoom({ from: 0, width: total }));

    const box = figure.querySelector("input");
    const found = figure.querySelector("output");
    const search = () => {
      const term = box.value.trim().toLowerCase();
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
      found.textContent = term === "" ? "" : `${count} frames, ${((100 * covered) / total).toFixed(1)}% of all bytes`;
    };
    box.addEventListener("input", search);
    figure.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      box.value = "";
      search();
      zoom({ from: 0, width: total });
    });
    addEventListener("resize", draw);
    zoom({ from: 0, width: total });
  };
  document.querySelectorAll("figure.flame-graph").forEach(flame);
})();
