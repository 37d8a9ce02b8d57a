//! A bounded queue with many senders and many receivers.
//!
//! A pool of workers wants one queue that all of them take from, and `std::sync::mpsc` has one receiver. It
//! also allocates when a thread has to wait, so that two runs of the same work would not make the same number
//! of allocations. This queue makes all its allocations in [`bounded`].

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Makes a queue of at most `capacity` items. It is closed by the last [`Sender`] that goes, and abandoned by
/// the last [`Receiver`].
#[must_use]
pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let state = State { items: VecDeque::with_capacity(capacity), senders: 1, receivers: 1 };
    let shared = Arc::new(Shared {
        capacity,
        state: Mutex::new(state),
        filled: Condvar::new(),
        emptied: Condvar::new(),
    });
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

/// The end that items go in at.
pub struct Sender<T>(Arc<Shared<T>>);

/// The end that items come out of: an iterator that ends when the queue is closed and empty.
pub struct Receiver<T>(Arc<Shared<T>>);

struct Shared<T> {
    capacity: usize,
    state: Mutex<State<T>>,
    filled: Condvar,
    emptied: Condvar,
}

struct State<T> {
    items: VecDeque<T>,
    senders: usize,
    receivers: usize,
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Sender<T> {
    /// Puts `item` in, after waiting for room. An item that nobody is left to receive is dropped.
    pub fn send(&self, item: T) {
        let mut state = self.0.lock();
        while state.items.len() == self.0.capacity && state.receivers > 0 {
            state = self.0.emptied.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.receivers > 0 {
            state.items.push_back(item);
            self.0.filled.notify_one();
        }
    }
}

impl<T> Iterator for Receiver<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let mut state = self.0.lock();
        while state.items.is_empty() && state.senders > 0 {
            state = self.0.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let item = state.items.pop_front()?;
        self.0.emptied.notify_one();
        Some(item)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.lock().senders += 1;
        Self(Arc::clone(&self.0))
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.0.lock().receivers += 1;
        Self(Arc::clone(&self.0))
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.senders -= 1;
        if state.senders == 0 {
            self.0.filled.notify_all();
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.receivers -= 1;
        if state.receivers == 0 {
            self.0.emptied.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::bounded;
    use std::thread;

    #[test]
    fn every_item_arrives_once() {
        let (sender, receiver) = bounded(3);
        let sum: u64 = thread::scope(|scope| {
            let takers: Vec<_> = (0..4)
                .map(|_| receiver.clone())
                .map(|receiver| scope.spawn(move || receiver.sum::<u64>()))
                .collect();
            for half in [0..500, 500..1_000] {
                let sender = sender.clone();
                scope.spawn(move || half.for_each(|item| sender.send(item)));
            }
            drop((sender, receiver));
            takers.into_iter().map(|taker| taker.join().expect("a taker does not panic")).sum()
        });
        assert_eq!(sum, (0..1_000).sum::<u64>());
    }

    #[test]
    fn a_queue_that_nobody_receives_from_takes_no_sender_hostage() {
        let (sender, receiver) = bounded(1);
        drop(receiver);
        sender.send(1);
        sender.send(2);
    }
}
