//! Only this package is compiled with `--cfg loom`: the files that it shares with memscope ask for it.

fn main() {
    println!("cargo::rustc-cfg=loom");
    println!("cargo::rerun-if-changed=build.rs");
}
