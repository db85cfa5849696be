//! The README's crate of one's own, made and run as its reader would: outside the workspace, with nothing but what stands
//! there.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The first block of README fenced as `language` after the heading "A crate of your own".
fn block(language: &str) -> String {
    let readme = std::fs::read_to_string(workspace().join("README.md")).unwrap();
    let (_, section) = readme.split_once("## A crate of your own").unwrap();
    let (_, block) = section.split_once(&format!("```{language}\n")).unwrap();
    block.split_once("```").unwrap().0.to_owned()
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// Houses whose price follows size and district, with some of both.
fn houses(priced: bool) -> String {
    let house = |i: u32| {
        let size = 40.0 + 2.5 * f64::from(i * 37 % 60);
        let district = ["north", "south"][(i % 2) as usize];
        let rest = 5000.0 * (f64::from(i) * 1.7).sin();
        let price = 50_000.0 + 2000.0 * size + f64::from(i % 2) * 40_000.0 + rest;
        let price = if priced {
            format!(",{price:.0}")
        } else {
            String::new()
        };
        format!("{size},{},{district}{price}", 1 + i % 5)
    };
    let header = ["size,rooms,district", if priced { ",price" } else { "" }].concat();
    let lines: Vec<String> = [header].into_iter().chain((0..60).map(house)).collect();
    lines.join("\n") + "\n"
}

#[test]
fn the_readme_s_crate_of_one_s_own_builds_and_predicts() {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("houses");
    std::fs::create_dir_all(home.join("src")).unwrap();
    let paths = format!("path = \"{}/", workspace().display());
    let dependencies = block("toml").replace("path = \"../", &paths);
    let manifest = format!(
        "[package]\nname = \"houses\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n{dependencies}\n[workspace]\n"
    );
    for (name, text) in [
        ("Cargo.toml", manifest),
        ("src/main.rs", block("rust,no_run")),
        ("houses.csv", houses(true)),
        ("new.csv", houses(false)),
    ] {
        std::fs::write(home.join(name), text).unwrap();
    }
    // The versions that are locked here: what is tested is the text, not the registry of the day.
    std::fs::copy(workspace().join("Cargo.lock"), home.join("Cargo.lock")).unwrap();
    let run = Command::new(env!("CARGO"))
        .args(["run", "--release", "--quiet"])
        .current_dir(&home)
        .env("CARGO_TARGET_DIR", home.join("target"))
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&run.stdout),
        String::from_utf8_lossy(&run.stderr),
    );
    assert!(run.status.success(), "{out}\n{err}");
    assert!(out.contains("verdict: "), "{out}");
    let intervals = out.matches(", with probability .9 between ").count();
    assert_eq!(intervals, 60, "{out}");
    // In the price's own units.
    let first = out.lines().rev().nth(59).unwrap();
    let price: f64 = first.split(',').next().unwrap().parse().unwrap();
    assert!((50_000.0..500_000.0).contains(&price), "{first}");
}
