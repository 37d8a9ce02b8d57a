//! What the runtime is told about a function: its name, its place, and the attribute's arguments.

use memscope_ui_tests::double::__private::{Function, Options};
use memscope_ui_tests::{double, entered};

const NOTHING: Options = Options {
    output: None,
    sample_rate: None,
    min_allocation_size: None,
    buffer_size: None,
    overhead_budget: None,
};

/// Takes the one function that the thread entered.
#[track_caller]
fn the_entered() -> Function {
    let entered = entered();
    assert_eq!(entered.len(), 1, "{entered:?}");
    entered[0]
}

mod inner {
    use super::double;

    pub(crate) const LINE_OF_PLAIN: u32 = line!() + 4;
    /// The line is the function's, not that of the attribute above this comment.
    #[double::profile(crate = super::double)]
    #[inline]
    pub(crate) fn plain() {}

    #[double::profile(crate = super::double)]
    pub(crate) fn r#loop() {}
}

#[test]
fn name_and_place() {
    inner::plain();
    let function = the_entered();
    assert_eq!(function.name, "handover::inner::plain");
    assert_eq!(function.file, file!());
    assert_eq!(function.line, inner::LINE_OF_PLAIN);
    assert_eq!(function.options, NOTHING);
    inner::r#loop();
    assert_eq!(the_entered().name, "handover::inner::loop");
}

#[double::profile(
    crate = double,
    output = "./Memory Analysis",
    sample_rate = 0.25,
    min_allocation_size = 1_024,
    buffer_size = 0x10_0000usize,
    overhead_budget = 0.02,
    name = "load the \"rows\"",
)]
fn everything() {}

#[test]
fn every_argument() {
    everything();
    let function = the_entered();
    assert_eq!(function.name, "load the \"rows\"");
    assert_eq!(
        function.options,
        Options {
            output: Some("./Memory Analysis"),
            sample_rate: Some(0.25),
            min_allocation_size: Some(1024),
            buffer_size: Some(1 << 20),
            overhead_budget: Some(0.02),
        }
    );
}

/// The bounds of each range belong to it.
#[test]
fn the_ends_of_the_ranges() {
    #[double::profile(crate = double, sample_rate = 1, min_allocation_size = 0, buffer_size = 4096)]
    fn least() {}
    #[double::profile(crate = double, overhead_budget = 1, buffer_size = 1_073_741_824)]
    fn most() {}
    least();
    let options = the_entered().options;
    assert_eq!(
        options,
        Options {
            output: None,
            sample_rate: Some(1.0),
            min_allocation_size: Some(0),
            buffer_size: Some(4096),
            overhead_budget: None,
        }
    );
    most();
    assert_eq!(
        the_entered().options,
        Options { overhead_budget: Some(1.0), buffer_size: Some(1 << 30), ..NOTHING }
    );
}

/// The crate may be named by a path or by a string that holds one, from the root or not.
#[test]
fn the_crate_by_any_path() {
    #[double::profile(crate = ::memscope_ui_tests::double)]
    fn from_the_root() {}
    #[double::profile(crate = "memscope_ui_tests::double")]
    fn in_a_string() {}
    #[double::profile(crate = crate::double)]
    fn through_this_crate() {}
    from_the_root();
    in_a_string();
    through_this_crate();
    assert_eq!(entered().len(), 3);
}

/// Arguments and functions may come from a `macro_rules!` macro.
#[test]
fn through_another_macro() {
    macro_rules! annotate {
        ($name:ident, $title:literal, $rate:expr, $argument:ident: $ty:ty => $body:expr) => {
            #[double::profile(crate = double, name = $title, sample_rate = $rate)]
            fn $name($argument: $ty) -> usize {
                $body
            }
        };
    }
    annotate!(count, "count words", 0.5, text: String => text.split(' ').count());
    assert_eq!(count("a b c".to_owned()), 3);
    let function = the_entered();
    assert_eq!((function.name, function.options.sample_rate), ("count words", Some(0.5)));
}
