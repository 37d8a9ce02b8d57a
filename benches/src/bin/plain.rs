//! A workload without memscope: `plain WORKLOAD COUNT`.

fn main() {
    let (name, count) = memscope_benches::arguments();
    memscope_benches::run(&name, count);
}
