//! Sizes, ages and threads mixed: thirty threads with a thousand live allocations each, one free in ten on another thread.

use crate::random::Random;
use std::mem::replace;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

pub(crate) const THREADS: usize = 30;
const LIVE: usize = 1000;

/// Each thread replaces vectors of 16 bytes to 8 KiB, log-uniform, at random places of its ring, `count` times.
pub(crate) fn mixed(count: usize) {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| sync_channel(256)).unzip();
    thread::scope(|scope| {
        for (index, receiver) in receivers.into_iter().enumerate() {
            let next = senders[(index + 1) % senders.len()].clone();
            scope.spawn(move || replace_in_ring(index as u64 + 1, count, &next, &receiver));
        }
        drop(senders);
    });
}

fn replace_in_ring(seed: u64, count: usize, next: &SyncSender<Vec<u8>>, theirs: &Receiver<Vec<u8>>) {
    let mut random = Random::new(seed);
    let mut ring: Vec<Vec<u8>> = (0..LIVE).map(|_| Vec::new()).collect();
    for round in 0..count {
        let bits = random.next_u64();
        let octave = 16_usize << (bits % 9);
        let size = octave + (bits >> 20) as usize % octave;
        let old = replace(&mut ring[(bits >> 40) as usize % LIVE], Vec::with_capacity(size));
        if round % 10 == 0 {
            // A full queue is no reason to wait: then it is freed here.
            let _ = next.try_send(old);
        }
        while let Ok(vector) = theirs.try_recv() {
            drop(vector);
        }
    }
}
