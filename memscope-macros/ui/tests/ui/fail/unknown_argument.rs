#[memscope::profile(threads = 4)]
fn unlike_any() {}

#[memscope::profile(outptu = "dir")]
fn letters_swapped() {}

#[memscope::profile(sampling_rate = 0.1)]
fn nearly() {}

#[memscope::profile(buffer = 4096)]
fn a_part() {}

#[memscope::profile(output_dir = "dir")]
fn more_than_it_takes() {}

fn main() {}
