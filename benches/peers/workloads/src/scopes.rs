//! Tasks of known footprint on an executor: 4 workers, and functions that a profiler may be told to watch.
//!
//! The functions are written once, as a macro, because what marks them differs: nothing in the plain program, the profiler's attribute
//! in the other.

/// Defines `scopes(count)` out of functions that carry `$attribute`.
///
/// A task parses (64 strings of 100 bytes), waits for its turn, indexes (one vector of 16 KiB) and answers (one string of 1 KiB).
#[macro_export]
macro_rules! define_scopes {
    ($(#[$attribute:meta])*) => {
        /// `count` tasks on 4 workers.
        pub(crate) fn scopes(count: usize) {
            let runtime = $crate::tokio::runtime::Builder::new_multi_thread()
                .worker_threads(4)
                .build()
                .expect("the operating system gives threads");
            runtime.block_on(async move {
                let tasks: Vec<_> = (0..count).map(|task| $crate::tokio::spawn(handle(task))).collect();
                for task in tasks {
                    task.await.expect("a task ends by itself");
                }
            });
        }

        async fn handle(task: usize) -> usize {
            let words = parse(task);
            $crate::tokio::task::yield_now().await;
            let index = index(&words);
            $crate::tokio::task::yield_now().await;
            answer(&index)
        }

        $(#[$attribute])*
        fn parse(task: usize) -> Vec<String> {
            (0..64).map(|word| std::hint::black_box(format!("{word:050}{task:050}"))).collect()
        }

        $(#[$attribute])*
        fn index(words: &[String]) -> Vec<usize> {
            let mut index = vec![0; 2048];
            for word in words {
                let place = word.bytes().map(usize::from).sum::<usize>() % index.len();
                index[place] += 1;
            }
            std::hint::black_box(index)
        }

        $(#[$attribute])*
        fn answer(index: &[usize]) -> usize {
            let mut text = String::with_capacity(1024);
            text.extend(index.iter().take(1024).map(|count| if *count == 0 { '.' } else { '#' }));
            std::hint::black_box(text).len()
        }
    };
}

pub(crate) mod plain {
    //! The functions without a profiler's attribute.
    define_scopes!();
}
