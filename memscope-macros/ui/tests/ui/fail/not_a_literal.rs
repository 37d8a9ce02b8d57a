const DIR: &str = "dir";

#[memscope::profile(output = DIR)]
fn constant() {}

#[memscope::profile(buffer_size = 4 * 1024)]
fn expression() {}

#[memscope::profile(name = concat!("a", "b"))]
fn call() {}

fn main() {
    let _ = DIR;
}
