#[memscope::profile(sample_rate = 0.0)]
fn never_sampled() {}

#[memscope::profile(sample_rate = 0)]
fn never_sampled_either() {}

#[memscope::profile(sample_rate = 1.5)]
fn more_than_certain() {}

#[memscope::profile(sample_rate = 5)]
fn percent() {}

#[memscope::profile(sample_rate = -0.5)]
fn negative_rate() {}

#[memscope::profile(sample_rate = 1e400)]
fn infinite() {}

#[memscope::profile(min_allocation_size = -1)]
fn negative_size() {}

#[memscope::profile(min_allocation_size = 18446744073709551616)]
fn more_than_there_is() {}

#[memscope::profile(buffer_size = 4095)]
fn too_small() {}

#[memscope::profile(buffer_size = 1_073_741_825)]
fn too_big() {}

#[memscope::profile(output = "")]
fn empty_folder() {}

#[memscope::profile(name = "  ")]
fn blank_name() {}

#[memscope::profile(overhead_budget = 0.0)]
fn no_share() {}

#[memscope::profile(overhead_budget = 0.005, sample_rate = 1.0)]
fn exact_within_a_budget() {}

fn main() {}
