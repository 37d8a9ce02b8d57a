#[memscope::profile(output = "a", sample_rate = 0.1, output = "b")]
fn twice() {}

fn main() {}
