//! Every mistake gives one clear error at its own place: `ui/fail/*.rs`, what the compiler says of it beside it. After a
//! wanted change `TRYBUILD=overwrite cargo test -p memscope-ui-tests` writes it anew.

#[test]
fn mistakes() {
    trybuild::TestCases::new().compile_fail("tests/ui/fail/*.rs");
}
