//! The rules of the house, each a function from sources to what breaks it, in words.

use std::collections::BTreeSet;

use crate::circles::{Circle, Graph};
use crate::sources::{File, Sources};

/// How the rooms of a crate lie.
pub(crate) struct Plan {
    /// From the ground up: a room may name those below it.
    pub(crate) floors: &'static [&'static str],
    /// Files that stand above every room, which no room names.
    pub(crate) roof: &'static [&'static str],
    /// What a room does not know, although it is below.
    pub(crate) strangers: &'static [(&'static str, &'static [&'static str])],
}

/// What a person can keep in mind.
const ROOMS: usize = 12;

impl Plan {
    fn floor(&self, room: &str) -> Option<usize> {
        self.floors.iter().position(|&r| r == room)
    }

    fn strangers(&self, from: &str, to: &str) -> bool {
        let mut strangers = self.strangers.iter();
        strangers.any(|(room, unknown)| *room == from && unknown.contains(&to))
    }

    /// Arrows that run up or to a stranger, circles between rooms, rooms that nobody planned, and too many of them.
    pub(crate) fn faults(&self, sources: &Sources) -> Vec<String> {
        let mut faults = Vec::new();
        if self.floors.len() > ROOMS {
            faults.push(format!("{} rooms; {ROOMS} are enough", self.floors.len()));
        }
        let mut graph = Graph::default();
        let unknown: BTreeSet<&str> = sources
            .paths
            .iter()
            .map(|path| room_of(path))
            .filter(|room| self.floor(room).is_none() && !self.roof.contains(room))
            .collect();
        faults.extend(
            unknown
                .iter()
                .map(|room| format!("no floor for the room `{room}`")),
        );
        for mention in &sources.mentions {
            let path = &sources.paths[mention.file];
            let (Some(from), Some("crate")) = (
                self.floor(room_of(path)),
                mention.path.first().map(String::as_str),
            ) else {
                continue;
            };
            let to = mention.path.get(1).map_or("", String::as_str);
            let here = || format!("{path}:{} names {}", mention.line, mention.path.join("::"));
            let Some(floor) = self.floor(to) else {
                faults.push(format!("{}, which is in no room", here()));
                continue;
            };
            let name = self.floors[from];
            // The conformance kit is above all rooms, and their own tests may run it.
            if floor == from || mention.test && to == "testing" {
                continue;
            }
            graph.add(name, to, here);
            if floor > from {
                faults.push(format!("{}, but `{to}` is above `{name}`", here()));
            } else if self.strangers(name, to) {
                faults.push(format!("{}, but `{name}` knows nothing of `{to}`", here()));
            }
        }
        faults.extend(graph.circles().into_iter().map(|circle| circle.text));
        faults
    }
}

fn room_of(path: &str) -> &str {
    path.split('/')
        .next()
        .map_or("", |room| room.trim_end_matches(".rs"))
}

/// Circles between the files of a crate. Tests do not count: those of a trait try what implements it.
pub(crate) fn circles(sources: &Sources) -> Vec<Circle> {
    let mut graph = Graph::default();
    for mention in sources.mentions.iter().filter(|m| !m.test) {
        if let Some(to) = sources.needs(mention).filter(|&to| to != mention.file) {
            graph.add(&sources.paths[mention.file], &sources.paths[to], || {
                format!("line {} names {}", mention.line, mention.path.join("::"))
            });
        }
    }
    graph.circles()
}

/// Files of more than 600 lines, without the tests at their end, and how many they have.
pub(crate) fn long(files: &[File]) -> Vec<(String, usize)> {
    const LINES: usize = 600;
    let length = |file: &File| {
        let lines: Vec<&str> = file.text.lines().collect();
        let tests = lines
            .windows(2)
            .position(|w| w[0] == "#[cfg(test)]" && w[1].starts_with("mod tests {"));
        tests.unwrap_or(lines.len())
    };
    let lengths = files.iter().map(|file| (file.path.clone(), length(file)));
    lengths.filter(|(_, lines)| *lines > LINES).collect()
}

/// Places in code that is neither a comment nor a test at which one of `words` stands.
pub(crate) fn words(files: &[File], words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files.iter().filter(|f| !f.path.ends_with("tests.rs")) {
        let code = file.text.lines().take_while(|line| *line != "#[cfg(test)]");
        for (number, line) in code.enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let word = words.iter().find(|word| code.contains(**word));
            found.extend(word.map(|word| format!("{}:{}: {word}", file.path, number + 1)));
        }
    }
    found
}

/// Files that do not open with a sentence on what lives there.
pub(crate) fn silent(files: &[File]) -> Vec<String> {
    let silent = files.iter().filter(|f| !f.text.starts_with("//! "));
    silent
        .map(|f| format!("{}: no `//!` at its head", f.path))
        .collect()
}
