//! Exact mode beside dhat: the same program, run once under each, gives the same figures at every call site.
//!
//! This test runs itself twice more, once in each role, and compares allocations, bytes, and what is live at the end. Both
//! profilers count a `realloc` as an allocation of the new size. dhat books it where the memory was first allocated, memscope
//! where it ran; every function here grows only what it has made itself, so a call site is told by its chain of the program's own
//! functions, innermost first. Allocations without any such function on their stack (the runtime's, when a thread starts) are not
//! the program's, and are left out of both.

use memscope::{SamplingAllocator, SamplingConfig, Session};
use memscope_oracle_tests::{Random, wait_until_alone};
use memscope_report::{Profile, SymbolizeOptions, analyze, symbolize};
use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

const ROLE: &str = "MEMSCOPE_ORACLE_ROLE";
const FOLDER: &str = "MEMSCOPE_ORACLE_FOLDER";

/// Either profiler over the system's allocator. Until it is set up each of them only passes on, so the switch may be thrown while
/// memory is allocated.
struct Either {
    dhat: AtomicBool,
    memscope: SamplingAllocator<System>,
}

#[global_allocator]
static EITHER: Either = Either { dhat: AtomicBool::new(false), memscope: SamplingAllocator::new(System) };

// SAFETY: forwards everything unchanged to allocators over the same system allocator.
unsafe impl GlobalAlloc for Either {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract.
        unsafe {
            if self.dhat.load(Relaxed) { dhat::Alloc.alloc(layout) } else { self.memscope.alloc(layout) }
        }
    }

    unsafe fn dealloc(&self, address: *mut u8, layout: Layout) {
        if self.dhat.load(Relaxed) {
            // SAFETY: the caller's contract.
            unsafe { dhat::Alloc.dealloc(address, layout) }
        } else {
            // SAFETY: the caller's contract.
            unsafe { self.memscope.dealloc(address, layout) }
        }
    }

    unsafe fn realloc(&self, address: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if self.dhat.load(Relaxed) {
            // SAFETY: the caller's contract.
            unsafe { dhat::Alloc.realloc(address, layout, new_size) }
        } else {
            // SAFETY: the caller's contract.
            unsafe { self.memscope.realloc(address, layout, new_size) }
        }
    }
}

#[inline(never)]
fn site_mixed_sizes(random: &mut Random) {
    for _ in 0..500 {
        black_box(vec![1_u8; random.size()]);
    }
}

#[inline(never)]
fn site_leaks() {
    for index in 0..40 {
        std::mem::forget(black_box(vec![1_u8; 100 + index]));
    }
}

#[inline(never)]
fn site_grows(rounds: u32) -> usize {
    let mut numbers = Vec::new();
    (0..rounds).for_each(|number| numbers.push(number));
    numbers.len()
}

#[inline(never)]
fn site_strings() -> usize {
    (0..200).map(|number| format!("{number} and {}", number * 7).len()).sum()
}

#[inline(never)]
fn site_zeroed() {
    black_box(vec![0_u8; 100_000]);
}

#[inline(never)]
fn site_tree() -> BTreeMap<u32, Box<[u8]>> {
    (0..300).map(|number| (number * 7 % 300, vec![1; 24].into_boxed_slice())).collect()
}

#[inline(never)]
fn shared(size: usize) -> Box<[u8]> {
    vec![1; size].into_boxed_slice()
}

#[inline(never)]
fn site_through_shared() {
    (0..30).for_each(|_| drop(black_box(shared(48))));
}

#[inline(never)]
fn site_through_shared_too() -> Vec<Box<[u8]>> {
    (0..20).map(|_| shared(64)).collect()
}

#[inline(never)]
fn program() {
    let mut random = Random(42);
    site_mixed_sizes(&mut random);
    site_leaks();
    black_box(site_grows(5_000) + site_grows(9) + site_strings());
    site_zeroed();
    site_through_shared();
    // What is live at the end belongs to its sites.
    std::mem::forget(site_through_shared_too());
    std::mem::forget(site_tree());
    let threads = [1, 2].map(|seed| std::thread::spawn(move || site_mixed_sizes(&mut Random(seed))));
    threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
    wait_until_alone();
}

/// Allocations, bytes, and the bytes live at the end.
type Figures = [u64; 3];

/// By chain of the program's functions, innermost first.
type Sites = BTreeMap<String, Figures>;

