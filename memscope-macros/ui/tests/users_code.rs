//! The body is the user's: its places and its lints are those of the plain function.
#![deny(unfulfilled_lint_expectations)]

use memscope_ui_tests::double;
use std::panic::Location;

/// What the compiler says of a body, and what a panic says, points to where it is written.
#[test]
fn places() {
    const LINE: u32 = line!();
    #[double::profile(crate = double)]
    fn place(words: Vec<String>) -> (u32, u32, &'static Location<'static>) {
        drop(words);
        (line!(), column!(), Location::caller())
    }
    let (line, column, location) = place(Vec::new());
    assert_eq!((line, column), (LINE + 4, 19));
    assert_eq!((location.file(), location.line(), location.column()), (file!(), LINE + 4, 30));
}

/// An expectation that no lint fulfils is an error in this file.
#[test]
fn lints() {
    #[expect(unused_mut, reason = "it is not changed")]
    #[double::profile(crate = double)]
    fn arguments(
        mut words: Vec<String>,
        #[expect(unused_variables, reason = "it is not used")] other: String,
    ) -> usize {
        words.len()
    }

    #[double::profile(crate = double)]
    fn statements(words: &[String]) -> usize {
        #[expect(unused_variables, reason = "it is not used")]
        let count = 1;
        #[expect(unused_must_use, reason = "nothing is done with it")]
        words.iter();
        #[expect(unused_parens, reason = "they do nothing")]
        let len = (words.len());
        #[expect(clippy::len_zero, reason = "`is_empty` says it better")]
        let empty = len == 0 && words.len() == 0;
        usize::from(empty)
    }

    #[expect(unreachable_code, reason = "it is left before its end")]
    #[double::profile(crate = double)]
    fn unreachable() -> u32 {
        return 1;
        2
    }

    #[expect(unused_variables, unused_assignments, reason = "it is not used again")]
    #[double::profile(crate = double)]
    fn assigned(mut words: Vec<String>) {
        words = Vec::new();
    }

    assert_eq!(arguments(Vec::new(), String::new()), 0);
    assert_eq!(statements(&[]), 1);
    assert_eq!(unreachable(), 1);
    assigned(Vec::new());
}
