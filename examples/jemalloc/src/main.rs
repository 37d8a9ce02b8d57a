//! memscope over jemalloc: the allocator wrapped by hand, for a program that wants to see the static or to do
//! more to it.
//!
//! ```sh
//! cd examples/jemalloc && cargo run --release
//! ```
//! A pipeline over CSV: one thread writes orders in blocks of text, six parse and sort them, one groups them
//! by customer.

use memscope::{SamplingAllocator, SamplingConfig};
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOC: SamplingAllocator<Jemalloc> = SamplingAllocator::new(Jemalloc);

const OUTPUT: &str = "target/memscope-examples/jemalloc";
const BLOCKS: u32 = 120;
const ORDERS_PER_BLOCK: u32 = 5_000;

struct Order {
    customer: String,
    article: String,
    cents: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut session =
        memscope::comprehensive_profile_execution(OUTPUT, Some(SamplingConfig::high_precision()))?;

    let (text_in, text_out) = mpsc::sync_channel::<String>(8);
    let (orders_in, orders_out) = mpsc::sync_channel::<Vec<Order>>(8);
    let text_out = Mutex::new(text_out);
    let accounts = thread::scope(|scope| {
        scope.spawn(move || (0..BLOCKS).map(block).try_for_each(|block| text_in.send(block)));
        for _ in 0..6 {
            let (text_out, orders_in) = (&text_out, orders_in.clone());
            scope.spawn(move || {
                let next = || text_out.lock().unwrap_or_else(PoisonError::into_inner).recv().ok();
                std::iter::from_fn(next).try_for_each(|block| orders_in.send(parse(&block)))
            });
        }
        drop(orders_in);
        orders_out.into_iter().flatten().fold(BTreeMap::new(), book)
    });

    let analysis = session.finalize()?;
    let cents: u64 = accounts.values().flatten().map(|(_, cents)| cents).sum();
    println!("{} customers ordered for {}.{:02}\n\n{analysis}", accounts.len(), cents / 100, cents % 100);
    println!("\nDraw it: memscope-report {OUTPUT}/trace.bin");
    Ok(())
}

/// One block of orders as text: number, customer, article, cents.
fn block(block: u32) -> String {
    let mut text = String::new();
    for number in block * ORDERS_PER_BLOCK..(block + 1) * ORDERS_PER_BLOCK {
        let mixed = number.wrapping_mul(2_654_435_761);
        let (customer, article, cents) = (mixed % 9_973, mixed >> 20, mixed % 50_000);
        let line = writeln!(text, "{number};customer {customer:05};article {article:04};{cents}");
        line.expect("a string takes any line");
    }
    text
}

/// The orders of a block, by customer. Lines that are no orders are left out.
fn parse(text: &str) -> Vec<Order> {
    let order = |line: &str| {
        let fields: Vec<&str> = line.split(';').collect();
        let [_, customer, article, cents] = fields[..] else { return None };
        Some(Order { customer: customer.to_owned(), article: article.to_owned(), cents: cents.parse().ok()? })
    };
    let mut orders: Vec<Order> = text.lines().filter_map(order).collect();
    orders.sort_by(|a, b| a.customer.cmp(&b.customer));
    orders
}

type Accounts = BTreeMap<String, Vec<(String, u64)>>;

fn book(mut accounts: Accounts, order: Order) -> Accounts {
    accounts.entry(order.customer).or_default().push((order.article, order.cents));
    accounts
}
