//! What memscope costs with many threads: memory for each thread, and whether instructions stay the same.
//!
//! ```sh
//! threads                # memory: 30, 100 and 500 threads at the presets, 10,000 threads at the default
//! threads instructions   # under valgrind: 1 to 512 threads
//! ```
//! Each figure comes from processes of their own: this program starts itself.

mod instructions;
mod memory;
mod one;

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        [] => memory::print_table(),
        ["instructions"] => instructions::print_table(),
        ["one", work, session, threads, count] => one::run(work, session, threads.parse()?, count.parse()?),
        _ => Err("expected no argument, or `instructions`".into()),
    }
}
