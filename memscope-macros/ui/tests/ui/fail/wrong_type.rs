#[memscope::profile(output = 1)]
fn output() {}

#[memscope::profile(output = b"dir")]
fn output_bytes() {}

#[memscope::profile(sample_rate = "0.1")]
fn sample_rate() {}

#[memscope::profile(sample_rate = 0.1f32)]
fn sample_rate_suffix() {}

#[memscope::profile(min_allocation_size = 1.5)]
fn min_allocation_size() {}

#[memscope::profile(buffer_size = 4096u32)]
fn buffer_size() {}

#[memscope::profile(name = 'x')]
fn name() {}

#[memscope::profile(name = true)]
fn name_bool() {}

fn main() {}
