//! One record of every kind, always the same: the golden trace. Its numbers sit on the edges of the encoding.

use memscope_trace::*;

/// In the order in which a session writes them.
pub(crate) fn every_kind() -> Vec<Record> {
    let mut records =
        vec![Record::Session(session()), Record::Interval(interval()), Record::Modules(modules())];
    records.extend([Record::Stacks(stacks()), Record::Sites(sites())]);
    records.extend([Record::Samples(samples()), Record::Frees(frees())]);
    records.extend([Record::Counters(counters(50_000)), Record::Threads(threads())]);
    records.push(Record::ThreadCounters(thread_counters()));
    records.extend([Record::Scopes(scopes()), Record::ScopeCounters(scope_counters())]);
    records.extend([Record::Resources(resources()), Record::Loss(loss(50_000))]);
    records.extend([Record::Symbols(symbols()), Record::End(end())]);
    // Kinds of later minor versions, in the order of their numbers.
    records.extend([Record::ScopeDetails(scope_details()), Record::ScopeFrees(scope_frees())]);
    records.push(Record::ScopeSizes(scope_sizes()));
    records.extend([Record::Tasks(tasks()), Record::TaskCounters(task_counters())]);
    records.extend([Record::SampleTasks(sample_tasks()), Record::TaskTotals(task_totals())]);
    records.push(Record::TaskEnds(task_ends()));
    records.extend([Record::MemoryParts(memory_parts()), Record::ResourceDetails(resource_details())]);
    records.extend([Record::ThreadTimes(thread_times()), Record::ScopePaths(scope_paths())]);
    records.push(Record::OwnMemory(own_memory()));
    records
}

fn session() -> Session {
    Session {
        memscope_version: "0.1.0".into(),
        name: "grüße \"\u{1F30D}\"".into(),
        executable: "/srv/app/bin/index server".into(),
        process_id: 4_194_304,
        started_unix_ns: 1_767_225_600_123_456_789,
        arch: "x86_64".into(),
        os: "linux".into(),
        cpus: 250,
        page_bytes: 4096,
        sample_rate: 0.01,
        min_allocation_size_bytes: 0,
        buffer_size_bytes: 65_536,
        unwinder: "framehop".into(),
    }
}

fn interval() -> Interval {
    Interval { id: 0, start_us: 0, interval_bytes: 524_288.0, credit_bytes: 5269.1 }
}

fn modules() -> Modules {
    let (start, bias) = (0x5555_5555_4000, 0x5555_5555_4000);
    let build_id = vec![0, 1, 250, 251, 252, 253, 254, 255];
    let app = Module { path: "/srv/app/bin/index".into(), build_id, start, end: start + 0x20_0000, bias };
    let vdso =
        Module { path: "linux-vdso.so.1".into(), start: u64::MAX - 4095, end: u64::MAX, ..Module::default() };
    Modules { modules: vec![app, vdso] }
}

fn stacks() -> Stacks {
    Stacks {
        first_frame: 1,
        addresses: vec![0x5555_5555_4100, 125, -126, i64::MIN],
        first_node: 1,
        parent_deltas: vec![1, 1, 2, 4, 1],
        frames: vec![1, 2, 3, 0, 4],
    }
}

fn sites() -> Sites {
    Sites {
        first_site: 0,
        stacks: vec![2, 3, 5, 0],
        sizes: vec![1, 250, 251, 1 << 32],
        old_sizes: vec![0, 0, 0, u64::MAX],
        scopes: vec![0, 1, 1, 2],
        kinds: vec![0, 1, 2, 3],
    }
}

fn samples() -> Samples {
    Samples {
        first_sample: 0,
        interval: 0,
        base_us: 65_535,
        delta_us: vec![0, 1, -1, 65_536, i64::MAX],
        threads: vec![1, 1, 2, u32::MAX, 1],
        sites: vec![0, 1, 2, 3, 0],
    }
}

