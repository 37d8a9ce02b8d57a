// The cells of call site x thread x scope x time, and estimates of any choice of them: see `analysis::Slices`.
const slices = (() => {
  const { known, bins, bin: binUs, end: endUs, cells: stream } = data.slices;
  const there = stream.length > 0;
  const edges = Array.from({ length: bins + 1 }, (_, bin) => Math.min(bin * binUs, endUs));

  // A sum of samples: a single one is written as what was seen and what it stands for beside itself.
  const nothing = () => ({ samples: 0, value: 0, seen: 0, variance: 0, first: 0, second: 0 });
  const read = (at) => {
    const samples = stream[at];
    if (samples === 0) return [nothing(), at + 1];
    if (samples === 1) {
      const [seen, unseen] = [stream[at + 1], stream[at + 2]];
      const value = seen + unseen;
      return [{ samples, value, seen, variance: value * unseen, first: unseen, second: 0 }, at + 3];
    }
    const [value, seen, variance, first, second] = stream.slice(at + 1, at + 6);
    return [{ samples, value, seen, variance, first, second }, at + 6];
  };
  const cells = [];
  for (let at = 0; at < stream.length;) {
    const [site, thread, scope, bin] = stream.slice(at, at + 4);
    const [allocated, middle] = read(at + 4);
    const [freed, next] = read(middle);
    cells.push({ site, thread, scope, bin, allocated, freed });
    at = next;
  }

  const merge = (into, { samples, value, seen, variance, first, second }) => {
    into.samples += samples;
    into.value += value;
    into.seen += seen;
    into.variance += variance;
    for (const unseen of [first, second]) {
      if (unseen > into.first) [into.first, into.second] = [unseen, into.first];
      else if (unseen > into.second) into.second = unseen;
    }
  };
  // What is left of `whole` without `part`, all of which is in it.
  const minus = (whole, part) => {
    if (whole.samples <= part.samples) return nothing();
    const left = (column) => Math.max(whole[column] - part[column], 0);
    return {
      samples: whole.samples - part.samples, value: left("value"), seen: left("seen"), variance: left("variance"),
      first: whole.first, second: whole.second,
    };
  };
  const restated = ({ samples, value, seen, variance, first, second }) =>
    ({ value, seen, samples, variance: Math.max(variance - known * value * value, 0), unseen: samples < 2 ? first : 2 * first - second });
  const estimate = (sum) => statistics.estimate(restated(sum));
  // What is live of what was allocated `before` and is not among the `freed`.
  const estimateLive = (before, freed) => {
    const left = minus(before, freed);
    return left.samples > 0 ? estimate(left) : statistics.nothingOf(restated(before));
  };

  const whole = () => ({ thread: -1, scope: -1, from: 0, to: bins });
  const isWhole = ({ from, to }) => from === 0 && to === bins;
  const isAll = (filter) => isWhole(filter) && filter.thread < 0 && filter.scope < 0;
  const passes = (cell, { thread, scope }) => (thread < 0 || cell.thread === thread) && (scope < 0 || cell.scope === scope);

  // Sums of the cells that pass, by `key`: allocated within the window; allocated and freed up to its end.
  const sums = (filter, keep, key) => {
    const found = new Map();
    for (const cell of cells) {
      if (cell.bin >= filter.to || !passes(cell, filter) || !keep(cell)) continue;
      const at = key(cell);
      if (!found.has(at)) found.set(at, { allocated: nothing(), before: nothing(), freed: nothing() });
      const sum = found.get(at);
      if (cell.bin >= filter.from) merge(sum.allocated, cell.allocated);
      merge(sum.before, cell.allocated);
      merge(sum.freed, cell.freed);
    }
    return found;
  };
  const figures = ({ allocated, before, freed }) => ({
    samples: allocated.samples, allocated: estimate(allocated), live: estimateLive(before, freed),
  });
  const none = { allocated: nothing(), before: nothing(), freed: nothing() };

  // For each site its figures under `filter`; nothing for those that neither allocate nor hold anything. At -1 stand all that are
  // not told apart.
  const bySite = (filter) => {
    const made = new Map();
    for (const [site, sum] of sums(filter, () => true, (cell) => cell.site)) {
      const row = figures(sum);
      if (row.samples > 0 || row.live.samples > 0) made.set(site, { ...row, allocations: null, peak: null, temporary: null, crossed: null });
    }
    return made;
  };
  const told = new Set(cells.map(({ site }) => site));
  const total = (sites, filter) => figures(sums(filter, (cell) => sites.has(cell.site), () => 0).get(0) ?? none);
  // By thread or by scope of some sites: pairs of index and allocated bytes.
  const by = (column, sites, filter) =>
    [...sums(filter, (cell) => sites.has(cell.site), (cell) => cell[column])].map(([index, sum]) => [index, estimate(sum.allocated)]);

  // Per bin what was allocated, and what was live at its beginning and the last one's end, of some sites in all time.
  const overTime = (sites, filter) => {
    const allocated = Array.from({ length: bins }, nothing);
    const freed = Array.from({ length: bins }, nothing);
    for (const cell of cells) {
      if (!passes(cell, filter) || !sites.has(cell.site)) continue;
      merge(allocated[cell.bin], cell.allocated);
      merge(freed[cell.bin], cell.freed);
    }
    const [before, gone] = [nothing(), nothing()];
    const live = [estimate(nothing())];
    allocated.forEach((sum, bin) => {
      merge(before, sum);
      merge(gone, freed[bin]);
      live.push(estimateLive(before, gone));
    });
    return { edges, allocated: allocated.map(estimate), live };
  };

  const threadName = (index) => data.threads[index];
  const scopeName = (index) => data.scopes[index];
  return { there, told, edges, bins, whole, isWhole, isAll, bySite, total, by, overTime, threadName, scopeName };
})();
