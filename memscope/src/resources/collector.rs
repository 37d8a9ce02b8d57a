//! The collector: a thread that samples until it is told to stop.
//!
//! ```text
//!            start_monitoring                      stop_monitoring
//!  idle ---- first sample, spawn ----> monitoring ---- last sample, join ----> idle
//! ```
//!
//! The first sample is taken by the caller, before the thread exists, and the last one by the thread while
//! the caller waits for it: the figures cover what lies between the two calls, however busy the machine is.
//! The thread sleeps between samples and is woken to stop, so that neither `stop_monitoring` nor dropping
//! waits for an interval to pass.

use super::error::ResourceError;
use super::fold::Fold;
use super::metrics::ResourceMetrics;
use super::os::BlockedSignals;
use super::platform::Sampler;
use super::snapshot::Detail;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle, park_timeout};
use std::time::{Duration, Instant};

const DEFAULT_INTERVAL: Duration = Duration::from_millis(100);
const SHORTEST_INTERVAL: Duration = Duration::from_millis(1);
const LONGEST_INTERVAL: Duration = Duration::from_secs(3600);

/// Full samples look at every thread, so their cost grows with the program. They may take this part of a
/// core, after an allowance that lets a short run have nothing but full samples; what the allowance does not
/// cover is brief.
const FULL_SHARE: u64 = 5_000;
const FULL_ALLOWANCE_NS: u64 = 3_000_000;

/// Measures what this process takes from the machine, with or without a profiling session.
///
/// On Linux all figures are real; elsewhere they are absent with the reason
/// ([`ResourceMetrics::unavailable`]).
///
/// ```
/// use memscope::PlatformResourceCollector;
///
/// # fn main() -> Result<(), memscope::ResourceError> {
/// let mut collector = PlatformResourceCollector::new()?;
/// collector.start_monitoring()?;
/// let sum: u64 = (0..1_000_000).sum();
/// let metrics = collector.stop_monitoring()?;
///
/// assert!(sum > 0);
/// println!("peak CPU: {:.1}% of a core", metrics.cpu_metrics.peak_usage_percent);
/// println!("peak memory: {:.3} GiB", metrics.memory_metrics.peak_usage_gb);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a collector measures nothing until `start_monitoring` is called"]
pub struct PlatformResourceCollector {
    interval: Duration,
    on_thread_start: fn(),
    running: Option<Running>,
}

/// The sampling thread, from the outside.
#[derive(Debug)]
struct Running {
    thread: JoinHandle<Monitor>,
    stop: Arc<AtomicBool>,
    /// A fork copies this but not the thread.
    process: u32,
}

impl PlatformResourceCollector {
    /// A collector that samples ten times a second.
    ///
    /// # Errors
    /// None today; a platform that can give nothing at all may say so here.
    pub fn new() -> Result<Self, ResourceError> {
        Self::with_interval(DEFAULT_INTERVAL)
    }

    /// A collector that samples once per `interval` (1 ms to 1 h). A sample costs 10 to 150 us, more with
    /// more threads; each thread is looked at as often as a five-thousandth of the time allows.
    ///
    /// # Errors
    /// [`ResourceError::IntervalOutOfRange`].
    pub fn with_interval(interval: Duration) -> Result<Self, ResourceError> {
        Self::with_thread_start(interval, || {})
    }

    /// As [`with_interval`](Self::with_interval); the sampling thread calls `on_thread_start` before anything
    /// else.
    pub(crate) fn with_thread_start(
        interval: Duration,
        on_thread_start: fn(),
    ) -> Result<Self, ResourceError> {
        let (min, max) = (SHORTEST_INTERVAL, LONGEST_INTERVAL);
        if !(min..=max).contains(&interval) {
            return Err(ResourceError::IntervalOutOfRange { found: interval, min, max });
        }
        Ok(Self { interval, on_thread_start, running: None })
    }

