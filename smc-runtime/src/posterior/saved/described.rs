//! A model in words and numbers: what a file says of it, and what a program holds it against.

use serde::{Deserialize, Serialize};

use crate::base::rng::Streams;
use crate::model::architecture::{Nature, Node};
use crate::model::layout::{Block, Role};
use crate::problem::Predictor;
use crate::problem::population::Population;

/// What decides what a parameter vector means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Described {
    /// The model's name.
    pub name: String,
    /// Number of features.
    pub features: usize,
    /// The steps of the network, each with its name and what it is.
    pub fields: Vec<(String, String)>,
    /// The parameters: names, and sizes with where they live.
    pub parameters: Vec<(String, String)>,
    /// Fields that are given and not learned.
    pub given: Vec<(String, String)>,
    /// The likelihood.
    pub likelihood: String,
    /// Log-densities of the prior at two vectors that are drawn from it.
    pub prior: Vec<f64>,
    /// The model's own settings.
    pub settings: String,
}

impl Described {
    pub(super) fn of(name: &str, settings: String, predictor: &dyn Predictor) -> Self {
        let (architecture, layout) = (predictor.architecture(), predictor.layout());
        let blocks = layout.blocks();
        let mut thetas = Population::zeros(2, layout.dim());
        predictor.prior().sample(Streams::new(0), 0, &mut thetas);
        let given = layout.fields().enumerate();
        let given = given.filter_map(|(field, name)| {
            let value = layout.fixed(field)?;
            Some((name.to_owned(), value.to_string()))
        });
        Self {
            name: name.to_owned(),
            features: architecture.inputs,
            fields: (architecture.nodes.iter())
                .map(|node| (node.name.to_owned(), words(node, blocks)))
                .collect(),
            parameters: blocks
                .iter()
                .map(|b| {
                    let sizes: Vec<String> = b.shape.iter().map(usize::to_string).collect();
                    let sizes = sizes.join(" x ");
                    let place = b.support.words();
                    (
                        b.name.clone(),
                        format!("{sizes}, {place}")
                            .trim_start_matches(", ")
                            .to_owned(),
                    )
                })
                .collect(),
            given: given.collect(),
            likelihood: format!("{:?}", predictor.predictive()),
            prior: predictor.prior().log_density(&thetas, None),
            settings,
        }
    }

    /// What differs in a file: a part, what it is there, and what it is here.
    pub(super) fn differs(&self, file: &Self) -> Option<(String, String, String)> {
        let whole = |what: &str, there: &str, here: &str| {
            (there != here).then(|| (what.to_owned(), there.to_owned(), here.to_owned()))
        };
        let pairs = |what: &str, there: &[(String, String)], here: &[(String, String)]| {
            let nothing = ("nothing".to_owned(), "nothing".to_owned());
            (0..there.len().max(here.len())).find_map(|i| {
                let (there, here) = (
                    there.get(i).unwrap_or(&nothing),
                    here.get(i).unwrap_or(&nothing),
                );
                if there.0 != here.0 {
                    let place = format!("{what} number {i}");
                    return Some((place, format!("`{}`", there.0), format!("`{}`", here.0)));
                }
                whole(&format!("`{}`", here.0), &there.1, &here.1)
            })
        };
        let numbers = |values: &[f64]| {
            let each: Vec<String> = values.iter().map(|x| format!("{x:.4e}")).collect();
            format!("one with the log-densities {}", each.join(" and "))
        };
        let near = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-4 * a.abs().max(1.0) || a == b;
        let same =
            self.prior.len() == file.prior.len() && self.prior.iter().zip(&file.prior).all(near);
        whole("model", &file.name, &self.name)
            .or_else(|| {
                let features = [file.features, self.features].map(|n| n.to_string());
                whole("number of features", &features[0], &features[1])
            })
            .or_else(|| pairs("field", &file.fields, &self.fields))
            .or_else(|| pairs("parameter", &file.parameters, &self.parameters))
            .or_else(|| pairs("given field", &file.given, &self.given))
            .or_else(|| whole("likelihood", &file.likelihood, &self.likelihood))
            .or_else(|| {
                let prior = || {
                    (
                        "prior".to_owned(),
                        numbers(&file.prior),
                        numbers(&self.prior),
                    )
                };
                (!same).then(prior)
            })
    }
}

/// What a step of the network is.
fn words(node: &Node, blocks: &[Block]) -> String {
    if node.nature != Nature::Affine {
        return node.label.clone();
    }
    let bias = blocks[node.blocks.clone()]
        .iter()
        .any(|b| b.role == Role::Bias);
    let name = if bias { "Linear" } else { "LinearNoBias" };
    format!("{name}<{}, {}>", node.takes.len(), node.gives.len())
}
