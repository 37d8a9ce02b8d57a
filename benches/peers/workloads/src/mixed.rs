//! Sizes, ages and threads mixed: thirty threads with a thousand live allocations each, one free in ten on another thread.

use crate::random::Random;
use std::mem::replace;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

pub(crate) const THREADS: usize = 30;
const LIVE: usize = 1000;

/// Vectors that are handed over at once: a queue is looked at once for so many, so that the work is allocating and not talking.
const BATCH: usize = 64;

/// Each thread replaces vectors of 16 bytes to 8 KiB, log-uniform, at random places of its ring, `count` times.
pub(crate) fn mixed(count: usize) {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| sync_channel(16)).unzip();
    thread::scope(|scope| {
        for (index, receiver) in receivers.into_iter().enumerate() {
            let next = senders[(index + 1) % senders.len()].clone();
            scope.spawn(move || replace_in_ring(index as u64 + 1, count, &next, &receiver));
        }
        drop(senders);
    });
}

type Batch = Vec<Vec<u8>>;

fn replace_in_ring(seed: u64, count: usize, next: &SyncSender<Batch>, theirs: &Receiver<Batch>) {
    let mut random = Random::new(seed);
    let mut ring: Vec<Vec<u8>> = (0..LIVE).map(|_| Vec::new()).collect();
    let mut batch = Batch::with_capacity(BATCH);
    for round in 0..count {
        let bits = random.next_u64();
        let octave = 16_usize << (bits % 9);
        let size = octave + (bits >> 20) as usize % octave;
        let old = replace(&mut ring[(bits >> 40) as usize % LIVE], Vec::with_capacity(size));
        if round % 10 == 0 {
            batch.push(old);
        }
        if batch.len() == BATCH {
            // A full queue is no reason to wait: then they are freed here.
            let _ = next.try_send(replace(&mut batch, Batch::with_capacity(BATCH)));
            theirs.try_iter().for_each(drop);
        }
    }
}
