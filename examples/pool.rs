//! Forty named threads share eight connections to a small database: a session from the builder.
//!
//! ```sh
//! cargo run --release --example pool
//! ```
//! Each connection keeps every statement that it has prepared: that is the call site to look for.

use memscope::{SamplingConfig, Session};
use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::sync::{Condvar, Mutex, PoisonError};
use std::{io, thread};

const OUTPUT: &str = "target/memscope-examples/pool";
const ROWS: u32 = 20_000;

fn main() -> Result<(), Box<dyn Error>> {
    let config = SamplingConfig { sample_rate: 0.05, min_allocation_size: 32, buffer_size: 512 * 1024 };
    let mut session = Session::builder().output(OUTPUT).config(config).start()?;

    let table = &(0..ROWS).map(|id| (id, format!("customer {id} of {ROWS}"))).collect::<BTreeMap<_, _>>();
    let pool = &Pool::new(8);
    let found = thread::scope(|scope| {
        let mut clients = Vec::new();
        for number in 0..40 {
            let work = move || ask(pool, table, number);
            clients.push(thread::Builder::new().name(format!("client-{number}")).spawn_scoped(scope, work)?);
        }
        let found = clients.into_iter().map(|client| client.join().expect("a client does not panic"));
        Ok::<usize, io::Error>(found.sum())
    })?;

    let analysis = session.finalize()?;
    println!("the clients found {found} rows\n\n{analysis}");
    println!("\nDraw it: memscope-report {OUTPUT}/trace.bin");
    Ok(())
}

/// One client's 250 queries. Returns how many rows they found.
fn ask(pool: &Pool, table: &BTreeMap<u32, String>, client: u32) -> usize {
    (0..250).map(|step| pool.with(|connection| connection.query(table, client * 37 + step * 11))).sum()
}

/// Connections, lent to one client at a time.
struct Pool {
    idle: Mutex<Vec<Connection>>,
    returned: Condvar,
}

impl Pool {
    fn new(connections: usize) -> Self {
        let idle = (0..connections).map(|_| Connection::default()).collect();
        Self { idle: Mutex::new(idle), returned: Condvar::new() }
    }

    fn with<T>(&self, work: impl FnOnce(&mut Connection) -> T) -> T {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = self.returned.wait_while(idle, |idle| idle.is_empty());
        let lent = wait.unwrap_or_else(PoisonError::into_inner).pop();
        let mut connection = lent.unwrap_or_default();
        let result = work(&mut connection);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        self.returned.notify_one();
        result
    }
}

#[derive(Default)]
struct Connection {
    prepared: HashMap<String, Vec<String>>,
}

impl Connection {
    /// Prepares the statement if it is new, runs it, and gives the number of rows that were found.
    fn query(&mut self, table: &BTreeMap<u32, String>, from: u32) -> usize {
        let statement = format!("select name from customer where id between {from} and {}", from + 80);
        self.prepared
            .entry(statement)
            .or_insert_with_key(|text| text.split(' ').map(str::to_uppercase).collect());
        let rows = table.range(from..from + 80).map(|(id, name)| format!("{id}\t{name}"));
        rows.collect::<Vec<_>>().join("\n").lines().count()
    }
}
