//! What stands in a trace, read record by record.

use memscope_report::Profile;
use memscope_trace::{End, Loss, ReadStats, Record, TraceReader};
use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

/// An allocation of so many bytes and more is a sample: with a mean interval of 512 KiB the chance that it is not is 1 in 10^27.
pub(crate) const SURE_BYTES: usize = 32 << 20;

/// Makes a sample that `tag` tells from others; its memory is never touched.
#[inline(never)]
pub(crate) fn allocate_surely(tag: usize) {
    std::hint::black_box(Vec::<u8>::with_capacity(SURE_BYTES + tag));
}

/// Makes `count` allocations of 1 to 500 bytes.
pub(crate) fn allocate(count: usize) {
    for round in 0..count {
        std::hint::black_box(vec![0_u8; 1 + round % 500]);
    }
}

/// The samples of one size.
#[derive(Debug, Default, Clone)]
pub(crate) struct OfSize {
    /// When, microseconds, in the order of the trace.
    pub(crate) times_us: Vec<u64>,
    /// How many of them were freed.
    pub(crate) freed: usize,
}

/// A trace's samples by size, and what else is asked of it.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    pub(crate) sizes: HashMap<u64, OfSize>,
    pub(crate) end: Option<End>,
    pub(crate) loss: Loss,
    pub(crate) stats: ReadStats,
    pub(crate) samples: u64,
    /// What the last counters say of all allocations.
    pub(crate) counted_allocations: u64,
}

impl Trace {
    pub(crate) fn open(path: &Path) -> Self {
        let file = File::open(path).expect("a trace");
        let mut reader = TraceReader::new(file).expect("the trace's header");
        let (mut trace, mut sites, mut of_sample) = (Self::default(), HashMap::new(), HashMap::new());
        while let Some(record) = reader.next_record().expect("a file that can be read") {
            match record {
                Record::Sites(record) => sites.extend((record.first_site..).zip(record.sizes)),
                Record::Samples(record) => {
                    let mut time_us = record.base_us;
                    for (row, (site, delta)) in record.sites.iter().zip(&record.delta_us).enumerate() {
                        time_us = time_us.wrapping_add_signed(*delta);
                        let size = sites.get(site).copied().expect("sites stand before their samples");
                        trace.sizes.entry(size).or_default().times_us.push(time_us);
                        of_sample.insert(record.first_sample + row as u64, size);
                        trace.samples += 1;
                    }
                }
                Record::Frees(record) => {
                    let mut sample = 0_u64;
                    for delta in record.sample_deltas {
                        sample = sample.wrapping_add_signed(delta);
                        let size = of_sample.get(&sample).expect("samples stand before their frees");
                        trace.sizes.get_mut(size).expect("as above").freed += 1;
                    }
                }
                Record::Counters(counters) => trace.counted_allocations = counters.allocations,
                Record::Loss(loss) => trace.loss = loss,
                Record::End(end) => trace.end = Some(end),
                _ => {}
            }
        }
        trace.stats = *reader.stats();
        trace
    }

    /// The samples that [`allocate_surely`] made with that tag.
    pub(crate) fn sure(&self, tag: usize) -> OfSize {
        self.sizes.get(&((SURE_BYTES + tag) as u64)).cloned().unwrap_or_default()
    }

    /// Requires that nothing but a torn tail is amiss.
    pub(crate) fn expect_at_most_torn(&self) {
        let mut stats = self.stats;
        stats.torn_tail_bytes = 0;
        assert!(stats.is_clean(), "{:?}", self.stats);
    }
}

/// Requires that the report reads the trace too.
pub(crate) fn profile(path: &Path) -> Profile {
    Profile::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
