//! Allocations of every shape, and stacks of every depth.

use crate::harness::{Effort, Outcome, Program, Scenario, anonymous_kib, number};
use crate::traces::{Trace, allocate_surely};
use memscope::{SamplingAllocator, SamplingConfig, Session, UnwinderChoice};
use std::alloc::{GlobalAlloc, Layout, alloc, alloc_zeroed, dealloc, realloc};
use std::hint::black_box;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario { rows: "31", name: "a_free_is_told_before_the_memory_goes", run: |_| told("handed-on", 0) },
    Scenario { rows: "26, 27", name: "zeroed_and_in_place", run: |_| told("resident", 0) },
    Scenario { rows: "28, 29, 30", name: "every_shape", run: |_| told("shapes", 0) },
    Scenario {
        rows: "44",
        name: "deep_stack",
        run: |effort| told("deep", effort.choose(100_000, 1_000_000)),
    },
    Scenario { rows: "43", name: "no_cfi_no_frame_pointer", run: no_cfi },
];

pub(crate) const CHILDREN: &[(&str, fn())] = &[
    ("handed-on", handed_on),
    ("resident", resident),
    ("shapes", shapes),
    ("deep", deep),
    ("no-cfi", no_cfi_child),
];

const EXACT: SamplingConfig =
    SamplingConfig { sample_rate: 1.0, min_allocation_size: 0, buffer_size: 4 << 20 };

fn told(child: &str, amount: u64) -> Outcome {
    let ended = Program::new(child).argument(amount).run();
    let figures = ended.expect_success().to_owned();
    assert_eq!(ended.own_stderr(), "", "no noise");
    let trace = Trace::open(&ended.trace());
    assert!(trace.stats.is_clean() && trace.end.is_some(), "{:?}", trace.stats);
    Outcome::Passed(figures)
}

/// An allocator that hands freed memory on before it returns: to another thread, which has it allocated meanwhile.
struct HandsOn {
    memory: AtomicPtr<u8>,
    stage: AtomicU32,
}

const AT_REST: u32 = 0;
const FREED: u32 = 1;
const TAKEN: u32 = 2;

impl HandsOn {
    fn wait_for(&self, stage: u32) {
        while self.stage.load(Ordering::Acquire) != stage {
            std::thread::yield_now();
        }
    }
}

// SAFETY: hands out one piece of memory, to one thread at a time: the test's threads keep to it.
unsafe impl GlobalAlloc for HandsOn {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        self.memory.load(Ordering::Relaxed)
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {
        if self.stage.load(Ordering::Relaxed) == AT_REST {
            self.stage.store(FREED, Ordering::Release);
            self.wait_for(TAKEN);
        }
    }
}

/// While memory is on its way back, another thread gets it: the free is that of the first allocation, not of the second.
fn handed_on() {
    static ALLOCATOR: SamplingAllocator<HandsOn> = SamplingAllocator::new(HandsOn {
        memory: AtomicPtr::new(std::ptr::null_mut()),
        stage: AtomicU32::new(AT_REST),
    });
    let mut session = Session::builder().output("out").config(EXACT).start().expect("a session");
    let mut memory = vec![0_u8; 4096];
    let inner = ALLOCATOR.inner();
    inner.memory.store(memory.as_mut_ptr(), Ordering::Relaxed);
    let layout = |size| Layout::from_size_align(size, 16).expect("a layout");
    let (first, second) = (layout(1111), layout(2222));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // SAFETY: the sizes are not 0.
            let address = unsafe { ALLOCATOR.alloc(first) };
            // SAFETY: allocated just now with that layout.
            unsafe { ALLOCATOR.dealloc(address, first) };
        });
        scope.spawn(|| {
            inner.wait_for(FREED);
            // SAFETY: as above; it is never freed.
            black_box(unsafe { ALLOCATOR.alloc(second) });
            inner.stage.store(TAKEN, Ordering::Release);
        });
    });
    session.finalize().expect("a result");
    let trace = Trace::open("out/trace.bin".as_ref());
    let of = |size| trace.sizes.get(&size).map(|of_size| (of_size.times_us.len(), of_size.freed));
    assert_eq!((of(1111), of(2222)), (Some((1, 1)), Some((1, 0))), "the first is freed, the second lives");
    println!("an address handed on while it was freed: the free is the first allocation's");
}

/// Far below the GiB, far above what the session's own threads touch meanwhile.
const UNTOUCHED_KIB: u64 = 16 << 10;

