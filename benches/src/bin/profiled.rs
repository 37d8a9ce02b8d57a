//! The same workload under a session with the default configuration: `profiled WORKLOAD COUNT`; `profiled-off` likewise, with
//! memscope's allocator but no session, where `MEMSCOPE=off` is set.

fn main() {
    let (name, count) = memscope_benches::arguments();
    profiled(&name, count);
}

#[memscope::profile(output = "target/memscope-benches")]
fn profiled(name: &str, count: usize) {
    memscope_benches::run(name, count);
}