fn frees() -> Frees {
    Frees { base_us: 70_000, delta_us: vec![0, 12], threads: vec![2, 0], sample_deltas: vec![3, -2] }
}

fn counters(time_us: u64) -> Counters {
    Counters {
        time_us,
        allocations: 251,
        allocated_bytes: 1 << 33,
        frees: 250,
        freed_bytes: u64::from(u32::MAX),
        peak_bytes: 1 << 32,
        peak_us: 49_999,
    }
}

fn threads() -> Threads {
    let main = Thread { id: 1, os_id: 4_194_304, name: "main".into(), start_us: 0 };
    let nameless = Thread { id: 2, os_id: u64::MAX, name: String::new(), start_us: 65_535 };
    Threads { threads: vec![main, nameless] }
}

fn thread_counters() -> ThreadCounters {
    ThreadCounters {
        time_us: 500_000,
        threads: vec![1, 2],
        allocations: vec![200, 51],
        allocated_bytes: vec![1 << 33, 65_536],
        frees: vec![0, 250],
        freed_bytes: vec![0, u64::from(u32::MAX)],
        ended: vec![0, 1],
    }
}

fn scopes() -> Scopes {
    let parse = Scope { id: 1, name: "index::parse".into(), file: "src/parse.rs".into(), line: 251 };
    let task = Scope { id: 2, name: "task <&\u{0}>".into(), file: String::new(), line: 0 };
    Scopes { scopes: vec![parse, task] }
}

fn scope_counters() -> ScopeCounters {
    ScopeCounters {
        time_us: 500_000,
        scopes: vec![1, 2],
        calls: vec![1000, 1],
        allocations: vec![250, 251],
        allocated_bytes: vec![65_535, 65_536],
        own_allocations: vec![0, 251],
        own_allocated_bytes: vec![0, 65_536],
    }
}

fn scope_details() -> ScopeDetails {
    ScopeDetails {
        time_us: 500_000,
        refused_names: 250,
        out_of_order: 0,
        scopes: vec![1, 2],
        parents: vec![0, 1],
        cancelled: vec![0, 251],
        polls: vec![1000, 65_536],
        busy_us: vec![999, 1],
        wall_us: vec![1_000_000, 1],
        most_bytes: vec![1 << 32, u64::MAX],
    }
}

fn scope_frees() -> ScopeFrees {
    ScopeFrees {
        time_us: 500_000,
        scopes: vec![1, 2],
        frees: vec![250, 251],
        freed_bytes: vec![65_535, 65_536],
        own_frees: vec![0, 251],
        own_freed_bytes: vec![0, 65_536],
    }
}

fn scope_paths() -> ScopePaths {
    ScopePaths {
        time_us: 500_000,
        refused: 251,
        paths: vec![1, 2, 250],
        above: vec![0, 1, 2],
        scopes: vec![1, 2, 2047],
        calls: vec![1000, 65_536, 0],
        cancelled: vec![0, 252, 0],
        polls: vec![1000, 65_536, 1],
        busy_us: vec![999, 1, 0],
        wall_us: vec![1_000_000, 1, 0],
        allocations: vec![u64::MAX, 250, 251],
        allocated_bytes: vec![1 << 40, 65_535, 65_536],
        own_allocations: vec![0, 250, 251],
        own_allocated_bytes: vec![0, 65_535, 65_536],
        frees: vec![250, 251, 0],
        freed_bytes: vec![65_535, 65_536, 0],
    }
}

fn scope_sizes() -> ScopeSizes {
    ScopeSizes {
        time_us: 500_000,
        scopes: vec![1, 1, 2],
        from_bytes: vec![0, 7 << 30, 320],
        calls: vec![250, 750, 1],
    }
}

fn resources() -> Resources {
    Resources {
        time_us: 100_000,
        rss_bytes: Some(12_582_912),
        cpu_user_us: Some(0),
        cpu_system_us: Some(250),
        threads: Some(2),
        minor_faults: Some(65_536),
        read_bytes: Some(u64::MAX),
        cgroup_limit_bytes: Some(1 << 32),
        ..Resources::default()
    }
}

