//! A program that is known to the last byte; `world_trace.rs` writes the trace that a session would write of it.
//!
//! It is a list of allocations by call site, with what the operating system says beside. The exact counters are sums over the list; an
//! allocation is in the trace as a sample with the probability that [`Interval::probability`] gives, independently of the others.

use memscope_trace::*;

pub(crate) const MIB: u64 = 1 << 20;
pub(crate) const SECOND_US: u64 = 1_000_000;

/// Numbers that look random (SplitMix64, Steele, Lea and Flood 2014).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From above 0 to 1.
    pub(crate) fn share(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// Exponentially distributed.
    pub(crate) fn exponential(&mut self, mean: f64) -> f64 {
        -mean * self.share().ln()
    }

    /// Around 1, mostly within `spread`.
    pub(crate) fn about_one(&mut self, spread: f64) -> f64 {
        1.0 + spread * (self.share() + self.share() + self.share() - 1.5) / 1.5
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Allocation {
    pub(crate) site: usize,
    pub(crate) size_bytes: u64,
    /// What a `realloc` had before; 0 of an allocation.
    pub(crate) old_bytes: u64,
    pub(crate) thread: u32,
    pub(crate) freed_by: u32,
    pub(crate) start_us: u64,
    pub(crate) freed_us: Option<u64>,
}

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) random: Random,
    pub(crate) duration_us: u64,
    pub(crate) resources: Vec<Resources>,
    pub(crate) parts: Vec<MemoryParts>,
    pub(crate) threads: Vec<Thread>,
    /// The samples' interval.
    pub(crate) interval: Interval,
    /// Threads that end, and when.
    pub(crate) ended: Vec<(u32, u64)>,
    pub(crate) sites: Vec<String>,
    pub(crate) allocations: Vec<Allocation>,
}

impl World {
    /// A minute in which nothing happens yet.
    pub(crate) fn new(seed: u64) -> Self {
        let thread =
            |id| Thread { id, os_id: 100 + u64::from(id), name: format!("worker {id}"), start_us: 0 };
        Self {
            random: Random(seed.wrapping_mul(0x1234_5678_9ABC_DEF1)),
            duration_us: 60 * SECOND_US,
            resources: Vec::new(),
            parts: Vec::new(),
            threads: (1..=4).map(thread).collect(),
            interval: Interval { id: 0, start_us: 0, interval_bytes: 262_144.0, credit_bytes: 32.0 },
            ended: Vec::new(),
            sites: Vec::new(),
            allocations: Vec::new(),
        }
    }

    /// A service of some 45 MiB with what is not a fault: requests that come by chance and take a while, a table loaded at the start, a cache
    /// that fills up and then evicts, batches that are made and dropped.
    pub(crate) fn noisy(seed: u64) -> Self {
        let mut world = Self::new(seed);
        world.requests("app::serve", 8 * MIB, 2.0, 0.0);
        world.table("app::load_table", 16 * MIB);
        world.cache("app::cache", 12 * MIB);
        world.batches("app::batch", 8 * MIB, 3.0);
        world
    }

    /// A service as large of few and large allocations, for detectors that do not look at call sites.
    pub(crate) fn light(seed: u64) -> Self {
        let mut world = Self::new(seed);
        let sites: Vec<usize> = (0..16).map(|at| world.site(&format!("app::part_{at}"))).collect();
        for site in sites {
            let mut at_us = 0.0;
            while at_us < world.duration_us as f64 {
                at_us += world.random.exponential(2_400_000.0);
                let life_us = world.random.exponential(6e6);
                let size = world.size_about(MIB);
                world.allocate(site, size, at_us as u64, Some((at_us + life_us) as u64));
            }
        }
        world
    }

    /// Twelve seconds of a smaller one, for programs that do much in a second.
    pub(crate) fn quick(seed: u64) -> Self {
        let mut world = Self::new(seed);
        world.duration_us = 12 * SECOND_US;
        (0..6).for_each(|at| world.requests(&format!("app::part_{at}"), MIB, 1.0, 0.0));
        world
    }

    pub(crate) fn site(&mut self, function: &str) -> usize {
        self.sites.push(function.to_owned());
        self.sites.len() - 1
    }

    pub(crate) fn allocate(&mut self, site: usize, size_bytes: u64, start_us: u64, freed_us: Option<u64>) {
        let thread = 1 + (self.random.next() % 4) as u32;
        self.push(Allocation {
            site,
            size_bytes,
            old_bytes: 0,
            thread,
            freed_by: thread,
            start_us,
            freed_us,
        });
    }

    /// What lies within the session.
    pub(crate) fn push(&mut self, made: Allocation) {
        let freed_us = made.freed_us.filter(|&us| us < self.duration_us);
        if made.start_us < self.duration_us {
            self.allocations.push(Allocation { freed_us, ..made });
        }
    }

    /// From half to one and a half times as much.
    pub(crate) fn size_about(&mut self, bytes: u64) -> u64 {
        bytes / 2 + self.random.next() % 16 * bytes / 16
    }

