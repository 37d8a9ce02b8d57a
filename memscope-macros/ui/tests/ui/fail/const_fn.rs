#[memscope::profile]
const fn size() -> usize {
    1
}

#[memscope::profile]
pub const unsafe fn other() {}

const SIZE: usize = size();

fn main() {
    let _ = SIZE;
}
