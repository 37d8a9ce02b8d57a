//! Above and below the attributes that make an `async fn` an ordinary function.

use memscope_ui_tests::{Droppable, double, entered, events};

#[double::profile(crate = double, name = "above", sample_rate = 0.5)]
#[tokio::main(flavor = "current_thread")]
async fn above_main(input: Droppable) -> Result<u32, std::num::ParseIntError> {
    let _local = Droppable("local");
    tokio::task::yield_now().await;
    let number: u32 = tokio::spawn(async { "1" }).await.unwrap_or("2").parse()?;
    Ok(input.value() + number)
}

#[tokio::main(flavor = "current_thread")]
#[double::profile(crate = double, name = "below")]
async fn below_main(input: Droppable) -> Result<u32, std::num::ParseIntError> {
    let _local = Droppable("local");
    tokio::task::yield_now().await;
    let number: u32 = tokio::spawn(async { "x" }).await.unwrap_or("2").parse()?;
    Ok(input.value() + number)
}

/// The guard goes around the runtime: it is entered once, however often the future is polled, and left last.
#[test]
fn around_main() {
    assert_eq!(above_main(Droppable("input")), Ok(8));
    assert_eq!(events(), ["enter", "local", "input", "leave"]);
    let function = entered()[0];
    assert_eq!((function.name, function.options.sample_rate), ("above", Some(0.5)));

    assert!(below_main(Droppable("input")).is_err());
    assert_eq!(events(), ["enter", "local", "input", "leave"]);
    assert_eq!(entered()[0].name, "below");
}

#[double::profile(crate = double)]
#[tokio::test]
async fn above_test() {
    tokio::task::yield_now().await;
    assert_eq!(events(), ["enter"]);
}

#[tokio::test]
#[double::profile(crate = double)]
async fn below_test() -> Result<(), std::num::ParseIntError> {
    tokio::task::yield_now().await;
    assert_eq!(events(), ["enter"]);
    "1".parse::<u32>().map(drop)
}