    /// Requests at a steady rate that take `seconds` in the mean, `level_bytes` at a time; of each a share of `leaked` is never freed.
    pub(crate) fn requests(&mut self, function: &str, level_bytes: u64, seconds: f64, leaked: f64) {
        const BYTES: u64 = 64 << 10;
        let site = self.site(function);
        let gap_us = seconds * 1e6 / (level_bytes as f64 / BYTES as f64);
        let mut at_us = 0.0;
        while at_us < self.duration_us as f64 {
            at_us += self.random.exponential(gap_us);
            let size = self.size_about(BYTES);
            let life_us = self.random.exponential(seconds * 1e6);
            let freed = (self.random.share() > leaked).then_some((at_us + life_us) as u64);
            self.allocate(site, size, at_us as u64, freed);
        }
    }

    /// Made in the first twentieth of the session, and kept.
    pub(crate) fn table(&mut self, function: &str, bytes: u64) {
        let site = self.site(function);
        for _ in 0..bytes / 65_536 {
            let at_us = self.random.share() * self.duration_us as f64 / 20.0;
            self.allocate(site, 65_536, at_us as u64, None);
        }
    }

    /// Filled in a sixth of the session; from then on each new entry evicts the oldest.
    pub(crate) fn cache(&mut self, function: &str, bytes: u64) {
        let site = self.site(function);
        let entries = bytes / 65_536;
        let gap_us = self.duration_us as f64 / 6.0 / entries as f64;
        let mut times = Vec::new();
        let mut at_us = 0.0;
        while at_us < self.duration_us as f64 {
            at_us += self.random.exponential(gap_us);
            times.push(at_us as u64);
        }
        for (at, &start_us) in times.iter().enumerate() {
            self.allocate(site, 65_536, start_us, times.get(at + entries as usize).copied());
        }
    }

    /// Filled in about `seconds`, then dropped all at once, again and again.
    pub(crate) fn batches(&mut self, function: &str, bytes: u64, seconds: f64) {
        let site = self.site(function);
        let mut at_us = 0.0;
        while at_us < self.duration_us as f64 {
            let length_us = seconds * 1e6 * self.random.about_one(0.3);
            let number = (bytes as f64 / 65_536.0 * self.random.about_one(0.3)) as u64;
            for _ in 0..number {
                let start_us = at_us + length_us * self.random.share();
                self.allocate(site, 65_536, start_us as u64, Some((at_us + length_us) as u64 + 1));
            }
            at_us += length_us;
        }
    }

    /// The live bytes after each of `ticks` equal parts of the session, with the counters then.
    pub(crate) fn counters(&self, ticks: u64) -> Vec<Counters> {
        let mut events: Vec<(u64, bool, u64)> = Vec::with_capacity(2 * self.allocations.len());
        for made in &self.allocations {
            events.push((made.start_us, true, made.size_bytes));
            events.extend(made.freed_us.map(|us| (us, false, made.size_bytes)));
        }
        events.sort_unstable();
        let mut now = Counters::default();
        let mut at = 0;
        let mut rows = Vec::new();
        for tick in 1..=ticks {
            now.time_us = self.duration_us * tick / ticks;
            while let Some(&(time_us, made, bytes)) = events.get(at).filter(|event| event.0 <= now.time_us) {
                if made {
                    now.allocations += 1;
                    now.allocated_bytes += bytes;
                } else {
                    now.frees += 1;
                    now.freed_bytes += bytes;
                }
                // Frees of one time sort before what is made at it, so no byte that moves counts twice.
                if now.allocated_bytes - now.freed_bytes > now.peak_bytes {
                    (now.peak_bytes, now.peak_us) = (now.allocated_bytes - now.freed_bytes, time_us);
                }
                at += 1;
            }
            rows.push(now);
        }
        rows
    }

    /// Where memory is at 2 Hz, each as `parts` makes it of the time in seconds and the live bytes.
    pub(crate) fn with_parts(mut self, mut parts: impl FnMut(f64, u64, &mut Random) -> MemoryParts) -> Self {
        for counters in self.counters(self.duration_us / 500_000) {
            let live = counters.allocated_bytes - counters.freed_bytes;
            let told = parts(counters.time_us as f64 / 1e6, live, &mut self.random);
            self.parts.push(MemoryParts { time_us: counters.time_us, ..told });
        }
        self
    }

    /// The operating system's figures at 10 Hz, each as `figures` makes it of the time in seconds and the live bytes.
    pub(crate) fn with_resources(
        mut self,
        mut figures: impl FnMut(f64, u64, &mut Random) -> Resources,
    ) -> Self {
        let ticks = self.duration_us / 100_000;
        for counters in self.counters(ticks) {
            let live = counters.allocated_bytes - counters.freed_bytes;
            let resources = figures(counters.time_us as f64 / 1e6, live, &mut self.random);
            self.resources.push(Resources { time_us: counters.time_us, ..resources });
        }
        self
    }
}
