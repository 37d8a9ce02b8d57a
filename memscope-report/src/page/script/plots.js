// Small drawings of one call site or one selection: what is allocated and live over time, and bars with names.
const plots = (() => {
  const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [640, 160, 66, 14, 10, 22];
  const greatest = (values) => values.reduce((most, value) => (Number.isFinite(value) ? Math.max(most, value) : most), 0);

  // A round number of bytes at or above `most`.
  const roof = (most) => {
    if (most <= 0) return 1;
    const unit = 1024 ** Math.floor(Math.log(most) / Math.log(1024));
    const steps = [1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024];
    return (steps.find((step) => step * unit >= most * (1 - 1e-9)) ?? 1024) * unit;
  };
  const text = (x, y, anchor, string) => dom.svg("text", { x, y, "text-anchor": anchor }, string);

  // Place of a time and of bytes; `end` is the last time, `most` the greatest number.
  const scales = (end, most, width = WIDTH) => ({
    width,
    x: (us) => LEFT + ((width - LEFT - RIGHT) * us) / Math.max(end, 1),
    y: (value) => HEIGHT - BOTTOM - ((HEIGHT - TOP - BOTTOM) * Math.min(Math.max(value, 0), most)) / most,
  });
  const frame = (end, most, { width, x, y }) => [
    ...[0, 0.5, 1].flatMap((part) => [
      dom.svg("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(part * most), y2: y(part * most) }),
      text(LEFT - 6, y(part * most) + 4, "end", units.bytes(part * most)),
    ]),
    ...[0, 0.25, 0.5, 0.75, 1].map((part) =>
      text(x(part * end), HEIGHT - 6, part === 0 ? "start" : part === 1 ? "end" : "middle", units.duration(part * end))),
  ];
  const shaded = (window, { x }) => (window ? [dom.svg("rect", {
    class: "window", x: x(window[0]), width: Math.max(x(window[1]) - x(window[0]), 1), y: TOP, height: HEIGHT - TOP - BOTTOM,
  })] : []);
  const sheet = (label, { width }, ...children) =>
    dom.svg("svg", { class: "plot", viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": label }, ...children);

  // `edges` are one more than the bins; `bars[i]` is an estimate of bin i.
  const bars = (label, edges, estimates, window) => {
    const end = edges[edges.length - 1];
    const most = roof(greatest(estimates.map(({ high }) => high)));
    const scale = scales(end, most);
    const drawn = estimates.flatMap(({ value, low, high }, i) => {
      if (!(high > 0)) return [];
      const [from, to] = [scale.x(edges[i]), scale.x(edges[i + 1])];
      const middle = (from + to) / 2;
      const bar = dom.svg("rect", { class: "bar", x: from + 0.5, width: Math.max(to - from - 1, 0.5), y: scale.y(value), height: HEIGHT - BOTTOM - scale.y(value) },
        dom.svg("title", {}, `${units.duration(edges[i])} to ${units.duration(edges[i + 1])}: ${units.bytes(value)} (${units.range(low, high, units.bytes)})`));
      return high > low ? [bar, dom.svg("line", { class: "whisker", x1: middle, x2: middle, y1: scale.y(low), y2: scale.y(high) })] : [bar];
    });
    return sheet(label, scale, ...shaded(window, scale), ...frame(end, most, scale), ...drawn);
  };

  // `points` are estimates at the times `times`: a line within the band of its interval.
  const line = (label, times, points, window) => {
    const end = times[times.length - 1];
    const most = roof(greatest(points.map(({ high }) => high)));
    const scale = scales(end, most);
    const at = (column) => times.map((us, i) => `${scale.x(us).toFixed(1)},${scale.y(points[i][column]).toFixed(1)}`);
    return sheet(label, scale, ...shaded(window, scale), ...frame(end, most, scale),
      dom.svg("polygon", { class: "band", points: [...at("low"), ...at("high").reverse()].join(" ") }),
      dom.svg("polyline", { class: "line", points: at("value").join(" ") }));
  };

  // The exact live heap `[times, bytes]`, and below it the band of what a selection holds at `edges`.
  const overview = (label, width, [times, exact], edges, live, window) => {
    const end = edges[edges.length - 1];
    const most = roof(Math.max(greatest(exact), greatest(live.map(({ high }) => high))));
    const scale = scales(end, most, width);
    const at = (column) => edges.map((us, i) => `${scale.x(us).toFixed(1)},${scale.y(live[i][column]).toFixed(1)}`);
    return sheet(label, scale, ...shaded(window, scale), ...frame(end, most, scale),
      dom.svg("polyline", { class: "exact", points: times.map((us, i) => `${scale.x(us).toFixed(1)},${scale.y(exact[i]).toFixed(1)}`).join(" ") }),
      dom.svg("polygon", { class: "band", points: [...at("low"), ...at("high").reverse()].join(" ") }),
      dom.svg("polyline", { class: "line", points: at("value").join(" ") }));
  };
  // The time that lies at a place in a drawing of that width.
  const timeAt = (x, width, end) => {
    const inner = width - LEFT - RIGHT;
    return (end * Math.min(Math.max(x - LEFT, 0), inner)) / inner;
  };

  // A table of names with bars: rows `[name, estimate, note]`.
  const rows = (heading, entries, unit = units.bytes) => {
    const most = greatest(entries.map(([, { high }]) => high));
    const cell = ({ value, low, high }) => {
      const bar = dom.element("span", { class: "hbar" });
      bar.style.width = `${most > 0 ? (100 * value) / most : 0}%`;
      const interval = dom.element("span", { class: "hinterval" });
      interval.style.left = `${most > 0 ? (100 * low) / most : 0}%`;
      interval.style.width = `${most > 0 ? (100 * (high - low)) / most : 0}%`;
      return dom.element("td", { "aria-hidden": "true" }, dom.element("div", { class: "bars" }, bar, high > low ? interval : null));
    };
    return dom.element("table", { class: "figures" },
      dom.element("thead", { class: "unseen" }, dom.element("tr", {}, ...[heading, "", "Bytes"].map((head) => dom.element("th", { scope: "col" }, head)))),
      dom.element("tbody", {}, ...entries.map(([name, estimate]) => dom.element("tr", {},
        dom.element("th", { scope: "row" }, ...dom.path(name)), cell(estimate),
        dom.element("td", { class: "n" }, unit(estimate.value),
          estimate.high > estimate.low ? dom.element("span", { class: "interval" }, units.range(estimate.low, estimate.high, unit)) : null)))));
  };
  return { bars, line, overview, timeAt, rows };
})();
