//! A pipeline of channels and workers: which stage allocates, which frees what another allocated, which waits.
//!
//! ```sh
//! cargo run --release --example pipeline
//! ```
//! Lines go from a reader to four parsers to a writer. A scope's frees are those that it makes, whoever allocated: the writer frees what the parsers have
//! made, and one stage keeps more than it frees.

mod findings;

use memscope::FutureExt;
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use tokio::sync::{Mutex, mpsc};

const OUTPUT: &str = "target/memscope-examples/pipeline";
const LINES: usize = 20_000;
const PARSERS: usize = 4;

type Fields = Vec<String>;

fn main() -> Result<(), Box<dyn Error>> {
    let mut session = memscope::comprehensive_profile_execution(OUTPUT, None)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build()?;
    let index = runtime.block_on(run())?;
    drop(runtime);
    session.finalize()?;
    println!("the index has {} words\n", index.len());
    findings::print(&format!("{OUTPUT}/trace.bin"), |_| true)?;
    Ok(())
}

async fn run() -> Result<BTreeMap<String, Vec<usize>>, Box<dyn Error>> {
    let (lines, to_parse) = mpsc::channel(64);
    let (parsed, to_write) = mpsc::channel(64);
    let to_parse = Arc::new(Mutex::new(to_parse));
    let reader = tokio::spawn(read(lines));
    // Workers from one function need no attribute: a name will do.
    let parser = |_| tokio::spawn(parse(Arc::clone(&to_parse), parsed.clone()).in_scope("parse"));
    let parsers: Vec<_> = (0..PARSERS).map(parser).collect();
    drop(parsed);
    let index = write(to_write).await;
    reader.await?;
    for parser in parsers {
        parser.await?;
    }
    Ok(index)
}

#[memscope::profile(name = "read")]
async fn read(lines: mpsc::Sender<(usize, String)>) {
    for number in 0..LINES {
        let line = format!("{number},word{},{}", number % 500, "x".repeat(number % 100));
        if lines.send((number, line)).await.is_err() {
            return;
        }
    }
}

async fn parse(lines: Arc<Mutex<mpsc::Receiver<(usize, String)>>>, parsed: mpsc::Sender<(usize, Fields)>) {
    loop {
        let next = lines.lock().await.recv().await;
        let Some((number, line)) = next else { return };
        let fields = line.split(',').map(str::to_owned).collect();
        if parsed.send((number, fields)).await.is_err() {
            return;
        }
    }
}

/// Keeps the line numbers of each word: memory that stays.
#[memscope::profile(name = "write")]
async fn write(mut parsed: mpsc::Receiver<(usize, Fields)>) -> BTreeMap<String, Vec<usize>> {
    let mut index: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    while let Some((number, mut fields)) = parsed.recv().await {
        index.entry(fields.swap_remove(1)).or_default().push(number);
    }
    index
}