fn add<'a>(sites: &mut Sites, functions: impl Iterator<Item = &'a str>, figures: Figures) {
    let own = functions
        .filter(|function| function.starts_with("dhat_sites::") && !function.contains("dhat_sites::Either"));
    // Everything is called by `program` (or is a thread's); what stands outside differs by role.
    let chain: Vec<&str> = own.take_while(|function| *function != "dhat_sites::program").collect();
    let site = sites.entry(chain.join(" < ")).or_default();
    site.iter_mut().zip(figures).for_each(|(sum, figure)| *sum += figure);
}

fn run_under_dhat(folder: &Path) {
    EITHER.dhat.store(true, Relaxed);
    let _profiler =
        dhat::Profiler::builder().file_name(folder.join("dhat.json")).trim_backtraces(None).build();
    program();
}

fn run_under_memscope(folder: &Path) {
    let config = SamplingConfig { sample_rate: 1.0, min_allocation_size: 0, buffer_size: 4 << 20 };
    let mut session = Session::builder().output(folder).config(config).start().expect("a session");
    program();
    let result = session.finalize().expect("a result");
    assert_eq!((result.lost_samples, result.sampled_allocations), (0, result.total_allocations));
}

/// What dhat says: `pps` are program points, whose `fs` index the frames in `ftbl`.
fn sites_of_dhat(folder: &Path) -> Sites {
    let text = std::fs::read_to_string(folder.join("dhat.json")).expect("dhat's file");
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    // `0x5581: dhat_sites::shared (tests/dhat_sites.rs:12:3)`
    let function = |frame: &serde_json::Value| -> String {
        let text = json["ftbl"][frame.as_u64().expect("an index") as usize].as_str().expect("a frame");
        let name = text.split_once(": ").map_or(text, |(_, name)| name);
        name.rsplit_once(" (").map_or(name, |(name, _)| name).to_owned()
    };
    let mut sites = Sites::new();
    for point in json["pps"].as_array().expect("program points") {
        let functions: Vec<String> = point["fs"].as_array().expect("frames").iter().map(function).collect();
        let figures = ["tbk", "tb", "eb"].map(|key| point[key].as_u64().expect("a number"));
        add(&mut sites, functions.iter().map(String::as_str), figures);
    }
    sites
}

fn sites_of_memscope(folder: &Path) -> Sites {
    let profile = Profile::open(folder.join("trace.bin")).expect("a trace");
    let analysis = analyze(&profile, &symbolize(&profile, &SymbolizeOptions::default()));
    let mut sites = Sites::new();
    for site in &analysis.sites {
        let estimates = [site.allocations, site.allocated_bytes, site.live_bytes];
        assert!(estimates.iter().all(|estimate| estimate.low == estimate.high), "exact mode has no doubt");
        let functions = site.frames.iter().map(|frame| frame.function.as_str());
        add(&mut sites, functions, estimates.map(|estimate| estimate.value as u64));
    }
    sites
}

/// Without the test harness, whose own thread allocates beside what is compared.
fn main() {
    match (std::env::var(ROLE).as_deref(), std::env::var_os(FOLDER)) {
        (Ok("dhat"), Some(folder)) => return run_under_dhat(Path::new(&folder)),
        (Ok("memscope"), Some(folder)) => return run_under_memscope(Path::new(&folder)),
        _ => {}
    }
    let folder = tempfile::tempdir().expect("a folder");
    for role in ["dhat", "memscope"] {
        let itself = std::env::current_exe().expect("a path");
        let ran = Command::new(itself).env(ROLE, role).env(FOLDER, folder.path()).output().expect("it runs");
        assert!(ran.status.success(), "under {role}: {}", String::from_utf8_lossy(&ran.stderr));
    }
    let (mut dhat, mut memscope) = (sites_of_dhat(folder.path()), sites_of_memscope(folder.path()));
    let runtime = [dhat.remove(""), memscope.remove("")];
    println!("of the runtime, left out: allocations, bytes, live bytes {runtime:?}");
    assert!(dhat.len() >= 9, "sites: {:?}", dhat.keys());
    for site in dhat.keys().chain(memscope.keys()) {
        assert_eq!(memscope.get(site), dhat.get(site), "memscope (left) and dhat (right) at {site}");
    }
    for (site, [allocations, bytes, live_bytes]) in &dhat {
        println!("{site}: {allocations} allocations, {bytes} bytes, {live_bytes} live, by both");
    }
    println!("every_site_is_as_dhat_has_it: 1 passed, 0 failed");
}
