trait Store {
    #[memscope::profile]
    fn get(&self) -> u32;

    #[memscope::profile]
    const SIZE: usize;
}

unsafe extern "C" {
    #[memscope::profile]
    safe fn abs(number: i32) -> i32;
}

fn main() {
    abs(1);
}
