#[memscope::profile(crate = 1)]
fn number() {}

#[memscope::profile(crate = "")]
fn empty() {}

#[memscope::profile(crate = "memscope-rs")]
fn package_name() {}

#[memscope::profile(crate = memscope_rs<u8>)]
fn generic() {}

fn main() {}
