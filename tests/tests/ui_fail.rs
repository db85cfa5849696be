//! What the language refuses, one file per rule, each beside the message that a user reads.
//!
//! What it accepts is in `language/forms`: where a case must build, all of this would be built, and the messages of a build differ from a check's.

#[test]
fn every_rule_has_its_message() {
    trybuild::TestCases::new().compile_fail("ui/fail/*.rs");
}
