//! What the language refuses, one file per rule, each beside the message that a user reads.
//!
//! Apart from `ui_pass`: where a case must build, all are built, and the messages of a build differ from a check's.

#[test]
fn every_rule_has_its_message() {
    trybuild::TestCases::new().compile_fail("ui/fail/*.rs");
}
