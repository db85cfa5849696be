//! Levels: the texts that a categorical column or a column of labels takes.

use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// The most levels that one column may have; a column of more is a name or a number, and one-hot it would fill the memory.
pub(super) const MOST: usize = 4096;

/// The levels of a column, each with its number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<String>", into = "Vec<String>")]
pub(super) struct Levels {
    texts: Vec<String>,
    numbers: HashMap<String, usize>,
}

impl From<Vec<String>> for Levels {
    fn from(texts: Vec<String>) -> Self {
        let numbers = texts.iter().cloned().zip(0..);
        Self {
            numbers: numbers.collect(),
            texts,
        }
    }
}

impl From<Levels> for Vec<String> {
    fn from(levels: Levels) -> Self {
        levels.texts
    }
}

impl Levels {
    /// The number of `text`, if it is a level.
    pub(super) fn number(&self, text: &str) -> Option<usize> {
        self.numbers.get(text).copied()
    }

    /// The number of `text`, which becomes a level if it is none and there is room.
    pub(super) fn number_or_new(&mut self, text: &str) -> Option<usize> {
        let new = self.texts.len();
        self.number(text).or_else(|| {
            (new < MOST).then(|| {
                self.texts.push(text.to_owned());
                self.numbers.insert(text.to_owned(), new);
                new
            })
        })
    }

    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }

    pub(super) fn texts(&self) -> &[String] {
        &self.texts
    }

    /// Brings the levels into order, by value if all are numbers and otherwise by text; the result holds the new number of
    /// each old one.
    pub(super) fn sort(&mut self) -> Vec<usize> {
        let values: Option<Vec<f64>> = self.texts.iter().map(|t| t.parse().ok()).collect();
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by(|&a, &b| {
            let by_value = values.as_ref().map(|v| v[a].total_cmp(&v[b]));
            let by_text = self.texts[a].cmp(&self.texts[b]);
            by_value.map_or(by_text, |o| o.then(by_text))
        });
        let mut new = vec![0; order.len()];
        for (number, &old) in order.iter().enumerate() {
            new[old] = number;
            self.numbers.insert(self.texts[old].clone(), number);
        }
        self.texts = order.iter().map(|&old| self.texts[old].clone()).collect();
        new
    }
}
