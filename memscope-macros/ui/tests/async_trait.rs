//! Below `#[async_trait]`, which makes an `async fn` of a trait a function that returns a boxed future.

use async_trait::async_trait;
use memscope_ui_tests::{Droppable, double, entered, events};

#[async_trait]
trait Store: Sync {
    async fn get(&self, key: &str) -> Result<usize, std::num::ParseIntError>;

    #[double::profile(crate = double)]
    async fn first_of(&self, keys: Vec<String>, _unused: Droppable) -> Option<usize>
    where
        Self: Sized,
    {
        for key in &keys {
            if let Ok(found) = self.get(key).await {
                return Some(found);
            }
        }
        None
    }
}

struct Numbers;

#[async_trait]
impl Store for Numbers {
    #[double::profile(crate = double, name = "get")]
    async fn get(&self, key: &str) -> Result<usize, std::num::ParseIntError> {
        tokio::task::yield_now().await;
        let number: usize = key.parse()?;
        Ok(number)
    }
}

#[async_trait(?Send)]
trait Local {
    async fn local(self, text: std::rc::Rc<str>) -> usize;
}

#[async_trait(?Send)]
impl Local for Numbers {
    #[double::profile(crate = double)]
    async fn local(self, text: std::rc::Rc<str>) -> usize {
        text.len()
    }
}

#[tokio::test]
async fn methods_of_an_async_trait() {
    let keys = vec!["x".to_owned(), "7".to_owned()];
    assert_eq!(Numbers.first_of(keys, Droppable("unused")).await, Some(7));
    let events = events();
    assert_eq!(events[..3], ["making", "made", "poll"]);
    let count = |event: &str| events.iter().filter(|found| **found == event).count();
    // Three polls of the outer one; each inner one is made once, and polled twice.
    assert_eq!((count("making"), count("poll"), count("end"), count("cancel")), (3, 7, 7, 0));
    // Dropped before the last poll has ended.
    assert_eq!(events[events.len() - 2..], ["unused", "end"]);
    assert_eq!(entered().iter().filter(|function| function.name == "get").count(), 2);
    assert_eq!(Numbers.local("four".into()).await, 4);
}
