//! What the expansion names is there in the real crate, for every shape of function.

#[memscope::profile]
fn nothing() {}

#[memscope::profile(
    output = "dir",
    sample_rate = 0.01,
    min_allocation_size = 1024,
    buffer_size = 1048576,
    name = "x"
)]
pub fn arguments(words: Vec<String>) -> impl Iterator<Item = String> {
    words.into_iter()
}

#[memscope::profile(crate = ::memscope::lockfree)]
pub fn from_the_compatible_module<T>(value: T) -> Result<T, std::fmt::Error> {
    Err(std::fmt::Error)?;
    Ok(value)
}

/// # Safety
/// `pointer` can be read from.
#[memscope::profile]
pub unsafe fn unsafe_function(pointer: *const u8) -> u8 {
    // SAFETY: the caller's promise.
    unsafe { *pointer }
}

/// # Safety
/// `pointer` can be read from.
#[memscope::profile]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn unsafe_extern_function(pointer: *const u8) -> u8 {
    // SAFETY: the caller's promise.
    unsafe { unsafe_function(pointer) }
}

struct Cache(Vec<u8>);

trait Size {
    #[memscope::profile]
    fn bytes(&self) -> usize {
        0
    }
}

impl Size for Cache {
    #[memscope::profile]
    fn bytes(&self) -> usize {
        self.0.len()
    }
}

#[memscope::profile]
pub async fn future(words: Vec<String>, (first, _): (String, u8)) -> Result<impl Iterator<Item = String>, std::fmt::Error> {
    if words.is_empty() {
        Err(std::fmt::Error)?;
    }
    std::future::ready(()).await;
    Ok(words.into_iter().chain([first]))
}

#[memscope::profile]
pub fn returned(text: &str) -> impl Future<Output = usize> + Send {
    async { text.len() }
}

#[memscope::profile]
pub fn boxed(text: &str) -> std::pin::Pin<Box<dyn Future<Output = usize> + Send + '_>> {
    Box::pin(async move { text.len() })
}

#[memscope::profile]
pub fn passed_on(text: &str) -> std::pin::Pin<Box<dyn Future<Output = usize> + Send + '_>> {
    boxed(text)
}

fn is_send(_: impl Send + Sync) {}

mod program {
    #[memscope::profile]
    #[tokio::main(flavor = "current_thread")]
    pub async fn main() {
        tokio::task::yield_now().await;
    }
}

fn main() {
    // Compiled, not run: it would open a session and write its trace here.
    let _functions: [fn(); 2] = [nothing, program::main];
    // Made, not polled.
    is_send(future(Vec::new(), (String::new(), 1)));
    is_send(returned("text"));
    drop(passed_on("text"));
    let _size: fn(&Cache) -> usize = Cache::bytes;
}
