//! The rules of the house, held by the sources themselves: rooms on floors, no circle between files, files that open with
//! a sentence and end before they are too long.

mod circles;
mod planted;
mod rules;
mod sources;

use std::path::{Path, PathBuf};

use rules::Plan;
use sources::{File, Sources};

/// The rooms of `smc-runtime/src`.
const PLAN: Plan = Plan {
    floors: &[
        "base",
        "numerics",
        "data",
        "model",
        "problem",
        "family",
        "engine",
        "sampling",
        "infer",
        "posterior",
        "run",
        "testing",
    ],
    roof: &["lib", "prelude", "layers", "__private"],
    strangers: &[
        ("data", &["numerics"]),
        ("model", &["data"]),
        ("problem", &["numerics"]),
        ("family", &["data"]),
        ("sampling", &["numerics", "data", "engine"]),
        ("infer", &["engine"]),
        ("posterior", &["numerics"]),
        ("run", &["numerics"]),
        ("testing", &["numerics", "posterior", "run"]),
    ],
};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn none(faults: &[String]) {
    assert!(
        faults.is_empty(),
        "{} faults\n{}",
        faults.len(),
        faults.join("\n")
    );
}

#[test]
fn a_room_names_only_rooms_below_it() {
    let files = File::below(&workspace().join("smc-runtime/src"));
    none(&PLAN.faults(&Sources::read(&files)));
}

#[test]
fn no_circle_between_files() {
    let circles = ["smc-runtime/src", "smc-macros/src"]
        .iter()
        .flat_map(|folder| rules::circles(&Sources::read(&File::below(&workspace().join(folder)))));
    none(&circles.map(|c| c.text).collect::<Vec<_>>());
}

/// Kernels and algorithms speak to a population by its bulk operations, so that they can run where the particles are; and
/// one file alone knows threads.
#[test]
fn particles_are_not_taken_one_by_one_and_one_file_knows_threads() {
    let root = workspace().join("smc-runtime/src");
    for room in ["sampling", "infer"] {
        let words = [".on_host(", ".row(", ".row_mut(", ".values()"];
        none(&rules::words(&File::below(&root.join(room)), &words));
    }
    let files = File::below(&root).into_iter();
    let others: Vec<File> = files.filter(|f| f.path != "base/exec.rs").collect();
    none(&rules::words(&others, &["rayon::", "std::thread::"]));
}

/// The folders whose code is neither a test nor a measurement.
const CODE: [&str; 6] = [
    "smc-runtime/src",
    "smc-macros/src",
    "models/src",
    "examples/src",
    "examples/examples",
    "tests/src",
];

#[test]
fn no_file_is_too_long() {
    let long = CODE
        .iter()
        .flat_map(|folder| rules::long(&File::below(&workspace().join(folder))));
    none(
        &long
            .map(|(path, lines)| format!("{path}: {lines} lines"))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn every_file_says_what_lives_there() {
    for folder in CODE {
        none(&rules::silent(&File::below(&workspace().join(folder))));
    }
    none(&rules::silent(&File::below(
        &workspace().join("tests/tests"),
    )));
}

/// The README says what to open: each of the files and folders that it names in its map is there.
#[test]
fn what_the_readme_says_to_open_is_there() {
    let readme = std::fs::read_to_string(workspace().join("README.md")).unwrap();
    let map = readme.split("## To change X, open Y").nth(1).unwrap();
    let map = map.split("\n## ").next().unwrap();
    let src = workspace().join("smc-runtime/src");
    let (mut room, mut seen, mut missing) = (String::new(), 0, Vec::new());
    for line in map.lines().filter(|l| l.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let in_room = cells.len() == 3;
        if in_room && cells[0].starts_with('`') {
            cells[0].trim_matches('`').clone_into(&mut room);
        }
        let names = cells.last().unwrap().split('`').skip(1).step_by(2);
        let is_rust = |n: &str| Path::new(n).extension().is_some_and(|e| e == "rs");
        for name in names.filter(|n| is_rust(n) || n.ends_with('/')) {
            seen += 1;
            let places = [
                src.join(&room).join(name),
                src.join(name),
                workspace().join(name),
            ];
            if !places.iter().any(|p| p.exists()) {
                missing.push(format!("{room}: {name}"));
            }
        }
    }
    assert!(seen > 40, "only {seen} names are read");
    none(&missing);
}