    /// Takes the first sample and starts the sampling thread, `memscope-res`, which takes no signals but
    /// those of its own faults.
    ///
    /// # Errors
    /// [`ResourceError::AlreadyMonitoring`]; [`ResourceError::ThreadNotStarted`].
    pub fn start_monitoring(&mut self) -> Result<(), ResourceError> {
        let process = std::process::id();
        if self.running.as_ref().is_some_and(|running| running.process == process) {
            return Err(ResourceError::AlreadyMonitoring);
        }
        let mut monitor = Monitor::new();
        monitor.sample(Detail::Full);
        let stop = Arc::new(AtomicBool::new(false));
        let (until, interval, on_thread_start) = (Arc::clone(&stop), self.interval, self.on_thread_start);
        let run = move || {
            on_thread_start();
            monitor.run(interval, &until);
            monitor
        };
        let blocked = BlockedSignals::new();
        let spawned = Builder::new().name("memscope-res".to_owned()).spawn(run);
        drop(blocked);
        let thread = spawned.map_err(ResourceError::ThreadNotStarted)?;
        self.running = Some(Running { thread, stop, process });
        Ok(())
    }

    /// Takes the last sample, stops the sampling thread, and returns the figures of the time since
    /// `start_monitoring`. The collector may be started again.
    ///
    /// # Errors
    /// [`ResourceError::NotMonitoring`]; [`ResourceError::OtherProcess`] in a fork;
    /// [`ResourceError::ThreadPanicked`].
    pub fn stop_monitoring(&mut self) -> Result<ResourceMetrics, ResourceError> {
        let running = self.running.take().ok_or(ResourceError::NotMonitoring)?;
        Ok(running.join()?.fold.finish())
    }
}

impl Drop for PlatformResourceCollector {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            // What it measured is wanted by nobody.
            let _ = running.join();
        }
    }
}

impl Running {
    fn join(self) -> Result<Monitor, ResourceError> {
        let this = std::process::id();
        if this != self.process {
            return Err(ResourceError::OtherProcess { started_in: self.process, this });
        }
        // Release: pairs with the Acquire in `Monitor::run`. (The flag carries no data; the join does.)
        self.stop.store(true, Ordering::Release);
        self.thread.thread().unpark();
        self.thread.join().map_err(|_| ResourceError::ThreadPanicked)
    }
}

/// The sampling itself; lives in the sampling thread while monitoring.
#[derive(Debug)]
struct Monitor {
    sampler: Sampler,
    fold: Fold,
    begin: Instant,
    full_cost_ns: u64,
    sampling_cpu_ns: u64,
}

impl Monitor {
    fn new() -> Self {
        Self {
            sampler: Sampler::new(),
            fold: Fold::default(),
            begin: Instant::now(),
            full_cost_ns: 0,
            sampling_cpu_ns: 0,
        }
    }

    /// Samples once per `interval` until `stop` is set, and then once more.
    fn run(&mut self, interval: Duration, stop: &AtomicBool) {
        self.sampler.set_calling_thread_apart();
        let mut next = Instant::now() + interval;
        // Acquire: pairs with the Release in `Running::join`.
        while !stop.load(Ordering::Acquire) {
            let now = Instant::now();
            if now < next {
                // May also wake for no reason.
                park_timeout(next - now);
                continue;
            }
            self.sample(detail(self.full_cost_ns, self.begin.elapsed()));
            next += interval;
            let now = Instant::now();
            if next < now {
                // Samples that were missed are not made up for.
                next = now + interval;
            }
        }
        self.sample(Detail::Full);
    }

    fn sample(&mut self, detail: Detail) {
        let snapshot = self.sampler.sample(detail);
        let cpu_ns = snapshot.sampling.cpu_ns.unwrap_or(0);
        if detail == Detail::Full {
            self.full_cost_ns += cpu_ns.saturating_sub(self.sampling_cpu_ns);
        }
        self.sampling_cpu_ns = cpu_ns;
        self.fold.push(&snapshot);
    }
}