fn loss(time_us: u64) -> Loss {
    Loss {
        time_us,
        buffer_full: 3,
        buffer_full_bytes: 65_536,
        table_full: 0,
        table_full_bytes: 0,
        stacks: 1,
        late_events: 252,
    }
}

fn symbols() -> Symbols {
    Symbols {
        address_deltas: vec![0x5555_5555_4100, 125, -126],
        name_indexes: vec![0, 1, 0],
        names: vec!["_ZN5index5parse17h0123456789abcdefE".into(), "main".into()],
    }
}

fn end() -> End {
    End {
        reason: EndReason::Finalized as u8,
        totals: counters(1_000_000),
        threads: 2,
        samples: 5,
        loss: loss(1_000_000),
        drain_cpu_us: 4_321,
        sampling_us: 99,
    }
}

fn tasks() -> Tasks {
    Tasks {
        texts: vec!["order".into(), "src/serve.rs".into(), String::new()],
        tasks: vec![1, 251],
        names: vec![0, 2],
        files: vec![1, 1],
        lines: vec![70, 65_536],
        scopes: vec![0, 2047],
        parents: vec![0, 1],
        started_us: vec![12, 4_000_000_000_000],
    }
}

fn task_counters() -> TaskCounters {
    TaskCounters {
        time_us: 60_000,
        tasks: vec![1, 251],
        polls: vec![1, 65_535],
        busy_us: vec![0, 251],
        allocations: vec![3, 0],
        allocated_bytes: vec![u64::MAX, 0],
        frees: vec![2, 1],
        freed_bytes: vec![4096, 250],
    }
}

fn sample_tasks() -> SampleTasks {
    SampleTasks { sample_deltas: vec![0, 2, 125], tasks: vec![1, 251, u32::MAX] }
}

fn task_totals() -> TaskTotals {
    TaskTotals { time_us: 60_000, started: 1_000_000, ended: 999_000, cancelled: 250, unnumbered: 0 }
}

fn task_ends() -> TaskEnds {
    TaskEnds {
        tasks: vec![1, 252],
        ends: vec![TaskEnd::Done as u8, TaskEnd::Panicked as u8],
        ended_us: vec![0, 5_000_000_000],
    }
}

fn memory_parts() -> MemoryParts {
    MemoryParts {
        time_us: 100_000,
        rss_bytes: Some(1 << 33),
        anonymous_bytes: Some(u64::MAX),
        swap_bytes: None,
        proportional_bytes: Some(0),
        stack_bytes: Some(250),
        stacks: 251,
        allocator: AllocatorKind::Jemalloc as u8,
        allocated_bytes: Some(65_535),
        active_bytes: Some(65_536),
        metadata_bytes: None,
        free_bytes: None,
        mapped_bytes: Some(1 << 32),
        resident_bytes: Some(1),
        retained_bytes: Some(2),
    }
}

fn resource_details() -> ResourceDetails {
    ResourceDetails {
        time_us: 100_000,
        open_files: Some(10),
        read_operations: Some(0),
        memory_some_stalled_us: Some(u64::MAX),
        cpu_throttled_us: Some(251),
        ..ResourceDetails::default()
    }
}

fn own_memory() -> OwnMemory {
    OwnMemory {
        time_us: 100_000,
        mapped_bytes: Some(65_536),
        shared_bytes: None,
        heap_bytes: Some(u64::MAX),
        stack_bytes: Some(0),
        module_bytes: Some(250),
    }
}

fn thread_times() -> ThreadTimes {
    ThreadTimes {
        time_us: 100_000,
        os_ids: vec![1, 4_194_304],
        cpu_us: vec![0, 1 << 40],
        wait_us: vec![0, 250],
        wait_known: vec![0, 1],
        names: vec![String::new(), "w\u{f6}rker".into()],
    }
}
