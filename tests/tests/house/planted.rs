//! Planted sources: each rule catches what breaks it, and nothing else.

use crate::rules::{self, Plan};
use crate::sources::{File, Sources};

const PLAN: Plan = Plan {
    floors: &["low", "middle", "high", "testing"],
    roof: &["lib"],
    strangers: &[("high", &["low"])],
};

fn files(files: &[(&str, &str)]) -> Vec<File> {
    let file = |(path, text): &(&str, &str)| File {
        path: (*path).to_owned(),
        text: (*text).to_owned(),
    };
    files.iter().map(file).collect()
}

/// What the plan says of one file of the room `middle`.
fn faults(text: &str) -> Vec<String> {
    PLAN.faults(&Sources::read(&files(&[("middle/file.rs", text)])))
}

/// The members of the circles between files.
fn circles(sources: &[(&str, &str)]) -> Vec<Vec<String>> {
    let circles = rules::circles(&Sources::read(&files(sources)));
    circles.into_iter().map(|circle| circle.members).collect()
}

#[test]
fn an_arrow_up_is_found_wherever_it_is_written() {
    for text in [
        "use crate::high::Name;",
        "use crate::high;",
        "pub use crate::high::*;",
        "use crate::{low::Name, high::Name as Other};",
        "use crate::{\n    low::{self, a::B},\n    high::{self},\n};",
        "use super::super::high::Name;",
        "mod inner { use super::super::super::high::Name; }",
        "fn f() -> crate::high::Name { todo!() }",
        "fn f() { use crate::high::Name; }",
        "fn f() { assert_eq!(1, crate::high::one()); }",
        "#[cfg(test)] mod tests { use crate::high::Name; }",
    ] {
        let found = faults(text);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(found[0].contains("`high` is above `middle`"), "{found:?}");
        assert!(found[0].starts_with("middle/file.rs:"), "{found:?}");
    }
    assert_eq!(
        faults("\n\nuse crate::{\n    high::a::{B},\n};"),
        ["middle/file.rs:4 names crate::high::a::B, but `high` is above `middle`"]
    );
}

#[test]
fn what_is_no_arrow_up_is_left_alone() {
    for text in [
        "//! See [`crate::high::Name`].",
        "/// See [`Name`](crate::high::Name).\nstruct S;",
        "// use crate::high::Name;\n/* crate::high::Name */",
        "const TEXT: &str = \"crate::high::Name\";",
        "use crate::low::Name;",
        "use super::other::high;",
        "use crate::middle::high::Name;",
        "use elsewhere::high::Name;",
        "#[cfg(test)] mod tests { use crate::testing::check; }",
    ] {
        assert_eq!(faults(text), [""; 0], "{text}");
    }
}

#[test]
fn the_kit_the_roof_strangers_and_unplanned_rooms_are_named() {
    assert_eq!(faults("use crate::testing::check;").len(), 1);
    assert_eq!(
        faults("use crate::Name;"),
        ["middle/file.rs:1 names crate::Name, which is in no room"]
    );
    assert_eq!(
        faults("use crate::*;"),
        ["middle/file.rs:1 names crate, which is in no room"]
    );
    let stranger = files(&[("high.rs", "use crate::low::Name;")]);
    assert_eq!(
        PLAN.faults(&Sources::read(&stranger)),
        ["high.rs:1 names crate::low::Name, but `high` knows nothing of `low`"]
    );
    let attic = files(&[("lib.rs", "use crate::high::Name;"), ("attic/mod.rs", "")]);
    assert_eq!(
        PLAN.faults(&Sources::read(&attic)),
        ["no floor for the room `attic`"]
    );
    let many = Plan {
        floors: &[
            "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m",
        ],
        roof: &[],
        strangers: &[],
    };
    assert_eq!(
        many.faults(&Sources::read(&[])),
        ["13 rooms; 12 are enough"]
    );
}

#[test]
fn a_circle_between_rooms_is_found() {
    let found = PLAN.faults(&Sources::read(&files(&[
        ("low.rs", "use crate::middle::Name;"),
        ("middle.rs", "use crate::low::Name;"),
    ])));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[1].starts_with("a circle:"), "{found:?}");
}

