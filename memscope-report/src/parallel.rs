//! Two things at once.

/// What both come to, the second worked out on another thread if one can be had.
pub(crate) fn in_parallel<A, B: Send>(first: impl FnOnce() -> A, second: impl Fn() -> B + Sync) -> (A, B) {
    std::thread::scope(|scope| {
        let other = std::thread::Builder::new().spawn_scoped(scope, &second);
        let one = first();
        let other = match other {
            Ok(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(_) => second(),
        };
        (one, other)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_are_worked_out() {
        let numbers = [1, 2, 3];
        let sum = || numbers.iter().sum::<i32>();
        assert_eq!(in_parallel(|| numbers.len(), sum), (3, 6));
    }
}