/// Whether another full sample can be afforded.
fn detail(full_cost_ns: u64, elapsed: Duration) -> Detail {
    let elapsed_ns = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
    let affordable = full_cost_ns <= FULL_ALLOWANCE_NS.saturating_add(elapsed_ns / FULL_SHARE);
    if affordable { Detail::Full } else { Detail::Brief }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::sync::atomic::AtomicU32;

    #[test]
    fn full_samples_stay_within_their_share() {
        let second = Duration::from_secs(1);
        assert_eq!(detail(0, Duration::ZERO), Detail::Full);
        assert_eq!(detail(FULL_ALLOWANCE_NS, Duration::ZERO), Detail::Full);
        assert_eq!(detail(FULL_ALLOWANCE_NS + 1, Duration::ZERO), Detail::Brief);
        assert_eq!(detail(FULL_ALLOWANCE_NS + 200_000, second), Detail::Full, "0.2 ms of each second");
        assert_eq!(detail(FULL_ALLOWANCE_NS + 200_001, second), Detail::Brief);
    }

    #[test]
    fn an_interval_outside_its_range_is_refused_by_name() {
        for wrong in [Duration::ZERO, Duration::from_micros(999), Duration::from_secs(3601)] {
            let error = PlatformResourceCollector::with_interval(wrong).unwrap_err();
            assert!(matches!(error, ResourceError::IntervalOutOfRange { found, .. } if found == wrong));
        }
        let error = PlatformResourceCollector::with_interval(Duration::ZERO).unwrap_err();
        assert_eq!(
            error.to_string(),
            "sampling interval: expected 1ms to 3600s, found 0ns; the default is 100ms"
        );
        assert!(PlatformResourceCollector::with_interval(SHORTEST_INTERVAL).is_ok());
        assert!(PlatformResourceCollector::with_interval(LONGEST_INTERVAL).is_ok());
    }

    /// How many sampling threads of the tests below have begun, and have ended.
    static BEGUN: AtomicU32 = AtomicU32::new(0);
    static ENDED: AtomicU32 = AtomicU32::new(0);

    struct CountsItsEnd;

    impl Drop for CountsItsEnd {
        fn drop(&mut self) {
            ENDED.fetch_add(1, Ordering::SeqCst);
        }
    }

    thread_local! {
        static END: Cell<Option<CountsItsEnd>> = const { Cell::new(None) };
    }

    fn count_thread() {
        BEGUN.fetch_add(1, Ordering::SeqCst);
        END.set(Some(CountsItsEnd));
    }

    fn wait_for_begun(count: u32) {
        while BEGUN.load(Ordering::SeqCst) < count {
            std::thread::yield_now();
        }
    }

    /// With an interval of an hour this test ends only if the thread is woken.
    #[test]
    fn stop_and_drop_wake_and_join_the_thread() {
        let start = || {
            let mut collector =
                PlatformResourceCollector::with_thread_start(LONGEST_INTERVAL, count_thread).unwrap();
            collector.start_monitoring().unwrap();
            collector
        };
        let mut stopped = start();
        wait_for_begun(1);
        assert_eq!(ENDED.load(Ordering::SeqCst), 0);
        let metrics = stopped.stop_monitoring().unwrap();
        assert_eq!(ENDED.load(Ordering::SeqCst), 1);
        assert_eq!(metrics.samples, 2, "one at the start, one at the stop");

        let dropped = start();
        wait_for_begun(2);
        drop(dropped);
        assert_eq!(ENDED.load(Ordering::SeqCst), 2);
        // Even before the thread has begun.
        drop(start());
        assert_eq!(ENDED.load(Ordering::SeqCst), 3);
    }

    fn panic_at_once() {
        panic!("told to");
    }

    #[test]
    fn a_thread_that_panicked_is_an_error_and_the_collector_lives() {
        let mut collector =
            PlatformResourceCollector::with_thread_start(DEFAULT_INTERVAL, panic_at_once).unwrap();
        collector.start_monitoring().unwrap();
        assert!(matches!(collector.stop_monitoring(), Err(ResourceError::ThreadPanicked)));
        collector.on_thread_start = || {};
        collector.start_monitoring().unwrap();
        assert!(collector.stop_monitoring().is_ok());
    }

    #[test]
    fn in_a_fork_the_missing_thread_is_not_waited_for() {
        let mut collector = PlatformResourceCollector::new().unwrap();
        collector.start_monitoring().unwrap();
        let here = std::process::id();
        let running = collector.running.take().unwrap();
        let elsewhere =
            Running { process: here + 1, stop: Arc::clone(&running.stop), thread: running.thread };
        collector.running = Some(elsewhere);
        let error = collector.stop_monitoring().unwrap_err();
        let ResourceError::OtherProcess { started_in, this } = error else { panic!("{error}") };
        assert_eq!((started_in, this), (here + 1, here));
        running.stop.store(true, Ordering::Release);
        collector.start_monitoring().unwrap();
        assert!(collector.stop_monitoring().is_ok());
    }
}
