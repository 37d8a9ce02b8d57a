//! Phases in which the processor is what there is too little of, or in which the process hardly runs because it reads and writes.
//!
//! The session is cut into stretches of a second. A *phase* is a run of stretches of one kind that is at least ten seconds long; a single
//! stretch of another kind does not end it. Of each kind the phases are added up, and told where they make a quarter of the session or more. All
//! figures are exact, the kernel's own. Rules for a stretch:
//!
//! * *Bound by the CPU*, one of:
//!   * the process used 90% of its processors or more (`cpus` of the session);
//!   * it used one of them, 95% to 105%, and gave it up fewer than 100 times a second: one thread is at its limit while others are idle. Only
//!     where there are several. (Two threads that share the work by halves look the same; they would give up theirs more often.)
//! * *Bound by input and output*: at most a quarter of one processor was in use, 1 MiB or more was read and written (by any system call, from the
//!   page cache or not) or 50 pages had to be fetched from storage (major faults), and the process waited at least 20 times.
//!
//! Where the number of processors is not told the first rule says nothing. To be bound by the CPU is what a program that computes is meant to be:
//! medium from half of the session on for input and output, always low for the CPU.

use super::rates::{Rates, rates};
use super::{Analysis, Bottleneck, BottleneckKind, Severity, severity, share, units};
use crate::statistics::Estimate;

const STRETCH_US: u64 = 1_000_000;
const PHASE_MIN_US: u64 = 10_000_000;
const SESSION_SHARE_MIN: f64 = 0.25;
const SESSION_SHARE_MEDIUM: f64 = 0.5;
const ALL_PROCESSORS: f64 = 0.9;
const ONE_PROCESSOR: std::ops::RangeInclusive<f64> = 0.95..=1.05;
const ONE_THREAD_SWITCHES_MAX: f64 = 100.0;
const IDLE_MAX: f64 = 0.25;
const IO_BYTES_MIN: f64 = (1 << 20) as f64;
const MAJOR_FAULTS_MIN: f64 = 50.0;
const WAITS_MIN: f64 = 20.0;

pub(super) fn detect(analysis: &Analysis) -> Vec<Bottleneck> {
    let rates = rates(analysis, STRETCH_US);
    let cpus = analysis.session.cpus;
    let cpu = phases(&rates, |rates| is_cpu_bound(rates, cpus));
    let io = phases(&rates, is_io_bound);
    [tell(analysis, &cpu, cpu_bound), tell(analysis, &io, io_bound)].into_iter().flatten().collect()
}

fn is_cpu_bound(rates: &Rates, cpus: u32) -> bool {
    let used = rates.processors();
    let all = cpus > 0 && used >= ALL_PROCESSORS * f64::from(cpus);
    all || (cpus > 1 && ONE_PROCESSOR.contains(&used) && rates.voluntary < ONE_THREAD_SWITCHES_MAX)
}

fn is_io_bound(rates: &Rates) -> bool {
    let moves = rates.io_bytes.is_some_and(|bytes| bytes >= IO_BYTES_MIN)
        || rates.major_faults.is_some_and(|faults| faults >= MAJOR_FAULTS_MIN);
    rates.processors() <= IDLE_MAX && moves && rates.voluntary >= WAITS_MIN
}

/// The phases of stretches that `belongs` wants.
fn phases(rates: &[Rates], belongs: impl Fn(&Rates) -> bool) -> Vec<&[Rates]> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < rates.len() {
        let mut end = at;
        while end < rates.len()
            && (belongs(&rates[end]) || rates.get(end + 1).is_some_and(&belongs) && end > at)
        {
            end += 1;
        }
        let phase = &rates[at..end];
        if phase
            .first()
            .zip(phase.last())
            .is_some_and(|(first, last)| last.to_us - first.from_us >= PHASE_MIN_US)
        {
            found.push(phase);
        }
        at = end.max(at + 1);
    }
    found
}

/// The figures of all phases of a kind.
struct Phases<'a> {
    analysis: &'a Analysis,
    stretches: Vec<Rates>,
    /// `Over 20 s of 60 s, the longest from 10 s to 25 s,`
    when: String,
    of_session: f64,
    span_us: [u64; 2],
}

impl Phases<'_> {
    fn sum(&self, figure: impl Fn(&Rates) -> f64) -> f64 {
        self.stretches.iter().map(|rates| figure(rates) * (rates.to_us - rates.from_us) as f64 / 1e6).sum()
    }

    /// A second in the mean.
    fn mean(&self, figure: impl Fn(&Rates) -> f64) -> f64 {
        self.sum(figure) / self.sum(|_| 1.0)
    }
}