#[test]
fn a_circle_between_files_is_found_through_re_exports_and_modules() {
    let shared = "mod child;\npub use child::Child;\npub struct Shared;\n";
    for (parent, child) in [
        // The parent's own code uses what it re-exports.
        (
            "fn f() -> Child { Child }",
            "use super::Shared;\npub struct Child;",
        ),
        (
            "fn f() { child::Child::new(); }",
            "use crate::room::Shared;\npub struct Child;",
        ),
        (
            "fn f() { println!(\"{}\", Child) }",
            "pub struct Child(super::Shared);",
        ),
        (
            "use self::child::*;\nfn f(_: Kid) {}",
            "use super::*;\npub struct Child;\npub struct Kid(Shared);",
        ),
    ] {
        let parent = [shared, parent].concat();
        let found = circles(&[
            ("lib.rs", ""),
            ("room/mod.rs", &parent),
            ("room/child.rs", child),
        ]);
        assert_eq!(
            found,
            [["room/child.rs", "room/mod.rs"]],
            "{parent} {child}"
        );
    }
    // Through another room's re-export, by the name of an imported module.
    let found = circles(&[
        ("a/mod.rs", "mod one;\npub use one::One;"),
        ("a/one.rs", "use crate::b;\npub struct One(b::two::Two);"),
        ("b/mod.rs", "pub mod two;"),
        ("b/two.rs", "use crate::a::One;\npub struct Two(One);"),
    ]);
    assert_eq!(found, [["a/one.rs", "b/two.rs"]]);
    // Three in a row.
    let found = circles(&[
        ("a.rs", "pub fn a() { crate::b::b() }"),
        ("b.rs", "pub fn b() { super::c::c() }"),
        ("c.rs", "use crate::a;\npub fn c() { a::a() }"),
    ]);
    assert_eq!(found, [["a.rs", "b.rs", "c.rs"]]);
}

#[test]
fn what_is_no_circle_between_files_is_left_alone() {
    let shared = "mod child;\npub use child::{Child, child};\npub struct Shared { child: u8 }\n";
    for (parent, child) in [
        (
            "",
            "use super::Shared;\npub struct Child;\npub fn child() {}",
        ),
        // A field and a variable of the name of a function that is re-exported.
        (
            "fn f(s: &Shared) -> u8 { let child = s.child; child }",
            "use super::Shared;\npub struct Child;\npub fn child() {}",
        ),
        // A name of the parent that is defined elsewhere.
        (
            "use crate::other::Other;\nfn f(_: Child, _: Other) {}",
            "use super::Other;\npub struct Child;",
        ),
        // Tests of what is shared try the child.
        (
            "#[cfg(test)] mod tests { use super::*;\nfn f(_: Child) {} }",
            "use super::Shared;\npub struct Child;",
        ),
    ] {
        let parent = [shared, parent].concat();
        let found = circles(&[
            ("room/mod.rs", &parent),
            ("room/child.rs", child),
            ("other.rs", "pub struct Other;"),
        ]);
        assert_eq!(found, [["", ""]; 0], "{parent} {child}");
    }
}

#[test]
fn length_counts_what_stands_before_the_tests() {
    let line = "fn f() {}\n";
    let tests = ["#[cfg(test)]\nmod tests {\n", &line.repeat(50), "}\n"].concat();
    let long = |lines| {
        rules::long(&files(&[(
            "a.rs",
            &[&*line.repeat(lines), &*tests].concat(),
        )]))
    };
    assert_eq!(long(600), []);
    assert_eq!(long(601), [("a.rs".to_owned(), 601)]);
}

#[test]
fn a_file_without_a_sentence_at_its_head_is_found() {
    let found = rules::silent(&files(&[
        ("a.rs", "//! What it is.\n"),
        ("b.rs", "fn f() {}\n"),
    ]));
    assert_eq!(found, ["b.rs: no `//!` at its head"]);
}

#[test]
fn words_are_found_in_code_and_not_in_comments_or_tests() {
    let text = "/// A .row( in a comment.\nfn f() { x.row(1); } // .row(\n#[cfg(test)]\nmod tests { fn g() { x.row(2); } }\n";
    let found = rules::words(
        &files(&[("a.rs", text), ("tests.rs", "x.row(3)")]),
        &[".row("],
    );
    assert_eq!(found, ["a.rs:2: .row("]);
}
