// What narrows the table of call sites: a search, the module, a thread, a scope, and a window of time.
const filters = (() => {
  let clear = () => {};
  const chosen = {};
  const labelled = (name, control) => dom.element("label", {}, dom.element("span", {}, name), control);
  const select = (name, all, options) => {
    const made = dom.element("select", {}, dom.element("option", { value: "" }, all), ...options.map(([value, text]) => dom.element("option", { value }, text)));
    made.disabled = options.length === 0;
    return [labelled(name, made), made];
  };

  // Crates and the modules in them, those with most bytes first.
  const modules = () => {
    const bytes = new Map();
    for (const { module, allocated } of data.sites) {
      if (module === "") continue;
      const parts = module.split("::");
      parts.forEach((_, end) => {
        const path = parts.slice(0, end + 1).join("::");
        bytes.set(path, (bytes.get(path) ?? 0) + allocated.value);
      });
    }
    const crate = (path) => bytes.get(path.split("::")[0]);
    return [...bytes].sort(([a, x], [b, y]) => crate(b) - crate(a) || a.split("::")[0].localeCompare(b.split("::")[0])
      || a.split("::").length - b.split("::").length || y - x || a.localeCompare(b))
      .map(([path]) => [path, path.includes("::") ? `\u00a0\u00a0${path}` : path]);
  };

  // The window as two inputs in seconds that snap to the bins, and a drawing to drag over.
  const timeWindow = (set, state) => {
    const seconds = (bin) => slices.edges[bin] / 1e6;
    const digits = slices.edges[slices.bins] < 20e6 ? 3 : 1;
    const input = (name, value) => {
      const made = dom.element("input", { type: "number", min: "0", max: String(seconds(slices.bins)), step: "any", value: value.toFixed(digits) });
      return [labelled(name, made), made];
    };
    const [fromLabel, from] = input("From, s", 0);
    const [toLabel, to] = input("To, s", seconds(slices.bins));
    const show = () => {
      from.value = seconds(state.filter.from).toFixed(digits);
      to.value = seconds(state.filter.to).toFixed(digits);
    };
    const binAt = (us) => {
      const bin = slices.edges.findIndex((edge) => edge > us);
      return bin < 0 ? slices.bins : bin - 1;
    };
    // The bins that two times lie in, the earlier one first, one bin at least.
    const choose = (us, otherUs) => {
      const first = Math.max(Math.min(binAt(Math.min(us, otherUs)), slices.bins - 1), 0);
      const last = slices.edges.findIndex((edge) => edge >= Math.max(us, otherUs) - 500);
      set({ filter: { ...state.filter, from: first, to: Math.max(last < 0 ? slices.bins : last, first + 1) } });
      show();
    };
    const typed = () => choose(Number(from.value) * 1e6 + 1, Math.max(Number(to.value), Number(from.value)) * 1e6);
    from.addEventListener("change", typed);
    to.addEventListener("change", typed);
    const upToPeak = dom.element("button", { type: "button", id: "to-peak" }, "Up to the peak");
    upToPeak.addEventListener("click", () => choose(0, data.peak));
    return { controls: [fromLabel, toLabel, upToPeak], choose, show };
  };

  // The exact live heap with what the selection holds of it; a drag over it chooses the window.
  const overview = (holder, state, choose) => {
    let drag = null;
    const timeAt = (event) => {
      const sheet = holder.querySelector("svg");
      const { left, width } = sheet.getBoundingClientRect();
      return plots.timeAt(event.clientX - left, width, slices.edges[slices.bins]);
    };
    holder.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      drag = timeAt(event);
      holder.setPointerCapture(event.pointerId);
      event.preventDefault();
    });
    holder.addEventListener("pointermove", (event) => {
      if (drag !== null && Math.abs(timeAt(event) - drag) > slices.edges[slices.bins] / 200) choose(drag, timeAt(event));
    });
    holder.addEventListener("pointerup", () => { drag = null; });
    holder.addEventListener("pointercancel", () => { drag = null; });
    let [shown, width] = [null, 0];
    const draw = () => {
      if (!shown) return;
      width = holder.clientWidth || 1000;
      holder.replaceChildren(plots.overview("Live heap over time: all of it, exact, and what the selection holds, estimated",
        width, data.timeline, slices.edges, shown.live, shown.window));
    };
    new ResizeObserver(() => { if (holder.clientWidth !== width) draw(); }).observe(holder);
    return (sites, filter) => {
      const window = slices.isWhole(filter) ? null : [slices.edges[filter.from], slices.edges[filter.to]];
      shown = { live: slices.overTime(new Set(sites), filter).live, window };
      draw();
    };
  };

  // The form; `set` is told each change of `state`.
  const make = (state, set) => {
    const search = dom.element("input", { type: "search", id: "search", placeholder: "Function, file, any frame of the stack" });
    const [moduleLabel, module] = select("Module", "All modules", modules());
    const [threadLabel, thread] = select("Thread", "All threads", slices.there ? data.threads.map((name, index) => [index, name]) : []);
    const [scopeLabel, scope] = select("Scope", "All scopes", slices.there ? data.scopes.map((name, index) => [index, name]) : []);
    const index = (control) => (control.value === "" ? -1 : Number(control.value));
    for (const changed of ["input", "change"]) search.addEventListener(changed, () => set({ term: search.value.trim().toLowerCase() }));
    module.addEventListener("change", () => set({ module: module.value }));
    thread.addEventListener("change", () => set({ filter: { ...state.filter, thread: index(thread) } }));
    scope.addEventListener("change", () => set({ filter: { ...state.filter, scope: index(scope) } }));
    const time = slices.there ? timeWindow(set, state) : null;
    const reset = dom.element("button", { type: "reset" }, "Clear");
    const told = dom.element("output", { class: "told", "aria-live": "polite" });
    const holder = dom.element("div", { class: "overview" });
    const form = dom.element("form", { class: "filters", role: "search", "aria-label": "Filter the call sites" },
      dom.element("div", { class: "fields" }, labelled("Search", search), moduleLabel, threadLabel, scopeLabel, ...(time ? time.controls : []), reset),
      time ? holder : null,
      time ? dom.element("p", { class: "caption" }, "Grey: the live heap, exact. Blue: what the selection holds of it, estimated, with its 95% interval. Drag to choose a window of time.") : null,
      told);
    form.addEventListener("submit", (event) => event.preventDefault());
    Object.assign(chosen, { thread, scope });
    clear = () => {
      for (const control of [search, module, thread, scope]) control.value = "";
      set({ term: "", module: "", filter: slices.whole() });
      if (time) time.show();
    };
    form.addEventListener("reset", (event) => {
      event.preventDefault();
      clear();
    });
    return { form, told, overview: time ? overview(holder, state, time.choose) : null };
  };
  // Shows the call sites of one thread or scope alone.
  const only = (column, index) => {
    clear();
    chosen[column].value = String(index);
    chosen[column].dispatchEvent(new Event("change"));
    dom.byId("sites").scrollIntoView();
    chosen[column].focus({ preventScroll: true });
  };
  // A button in each row of the table of threads, or scopes, for that.
  const link = (section, column, names) => {
    const places = new Map(names.map((name, index) => [name, index]));
    for (const row of document.querySelectorAll(`#${section} tbody tr`)) {
      const name = row.cells[0].textContent;
      if (!places.has(name)) continue;
      const button = dom.element("button", { type: "button", class: "jump", "aria-label": `Call sites of ${name}` }, "call sites");
      button.addEventListener("click", () => only(column, places.get(name)));
      row.cells[0].append(button);
    }
  };
  return { make, link, clear: () => clear() };
})();