/// Zeroed memory is not touched, and what can grow in place does.
fn resident() {
    let mut session = Session::builder().output("out").config(EXACT).start().expect("a session");
    let before = anonymous_kib();
    let zeroed = black_box(vec![0_u8; 1 << 30]);
    let grew = anonymous_kib().saturating_sub(before);
    assert!(grew < UNTOUCHED_KIB, "{grew} KiB for a zeroed GiB");
    drop(zeroed);
    let mut growing: Vec<u8> = Vec::with_capacity(512 << 20);
    growing.push(1);
    let before = anonymous_kib();
    growing.reserve_exact((1 << 30) - 1);
    black_box(&mut growing);
    let copied = anonymous_kib().saturating_sub(before);
    assert!(copied < UNTOUCHED_KIB, "{copied} KiB touched to grow from 512 MiB to 1 GiB");
    drop(growing);
    let result = session.finalize().expect("a result");
    println!(
        "{grew} KiB for a zeroed GiB, {copied} KiB to grow from 512 MiB to 1 GiB; {result}",
        result = result.total_bytes
    );
}

/// Every alignment up to a MiB, sizes from 1 to the largest, every way to reallocate: what is written stays, what is refused is
/// refused, and the totals are exact.
fn shapes() {
    let mut session = Session::builder().output("out").config(EXACT).start().expect("a session");
    let mut blocks = 0;
    for align_bits in 0..=20 {
        for size in [1_usize, 7, 8, 15, 16, 17, 255, 4096, 65_536, (1 << 20) + 1] {
            for zeroed in [false, true] {
                shape(Layout::from_size_align(size, 1 << align_bits).expect("a layout"), zeroed);
                blocks += 1;
            }
        }
    }
    // Of no size: never reaches an allocator, whatever is done with it.
    let nothing: Vec<Box<()>> = (0..1000).map(|_| Box::new(())).collect();
    black_box((nothing, Vec::<[u64; 0]>::with_capacity(1000), Vec::<u8>::new(), String::new()));
    // SAFETY: layouts are not of zero size; what is refused is null.
    unsafe {
        let largest = Layout::from_size_align(isize::MAX as usize, 1).expect("a layout");
        let huge = Layout::from_size_align(1 << 46, 4096).expect("a layout");
        for layout in [largest, huge] {
            // An optimiser leaves out an allocation that nobody looks into, and takes it for granted.
            assert!(black_box(alloc(layout)).is_null() && black_box(alloc_zeroed(layout)).is_null());
            let small = Layout::from_size_align(100, layout.align()).expect("a layout");
            let address = alloc(small);
            address.write_bytes(7, 100);
            assert!(black_box(realloc(address, small, layout.size())).is_null());
            assert!(std::slice::from_raw_parts(address, 100).iter().all(|&byte| byte == 7), "still there");
            dealloc(address, small);
        }
        // A TiB of address space, where the system gives it.
        let tebibyte = Layout::from_size_align(1 << 40, 4096).expect("a layout");
        let address = alloc(tebibyte);
        if !address.is_null() {
            address.write(1);
            address.add((1 << 40) - 1).write(1);
            dealloc(address, tebibyte);
        }
    }
    let result = session.finalize().expect("a result");
    let trace = Trace::open("out/trace.bin".as_ref());
    let end = trace.end.expect("an end");
    assert_eq!(result.sampled_allocations + result.lost_samples, result.total_allocations, "{result}");
    let leaked = trace.sizes.iter().find(|(_, size)| size.freed != size.times_us.len());
    assert!(leaked.is_none(), "false leak: {leaked:?}");
    assert!(result.resource_efficiency.is_finite() && result.peak_memory_mb.is_finite());
    assert_eq!(
        (end.totals.allocations, end.totals.allocated_bytes),
        (result.total_allocations, result.total_bytes)
    );
    println!("{blocks} shapes; {} allocations, all recorded and freed", result.total_allocations);
}

fn shape(layout: Layout, zeroed: bool) {
    // SAFETY: the layout is not of zero size; the block is reallocated and freed with the layout that it has.
    unsafe {
        let mut address = if zeroed { alloc_zeroed(layout) } else { alloc(layout) };
        assert!(!address.is_null() && (address as usize).is_multiple_of(layout.align()));
        if zeroed {
            assert!(std::slice::from_raw_parts(address, layout.size()).iter().all(|&byte| byte == 0));
        }
        address.write_bytes(0xA5, layout.size());
        let mut layout = layout;
        // Larger, the same, smaller, much larger, and down to nearly nothing.
        for new_size in [layout.size() * 2, layout.size() * 2, layout.size(), layout.size() * 5 + 100, 1] {
            let kept = layout.size().min(new_size);
            address = realloc(address, layout, new_size);
            assert!(!address.is_null() && (address as usize).is_multiple_of(layout.align()));
            assert!(std::slice::from_raw_parts(address, kept).iter().all(|&byte| byte == 0xA5));
            address.write_bytes(0xA5, new_size);
            layout = Layout::from_size_align(new_size, layout.align()).expect("a layout");
        }
        dealloc(address, layout);
    }
}

