// Figures as a person reads them: as `units.rs` writes them.
const units = (() => {
  const BYTES = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"];
  const COUNTS = ["", "k", "M", "G", "T", "P", "E"];

  // Three significant digits (all of those before the point), without zeros at the end of the fraction.
  const significant = (value) => {
    const magnitude = Math.abs(value);
    if (magnitude >= 1e6) return value.toExponential(2).replace("e+", "e");
    const text = value.toFixed(magnitude >= 99.95 ? 0 : magnitude >= 9.995 ? 1 : 2);
    const short = text.includes(".") ? text.replace(/\.?0+$/, "") : text;
    return short === "-0" ? "0" : short;
  };
  const scaled = (value, step, names) => {
    if (!Number.isFinite(value)) return "n/a";
    let [rest, unit] = [value, 0];
    while (Math.abs(rest) >= step - 0.5 && unit + 1 < names.length) [rest, unit] = [rest / step, unit + 1];
    return names[unit] === "" ? significant(rest) : `${significant(rest)} ${names[unit]}`;
  };
  const bytes = (value) => scaled(value, 1024, BYTES);
  const count = (value) => scaled(value, 1000, COUNTS);
  const range = (low, high, unit) => {
    const [from, to] = [unit(low).split(" "), unit(high).split(" ")];
    return from.length === 2 && from[1] === to[1] ? `${from[0]} to ${to.join(" ")}` : `${from.join(" ")} to ${to.join(" ")}`;
  };
  const percent = (fraction) => {
    const value = 100 * fraction;
    if (!Number.isFinite(value)) return "n/a";
    return value > 0 && value < 0.01 ? "<0.01%" : `${significant(value)}%`;
  };
  const long = (seconds) => {
    const [large, name, small, smallName] = seconds < 3600
      ? [seconds / 60, "min", seconds % 60, "s"]
      : seconds < 86400 ? [seconds / 3600, "h", (seconds % 3600) / 60, "min"] : [seconds / 86400, "d", (seconds % 86400) / 3600, "h"];
    const rest = Math.floor(small);
    return rest === 0 ? `${Math.floor(large)} ${name}` : `${Math.floor(large)} ${name} ${rest} ${smallName}`;
  };
  const duration = (us) => {
    if (!Number.isFinite(us)) return "n/a";
    if (us < 1000) return `${Math.round(us)} \u00b5s`;
    if (us < 999500) return `${significant(us / 1e3)} ms`;
    return us < 59950000 ? `${significant(us / 1e6)} s` : long(Math.round(us / 1e6));
  };
  return { bytes, count, range, percent, duration };
})();
