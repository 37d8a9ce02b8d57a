// Estimates of merged samples with their 95% intervals: the formulas of `statistics.rs`, number for number.
const statistics = (() => {
  const TAIL = 0.025;
  const EXACT_SHAPE = 200;
  const MAX_TERMS = 1000;
  const RELATIVE_ERROR = 1e-12;
  const LANCZOS = [
    0.9999999999998099, 676.5203681218851, -1259.1392167224028, 771.3234287776531, -176.6150291621406,
    12.507343278686905, -0.13857109526572012, 9.984369578019572e-6, 1.5056327351493116e-7,
  ];

  // ln Gamma(x + 1), for x >= 0.
  const lnFactorial = (x) => {
    const base = x + 7.5;
    const sum = LANCZOS.reduce((sum, coefficient, i) => sum + (i === 0 ? coefficient : coefficient / (x + i)), 0);
    return 0.5 * Math.log(2 * Math.PI) + (x + 0.5) * Math.log(base) - base + Math.log(sum);
  };
  const series = (shape, x) => {
    let [term, sum, divisor] = [1, 1, shape];
    for (let i = 0; i < MAX_TERMS; i += 1) {
      divisor += 1;
      term *= x / divisor;
      sum += term;
      if (term < sum * RELATIVE_ERROR) break;
    }
    return sum;
  };
  const awayFromZero = (value) => (Math.abs(value) < 1e-300 ? 1e-300 : value);
  // Lentz's evaluation of the continued fraction for the upper function.
  const continuedFraction = (shape, x) => {
    let b = x + 1 - shape;
    let c = 1e300;
    let d = 1 / b;
    let fraction = d;
    for (let i = 1; i <= MAX_TERMS; i += 1) {
      const a = -i * (i - shape);
      b += 2;
      d = 1 / awayFromZero(a * d + b);
      c = awayFromZero(b + a / c);
      fraction *= d * c;
      if (Math.abs(d * c - 1) < RELATIVE_ERROR) break;
    }
    return fraction;
  };
  const incomplete = (shape, x, front) =>
    x < shape + 1 ? front * series(shape, x) : 1 - front * shape * continuedFraction(shape, x);
  const normalProbability = (z) => {
    const half = (z * z) / 2;
    if (half === 0) return 0.5;
    const within = incomplete(0.5, half, (Math.sqrt(half) * Math.exp(-half)) / (Math.sqrt(Math.PI) / 2));
    return z < 0 ? (1 - within) / 2 : (1 + within) / 2;
  };

  // The gamma distribution with this mean and variance, both above 0.
  const gamma = (mean, variance) => {
    const [shape, scale] = [(mean * mean) / variance, variance / mean];
    return { shape, scale, lnFactorial: shape > EXACT_SHAPE ? 0 : lnFactorial(shape) };
  };
  // The probability of a value up to `at`, and the density there.
  const probability = ({ shape, scale, lnFactorial }, at) => {
    const x = at / scale;
    if (x <= 0) return [0, 0];
    if (shape > EXACT_SHAPE) {
      const root = Math.cbrt(x / shape);
      const normal = (root - 1 + 1 / (9 * shape)) * 3 * Math.sqrt(shape);
      const density = Math.exp((-normal * normal) / 2) / Math.sqrt(2 * Math.PI);
      return [normalProbability(normal), (density * Math.sqrt(shape) * root) / x / scale];
    }
    const front = Math.exp(shape * Math.log(x) - x - lnFactorial);
    return [incomplete(shape, x, front), (front * shape) / x / scale];
  };
  // The value some standard deviations of a normal variable off the middle, about.
  const near = ({ shape, scale }, deviates) => {
    const ninth = 1 / (9 * shape);
    return scale * shape * Math.max(1 - ninth + deviates * Math.sqrt(ninth), 0.05) ** 3;
  };
  // The value that an even mixture of two distributions stays below with `wanted`, by Newton's method in a bracket.
  const mixtureQuantile = (wanted, one, other) => {
    const deviates = wanted < 0.5 ? -1.96 : 1.96;
    let x = (near(one, deviates) + near(other, deviates)) / 2;
    let [below, above] = [0, Infinity];
    for (let i = 0; i < 80; i += 1) {
      const [p, density] = probability(one, x);
      const [q, otherDensity] = probability(other, x);
      const error = (p + q) / 2 - wanted;
      if (error > 0) above = Math.min(above, x);
      else below = Math.max(below, x);
      const newton = x - error / ((density + otherDensity) / 2);
      const next = newton > below && newton < above ? newton : Number.isFinite(above) ? (below + above) / 2 : 2 * x;
      const step = Math.abs(next - x);
      x = next;
      if (step <= 1e-9 * x) break;
    }
    return x;
  };

  // Estimate of a total `value` of which `seen` is certain, with `variance`, where a sample that was missed may have
  // stood for `unseen` beside itself.
  const estimate = ({ value, seen, variance, unseen, samples }) => {
    if (value <= 0 || variance <= value * value * Number.EPSILON) return { value, low: value, high: value, samples };
    const one = gamma(value, variance);
    const other = gamma(value + unseen, variance + unseen * unseen);
    const low = mixtureQuantile(TAIL, one, other);
    const high = mixtureQuantile(1 - TAIL, one, other);
    return { value, low: Math.min(Math.max(low, seen), value), high: Math.max(high, value), samples };
  };
  // Of a part of `whole` in which no sample fell: up to 3.00 pieces of what a sample of the whole stands for beside itself.
  const nothingOf = (whole) => {
    if (whole.value <= 0 || whole.variance <= 0) return { value: 0, low: 0, high: 0, samples: 0 };
    const piece = Math.max(whole.value - whole.seen, 0) / whole.samples;
    return { value: 0, low: 0, high: Math.min(-Math.log(2 * TAIL) * piece, estimate(whole).high), samples: 0 };
  };
  return { estimate, nothingOf };
})();
