//! What the language accepts, one file per form.

#[test]
fn every_form_builds() {
    trybuild::TestCases::new().pass("ui/pass/*.rs");
}
