//! Estimates for each call site.
//!
//! The trace has a site for each stack, size, scope and kind. Here a site is what a reader takes for one: all samples
//! whose stacks read the same once the profiler's and the allocator's own frames are off.
//!
//! Samples that were drawn but lost are allowed for: every estimate is divided by the share that was recorded and its
//! interval widened ([`Total::thinned`]). The share is that of the samples' number for bytes too: a full buffer drops a
//! sample whatever its size, and the share of the samples' bytes would hang on the few largest.

use super::callers::name_callers;
use super::growth::Growth;
use super::stack_trie::StackTrie;
use super::sums::Sums;
use super::types::{Frame, SiteFigures};
use crate::load::{Profile, Site};
use crate::parallel::in_parallel;
use crate::statistics::{Losses, Total};
use memscope_trace::AllocationKind;

/// What all sites' frames may take in memory, bytes: a small trace can describe stacks without end. Sites beyond are
/// shown as one.
const FRAMES_BYTES_MAX: u64 = 32 << 20;

/// The totals of one site of the analysis.
#[derive(Debug, Clone, Default)]
struct Merged {
    stack: u32,
    sums: Sums,
    kept_bytes: Total,
    copied_bytes: Total,
    freed: Total,
    lifetime_us: f64,
    live: Total,
    live_age_us: f64,
    growth: Growth,
}

impl Merged {
    fn add(&mut self, site: &Site) {
        let samples = &site.samples;
        self.sums.add(site);
        let kept_bytes = kept_bytes(site);
        if kept_bytes > 0 {
            let kept_bytes = samples.allocated().scaled(kept_bytes as f64);
            self.kept_bytes.merge(&kept_bytes);
            if site.kind == AllocationKind::ReallocMoved {
                self.copied_bytes.merge(&kept_bytes);
            }
        }
        self.freed.merge(&samples.freed());
        self.lifetime_us += samples.lifetime_us;
        self.live.merge(&samples.live());
        self.live_age_us += samples.live_age_us;
        self.growth.add(site);
    }

    fn figures(&self, losses: Losses, label: String, frames: Vec<Frame>) -> SiteFigures {
        let sampled = self.sums.figures(losses);
        SiteFigures {
            stack: self.stack,
            frames,
            label,
            caller: None,
            samples: sampled.samples,
            allocations: sampled.allocations,
            allocated_bytes: sampled.allocated_bytes,
            live_bytes: sampled.live_bytes,
            peak_bytes: sampled.peak_bytes,
            temporary_bytes: sampled.temporary_bytes,
            cross_thread_bytes: sampled.cross_thread_bytes,
            copied_bytes: self.copied_bytes.thinned(losses).estimate_within(&self.kept_bytes.thinned(losses)),
            mean_lifetime_us: (self.freed.samples() > 0).then(|| self.lifetime_us / self.freed.value()),
            mean_live_age_us: (self.live.samples() > 0).then(|| self.live_age_us / self.live.value()),
            growth: self.growth.steps(losses),
        }
    }
}

/// The call sites of the analysis.
#[derive(Debug, Default)]
pub(super) struct Sites {
    /// Most estimated allocated bytes first.
    pub(super) figures: Vec<SiteFigures>,
    /// For each site of the trace, in its order, where in `figures` it is; `None` if it has no samples or is one of those that are shown as
    /// one.
    pub(super) place_of: Vec<Option<u32>>,
}

/// The call sites, most estimated allocated bytes first.
pub(super) fn sites(
    profile: &Profile,
    trie: &StackTrie<'_>,
    stack_of: &[Option<u32>],
    losses: Losses,
) -> Sites {
    let ranked = rank_stacks(profile, stack_of, trie.len());
    // Where the sums of a stack go; those of stacks that are not told apart go to one place.
    let mut place_of_stack = vec![None; trie.len()];
    let mut told: Vec<(u32, Merged)> = Vec::new();
    let mut further = Merged::default();
    let mut bytes = 0;
    for (stack, node) in &ranked {
        bytes += trie.text_bytes(*stack);
        if bytes > FRAMES_BYTES_MAX {
            bytes -= trie.text_bytes(*stack);
            continue;
        }
        place_of_stack[*stack as usize] = Some(told.len() as u32);
        told.push((*stack, Merged { stack: *node, ..Merged::default() }));
    }
    let further_sites = ranked.len() - told.len();
    for (site, stack) in profile.sites.iter().zip(stack_of) {
        let Some(stack) = stack else { continue };
        match place_of_stack[*stack as usize] {
            Some(place) => told[place as usize].1.add(site),
            None => further.add(site),
        }
    }
    let mut figures = in_two_parts(&told, |(stack, totals)| {
        let label = trie.blamed(*stack).map_or_else(|| unnamed(totals.stack), label);
        totals.figures(losses, label, trie.frames(*stack))
    });
    name_callers(&mut figures);
    if further_sites > 0 {
        figures.push(further.figures(losses, format!("({further_sites} further call sites)"), Vec::new()));
    }
    figures.extend(
        unknown(profile)
            .map(|totals| totals.figures(losses, "(call sites lost to damage)".to_owned(), Vec::new())),
    );
    let place = |stack: Option<u32>| stack.and_then(|stack| place_of_stack[stack as usize]);
    Sites { figures, place_of: stack_of.iter().copied().map(place).collect() }
}