/// Stacks much deeper than what a sample holds, with each unwinder.
fn deep() {
    let depth = number(0);
    let mut figures = String::new();
    for (name, choice) in [
        ("frame pointers", UnwinderChoice::FramePointers),
        ("framehop", UnwinderChoice::Framehop),
        ("auto", UnwinderChoice::Auto),
    ] {
        let builder = Session::builder().output("out").config(EXACT).unwinder(choice);
        let mut session = builder.start().expect("a session");
        let body = move || descend(depth);
        let thread = std::thread::Builder::new().stack_size(depth as usize * 700 + (1 << 20)).spawn(body);
        assert_eq!(thread.expect("a thread").join().expect("no panic"), depth);
        let result = session.finalize().expect("a result");
        let trace = Trace::open("out/trace.bin".as_ref());
        assert_eq!(trace.sure(9).times_us.len(), 1, "{name}: {result}");
        let profile = crate::traces::profile("out/trace.bin".as_ref());
        assert!(profile.read.is_clean());
        figures = format!("{depth} frames, with each unwinder");
        if name != "auto" {
            std::fs::remove_dir_all("out").expect("it was there");
        }
    }
    println!("{figures}");
}

#[inline(never)]
fn descend(depth: u64) -> u64 {
    if depth == 0 {
        allocate_surely(9);
        return 0;
    }
    if depth.is_multiple_of(1000) {
        drop(black_box(vec![depth; 10]));
    }
    black_box(descend(black_box(depth - 1))) + 1
}

/// A frame that no table describes and that uses the frame pointer for something else: the walk ends there, without a fault.
fn no_cfi(_: Effort) -> Outcome {
    if cfg!(target_arch = "x86_64") {
        told("no-cfi", 0)
    } else {
        Outcome::Skipped("the frame is written in x86-64 assembly".into())
    }
}

#[cfg(target_arch = "x86_64")]
mod assembly {
    // Without .cfi directives, as what a just-in-time compiler makes.
    core::arch::global_asm!(
        ".text",
        ".globl memscope_faults_no_cfi",
        "memscope_faults_no_cfi:",
        "push rbp",
        "push rbx",
        "sub rsp, 1032",
        "mov rbp, rsi",
        "call rdi",
        "add rsp, 1032",
        "pop rbx",
        "pop rbp",
        "ret",
    );
    unsafe extern "C" {
        pub(super) fn memscope_faults_no_cfi(function: extern "C" fn(), frame_pointer: usize);
    }
}

#[cfg(target_arch = "x86_64")]
fn no_cfi_child() {
    extern "C" fn called() {
        allocate_surely(4);
    }
    let mut count = 0;
    for choice in [UnwinderChoice::FramePointers, UnwinderChoice::Framehop, UnwinderChoice::Auto] {
        let builder = Session::builder().output("out").config(EXACT).unwinder(choice);
        let mut session = builder.start().expect("a session");
        let here = 0_usize;
        let near = &raw const here as usize;
        // Frame pointers to nowhere, to the guard page, downwards, unaligned, in a circle, into code and the heap.
        let heap = Box::new([0_usize; 4]);
        let frame_pointers = [
            0,
            1,
            usize::MAX,
            near,
            near + 3,
            near - 4096,
            near & !15,
            no_cfi_child as *const () as usize,
            heap.as_ptr() as usize,
        ];
        for frame_pointer in frame_pointers {
            // SAFETY: the function keeps the registers that it must, and calls what it is given.
            unsafe { assembly::memscope_faults_no_cfi(called, frame_pointer) };
            count += 1;
        }
        session.finalize().expect("a result");
        assert_eq!(Trace::open("out/trace.bin".as_ref()).sure(4).times_us.len(), frame_pointers.len());
        if choice != UnwinderChoice::Auto {
            std::fs::remove_dir_all("out").expect("it was there");
        }
    }
    println!("{count} walks over a frame without tables, none faults");
}

#[cfg(not(target_arch = "x86_64"))]
fn no_cfi_child() {}
