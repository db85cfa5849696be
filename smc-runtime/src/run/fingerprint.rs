//! Which run a state is of: everything that decides its next bit, as words and numbers that can be compared.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::base::error::{Error, Result};
use crate::base::fingerprint::fingerprint;
use crate::base::rng::Streams;
use crate::data::{Dataset, Standardise};
use crate::infer::Inference;
use crate::problem::population::Population;
use crate::problem::{Problem, Segment};

/// What decides a run, each thing by its name; those that explain others come first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fingerprint(Vec<(String, String)>);

impl Fingerprint {
    pub(super) fn of(
        name: &str,
        problem: &dyn Problem,
        data: &Dataset,
        scale: Option<&Standardise>,
        algorithm: &dyn Inference,
        seed: u64,
    ) -> Self {
        let (prior, likelihood) = densities(problem);
        let things = [
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("model", model(name, problem)),
            ("engine", problem.engine().to_string()),
            ("data", of_data(data)),
            ("standardisation", format!("{scale:?}")),
            ("seed", seed.to_string()),
            (
                "order of rows",
                short(problem.order().iter().map(|&i| i as u64)),
            ),
            ("prior", prior),
            ("likelihood", likelihood),
            ("algorithm", format!("{algorithm:?}")),
        ];
        Self(things.map(|(what, is)| (what.to_owned(), is)).to_vec())
    }

    /// Whether a state with the fingerprint `saved` is one of this run.
    ///
    /// # Errors
    /// [`Error::OtherRun`], naming the first thing that differs.
    pub(super) fn check(&self, saved: &Self) -> Result<()> {
        let found = |what: &String| self.0.iter().find(|(own, _)| own == what);
        for (what, is) in &saved.0 {
            let here = found(what).map_or("unknown", |(_, is)| is);
            if here != is {
                let (saved, found) = apart(is, here);
                return Err(Error::OtherRun {
                    what: what.clone(),
                    saved,
                    found,
                });
            }
        }
        if saved.0.len() == self.0.len() {
            return Ok(());
        }
        Err(Error::OtherRun {
            what: "fingerprint".to_owned(),
            saved: format!("{} things", saved.0.len()),
            found: format!("{} things", self.0.len()),
        })
    }
}

/// Two long texts where they begin to differ.
fn apart(saved: &str, found: &str) -> (String, String) {
    const AROUND: usize = 40;
    let [saved, found] = [saved, found].map(|text| text.chars().collect::<Vec<_>>());
    let same = saved.iter().zip(&found).take_while(|(a, b)| a == b).count();
    let part = |text: &[char]| {
        if text.len() <= 3 * AROUND {
            return text.iter().collect::<String>();
        }
        let (from, to) = (
            same.saturating_sub(AROUND),
            (same + 2 * AROUND).min(text.len()),
        );
        let inside: String = text[from.min(to)..to].iter().collect();
        let (before, after) = (from > 0, to < text.len());
        let dots = |there: bool| if there { "..." } else { "" };
        format!("{}{inside}{}", dots(before), dots(after))
    };
    (part(&saved), part(&found))
}

/// Sixteen digits that stand for numbers.
fn short(numbers: impl Iterator<Item = u64>) -> String {
    format!("{:016x}", fingerprint(numbers))
}

fn of_data(data: &Dataset) -> String {
    let bits = |values: &[f32]| short(values.iter().map(|x| u64::from(x.to_bits())));
    let mut text = format!(
        "{} rows of {} features ({}) with targets ({})",
        data.rows(),
        data.columns(),
        bits(data.features()),
        bits(data.targets())
    );
    for (what, values) in [("offset", data.offset()), ("weights", data.weights())] {
        if let Some(values) = values {
            // Writing to a string does not fail.
            let _ = write!(text, ", {what} ({})", bits(values));
        }
    }
    text
}

fn model(name: &str, problem: &dyn Problem) -> String {
    let fields = problem.architecture().nodes.iter();
    let fields: Vec<String> = fields.map(|n| format!("{}: {}", n.name, n.label)).collect();
    let blocks = problem.layout().blocks().iter();
    let blocks = blocks.map(|b| format!("{}{:?} {}", b.name, b.shape, b.support.words()));
    let blocks: Vec<String> = blocks.collect();
    format!(
        "{name} {{ {} }} with {}",
        fields.join(", "),
        blocks.join(", ")
    )
}

/// Log-prior and log-likelihood of the first rows at two draws of the prior: what they are, whatever they are called.
fn densities(problem: &dyn Problem) -> (String, String) {
    const ROWS: usize = 64;
    let mut thetas = Population::zeros(2, problem.dim());
    problem.prior().sample(Streams::new(0), 0, &mut thetas);
    let rows = Segment {
        rows: 0..problem.rows().min(ROWS),
        weight: 1.0,
    };
    let values = |logs: Vec<f64>| {
        let text: Vec<String> = logs.iter().map(|l| format!("{l:.6e}")).collect();
        format!(
            "that of log-densities {} ({})",
            text.join(" and "),
            short(logs.iter().map(|l| l.to_bits()))
        )
    };
    let likelihood = problem.log_likelihood(&thetas, &[rows], None);
    (
        values(problem.prior().log_density(&thetas, None)),
        values(likelihood.totals()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_shown_where_they_differ() {
        let long = |x: &str| format!("{}{x}{}", "a".repeat(300), "b".repeat(300));
        let (one, two) = apart(&long("1"), &long("2"));
        assert!(one.len() < 130 && one.contains("a1b") && two.contains("a2b"));
        let both = ("7".to_owned(), "8 rows".to_owned());
        assert_eq!(apart("7", "8 rows"), both);
    }
}
