//! Circles in a graph of names.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Names that need each other, in the order of the alphabet, and the arrows in words.
pub(crate) struct Circle {
    pub(crate) members: Vec<String>,
    pub(crate) text: String,
}

/// Arrows between names, each with where it was seen first.
#[derive(Default)]
pub(crate) struct Graph {
    arrows: BTreeMap<String, BTreeMap<String, String>>,
}

impl Graph {
    pub(crate) fn add(&mut self, from: &str, to: &str, seen: impl FnOnce() -> String) {
        let arrows = self.arrows.entry(from.to_owned()).or_default();
        arrows.entry(to.to_owned()).or_insert_with(seen);
    }

    /// A shortest circle through each name that is on one, every circle once.
    pub(crate) fn circles(&self) -> Vec<Circle> {
        let mut seen = BTreeSet::new();
        let mut circles = Vec::new();
        for start in self.arrows.keys() {
            let Some(circle) = self.shortest(start) else {
                continue;
            };
            let members: BTreeSet<&str> = circle.iter().copied().collect();
            if seen.insert(members.clone()) {
                let steps = circle.iter().zip(circle.iter().cycle().skip(1));
                let steps: Vec<String> = steps
                    .map(|(from, to)| format!("  {from} needs {to}: {}", self.arrows[*from][*to]))
                    .collect();
                circles.push(Circle {
                    members: members.into_iter().map(str::to_owned).collect(),
                    text: format!("a circle:\n{}", steps.join("\n")),
                });
            }
        }
        circles
    }

    fn shortest<'a>(&'a self, start: &'a str) -> Option<Vec<&'a str>> {
        let mut before = BTreeMap::new();
        let mut queue = VecDeque::from([start]);
        while let Some(at) = queue.pop_front() {
            for next in self.arrows.get(at).into_iter().flat_map(BTreeMap::keys) {
                if next == start {
                    let mut circle = vec![at];
                    while circle[0] != start {
                        circle.insert(0, before[circle[0]]);
                    }
                    return Some(circle);
                }
                if !before.contains_key(next.as_str()) {
                    before.insert(next.as_str(), at);
                    queue.push_back(next);
                }
            }
        }
        None
    }
}
