// Each is reported, that of the item too, and the functions can still be called.
#[memscope::profile(sample_rate = 2.0, name = "", outputs = "dir", buffer_size = "1 MiB")]
fn many() -> u32 {
    1
}

#[memscope::profile(sample_rate = 2.0)]
const fn in_both_places() {}

#[memscope::profile(sample_rate = 2.0)]
#[tokio::main(flavor = "current_thread")]
async fn above_the_runtime() {}

#[tokio::main(flavor = "current_thread")]
#[memscope::profile(sample_rate = 2.0)]
async fn below_the_runtime() {}

fn main() {
    many();
    drop(in_both_places());
    above_the_runtime();
    below_the_runtime();
}
