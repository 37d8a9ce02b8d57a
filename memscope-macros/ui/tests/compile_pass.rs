//! Programs that must compile against the crate as it is published: `ui/pass/*.rs`.

#[test]
fn programs() {
    trybuild::TestCases::new().pass("tests/ui/pass/*.rs");
}