fn tell(
    analysis: &Analysis,
    phases: &[&[Rates]],
    words: fn(&Phases<'_>) -> Bottleneck,
) -> Option<Bottleneck> {
    let span = |phase: &[Rates]| Some([phase.first()?.from_us, phase.last()?.to_us]);
    let spans: Vec<[u64; 2]> = phases.iter().filter_map(|phase| span(phase)).collect();
    let longest = *spans.iter().max_by_key(|[from_us, to_us]| to_us - from_us)?;
    let sum_us: u64 = spans.iter().map(|[from_us, to_us]| to_us - from_us).sum();
    let of_session = share(sum_us as f64, analysis.session.duration_us as f64);
    let [sum, session, from, to] =
        [sum_us, analysis.session.duration_us, longest[0], longest[1]].map(units::duration_us);
    let found = Phases {
        analysis,
        stretches: phases.concat(),
        when: format!("Over {sum} of {session}, the longest stretch from {from} to {to},"),
        of_session,
        span_us: longest,
    };
    (of_session >= SESSION_SHARE_MIN).then(|| words(&found))
}

fn cpu_bound(found: &Phases<'_>) -> Bottleneck {
    let used = found.mean(Rates::processors);
    Bottleneck {
        severity: Severity::Low,
        bytes: Estimate::exact(found.sum(|rates| rates.allocated_bytes)),
        evidence: format!(
            "{} the process used {used:.2} processors of {} in the mean, {} of it in the kernel, and was taken off them {} times a \
             second; it allocated {} a second meanwhile.",
            found.when,
            found.analysis.session.cpus,
            units::percent(share(found.mean(|rates| rates.system), used)),
            units::count(found.mean(|rates| rates.involuntary.unwrap_or(0.0))),
            units::bytes(found.mean(|rates| rates.allocated_bytes))
        ),
        advice: "What is to be faster has to compute less: profile the processor time (`perf record`), and see here which call sites \
                 allocate most in this time; where one thread is at its limit, share its work."
            .to_owned(),
        span_us: Some(found.span_us),
        ..Bottleneck::of(BottleneckKind::CpuBound, "the process")
    }
}

fn io_bound(found: &Phases<'_>) -> Bottleneck {
    let bytes = found.sum(|rates| rates.io_bytes.unwrap_or(0.0));
    Bottleneck {
        severity: severity(found.of_session, SESSION_SHARE_MEDIUM, f64::INFINITY),
        bytes: Estimate::exact(bytes),
        evidence: format!(
            "{} the process used {} of one processor in the mean while it read and wrote {} ({} a second), fetched {} pages a second from \
             storage and waited {} times a second.",
            found.when,
            units::percent(found.mean(Rates::processors)),
            units::bytes(bytes),
            units::bytes(found.mean(|rates| rates.io_bytes.unwrap_or(0.0))),
            units::count(found.mean(|rates| rates.major_faults.unwrap_or(0.0))),
            units::count(found.mean(|rates| rates.voluntary))
        ),
        advice: "Less memory or fewer allocations will hardly make this faster: read ahead or in larger pieces, overlap input and output \
                 with work (threads, async), or keep what is read again; major faults say that memory itself is short."
            .to_owned(),
        span_us: Some(found.span_us),
        ..Bottleneck::of(BottleneckKind::IoBound, "the process")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::ResourcePoint;

    /// Processors in use, switches and MiB read in each second, on a machine with four processors.
    fn process(seconds: impl Iterator<Item = (f64, u64, u64)>) -> Analysis {
        let mut analysis = Analysis::default();
        let mut now = ResourcePoint::default();
        (now.cpu_user_us, now.cpu_system_us, now.voluntary_switches) = (Some(0), Some(0), Some(0));
        now.read_bytes = Some(0);
        analysis.resources.push(now);
        let add = |figure: &mut Option<u64>, more: u64| *figure = figure.map(|figure| figure + more);
        for (used, switches, mib) in seconds {
            now.time_us += 1_000_000;
            add(&mut now.cpu_user_us, (used * 1e6) as u64);
            add(&mut now.voluntary_switches, switches);
            add(&mut now.read_bytes, mib << 20);
            analysis.resources.push(now);
        }
        (analysis.session.cpus, analysis.session.duration_us) = (4, now.time_us);
        analysis
    }

    fn kinds(analysis: &Analysis) -> Vec<BottleneckKind> {
        detect(analysis).iter().map(|finding| finding.kind).collect()
    }

    #[test]
    fn planted_phases_are_found_with_their_time() {
        let phase = |at: u64| (20..50).contains(&at) && at != 30;
        let busy = |used: f64, switches, mib| {
            process((0..60).map(move |at| if phase(at) { (used, switches, mib) } else { (0.5, 500, 0) }))
        };
        for (analysis, kind) in [
            (busy(3.9, 50, 0), BottleneckKind::CpuBound),
            (busy(1.0, 5, 0), BottleneckKind::CpuBound),
            (busy(0.1, 400, 50), BottleneckKind::IoBound),
        ] {
            let found = detect(&analysis);
            assert_eq!(kinds(&analysis), [kind]);
            assert_eq!(found[0].span_us, Some([20_000_000, 50_000_000]));
            assert!(found[0].evidence.contains("Over 30 s of 1 min"), "{}", found[0].evidence);
        }
        assert_eq!(detect(&busy(0.1, 400, 50))[0].severity, Severity::Medium);
    }

    #[test]
    fn short_or_mixed_or_idle_phases_are_silent() {
        for (used, switches, mib) in
            [(2.0, 500, 0), (1.0, 5_000, 0), (0.1, 400, 0), (0.5, 400, 50), (0.0, 5, 9)]
        {
            assert!(
                kinds(&process((0..60).map(|_| (used, switches, mib)))).is_empty(),
                "{used} {switches} {mib}"
            );
        }
        let short = process((0..60).map(|at| (if at % 12 < 9 { 4.0 } else { 0.5 }, 50, 0)));
        assert!(kinds(&short).is_empty(), "nine seconds of twelve");
        assert!(kinds(&process((0..60).map(|at| (if at < 11 { 4.0 } else { 0.5 }, 50, 0)))).is_empty());
        let mut unknown = process((0..60).map(|_| (4.0, 50, 0)));
        unknown.session.cpus = 0;
        assert!(kinds(&unknown).is_empty());
        assert!(kinds(&Analysis::default()).is_empty());
    }
}
