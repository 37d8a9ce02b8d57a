#[memscope::profile("dir")]
fn no_key() {}

#[memscope::profile(output)]
fn no_value() {}

#[memscope::profile(output = )]
fn nothing_behind_the_sign() {}

#[memscope::profile(output("dir"))]
fn in_parentheses() {}

#[memscope::profile(sample_rate: 0.1)]
fn another_sign() {}

#[memscope::profile(sample_rate = 0.1 buffer_size = 4096)]
fn no_comma() {}

#[memscope::profile(output = "dir",, sample_rate = 0.1)]
fn two_commas() {}

fn main() {}