/// The trimmed stacks that have samples, most estimated bytes allocated first, each with the node of the first of its sites. `stack_of`
/// has the stack of each site of the trace, below `stacks`.
fn rank_stacks(profile: &Profile, stack_of: &[Option<u32>], stacks: usize) -> Vec<(u32, u32)> {
    #[derive(Clone, Copy, Default)]
    struct Weight {
        bytes: f64,
        samples: u64,
        node: u32,
    }
    let mut weights = vec![Weight::default(); stacks];
    for (site, stack) in profile.sites.iter().zip(stack_of) {
        let Some(stack) = stack else { continue };
        let (weight, allocated) = (&mut weights[*stack as usize], site.samples.allocated());
        if weight.samples == 0 {
            weight.node = site.stack;
        }
        weight.bytes += allocated.value() * site.size_bytes as f64;
        weight.samples += allocated.samples();
    }
    let mut ranked: Vec<(u32, Weight)> =
        (0..).zip(weights).filter(|(_, weight)| weight.samples > 0).collect();
    ranked.sort_by(|(_, one), (_, other)| {
        other
            .bytes
            .total_cmp(&one.bytes)
            .then(other.samples.cmp(&one.samples))
            .then(one.node.cmp(&other.node))
    });
    ranked.into_iter().map(|(stack, weight)| (stack, weight.node)).collect()
}

/// Items from which on a second thread is worth its start.
const MANY: usize = 2_000;

/// What `of` makes of each item, in order; of many, half of them on another thread.
fn in_two_parts<T: Sync, R: Send>(items: &[T], of: impl Fn(&T) -> R + Sync) -> Vec<R> {
    if items.len() < MANY {
        return items.iter().map(of).collect();
    }
    let (first, second) = items.split_at(items.len() / 2);
    let made = |items: &[T]| items.iter().map(&of).collect::<Vec<R>>();
    let (mut all, mut others) = in_parallel(|| made(first), || made(second));
    all.append(&mut others);
    all
}

/// Bytes that each allocation of the site has from the one that it replaces: what of the old size is in the new one, 0 where it is
/// no `realloc`. One that moves copies them. (An allocator may move large ones by remapping pages; that is not told apart.)
pub(super) fn kept_bytes(site: &Site) -> u64 {
    match site.kind {
        AllocationKind::ReallocMoved | AllocationKind::ReallocInPlace => {
            site.old_size_bytes.min(site.size_bytes)
        }
        _ => 0,
    }
}

/// The totals of samples whose site is lost, taking them for samples like the others: their sizes and probabilities
/// are not known, and leaving them out would make every total too low.
fn unknown(profile: &Profile) -> Option<Merged> {
    let lost = &profile.unknown_site;
    if lost.samples() == 0 {
        return None;
    }
    let mut known = Sums::default();
    profile.sites.iter().for_each(|site| known.add(site));
    let bytes = |part: &Total| known.allocated_bytes.like(part.samples());
    let sums = Sums {
        allocations: known.allocations.like(lost.samples()),
        allocated_bytes: bytes(&lost.allocated()),
        live_bytes: bytes(&lost.live()),
        peak_bytes: bytes(&lost.at_peak()),
        temporary_bytes: bytes(&lost.temporary()),
        cross_thread_bytes: bytes(&lost.cross_thread()),
    };
    Some(Merged { sums, ..Merged::default() })
}

fn unnamed(stack: u32) -> String {
    match stack {
        0 => "(stack not recorded)".to_owned(),
        _ => "(stack ends in the allocator)".to_owned(),
    }
}

/// `function (file.rs:12)`, the file with the folder it is in.
pub(crate) fn label(frame: &Frame) -> String {
    let Some(file) = &frame.file else { return frame.function.clone() };
    let mut parts = file.rsplit(['/', '\\']).filter(|part| !part.is_empty());
    let name = parts.next().unwrap_or(file);
    let folder = parts.next().map(|folder| format!("{folder}/")).unwrap_or_default();
    match frame.line {
        Some(line) => format!("{} ({folder}{name}:{line})", frame.function),
        None => format!("{} ({folder}{name})", frame.function),
    }
}
