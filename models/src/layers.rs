//! Layers that suit a table: a few networks by its size, compared on rows held out.

use std::fmt;

use smc_runtime::infer::Auto;
use smc_runtime::prelude::*;

use crate::{DeepClassifier, DeepRegressor, Nonlinearity};

/// Hidden layers of a network, and the function between them.
///
/// ```
/// use models::{DeepRegressor, Layers};
/// use smc_runtime::prelude::*;
///
/// let x: Vec<f32> = (0..100).map(|i| i as f32 / 16.0 - 3.0).collect();
/// let y = x.iter().map(|x| x.sin()).collect();
/// let data = Dataset::new(1, x, y)?;
/// let chosen = Layers::chosen(&data, auto().gradients(100_000), 1)?;
/// println!("{chosen}");
/// let model = DeepRegressor::sized(&chosen.layers.widths)?.activation(chosen.layers.activation);
/// # let _ = model;
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layers {
    /// Units of each hidden layer.
    pub widths: Vec<usize>,
    /// The function after each of them.
    pub activation: Nonlinearity,
}

/// One of the networks that were compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Its layers.
    pub layers: Layers,
    /// Mean log predictive density of a row held out, in nats, on the original scale; −∞ where it could not be learned.
    pub score: f64,
    /// Its standard error.
    pub error: f64,
    /// Why it could not be learned, if it could not.
    pub failed: Option<String>,
}

/// Layers that were chosen, and what they were chosen from.
#[derive(Clone, Debug, PartialEq)]
pub struct Chosen {
    /// The layers.
    pub layers: Layers,
    /// All that were compared.
    pub candidates: Vec<Candidate>,
}

/// Rows up to which networks are small.
const FEW: usize = 5000;

/// Share of the rows that is held out.
const HELD_OUT: f64 = 0.2;

impl Layers {
    /// The networks that are worth trying on so many `rows`: shallow and smooth, or deep with kinks, which tables often prefer; larger
    /// ones where rows are many.
    pub fn for_rows(rows: usize) -> Vec<Self> {
        let of = |widths: &[usize], activation| Self {
            widths: widths.to_vec(),
            activation,
        };
        let shallow = of(&[50], Nonlinearity::Tanh);
        if rows <= FEW {
            vec![shallow, of(&[32, 32], Nonlinearity::Relu)]
        } else {
            let two = of(&[64; 2], Nonlinearity::Relu);
            vec![shallow, two, of(&[64; 3], Nonlinearity::Relu)]
        }
    }

    /// Learns each of the networks [for so many rows](Self::for_rows) on four fifths of `data`, each with the budget of `algorithm`, and
    /// takes the one whose predictions of the rest have the highest log-density: a [`DeepClassifier`] where the targets are classes, a
    /// [`DeepRegressor`] otherwise.
    ///
    /// # Errors
    /// If none of them can be learned: that of the first.
    pub fn chosen(data: &Dataset, algorithm: Auto, seed: u64) -> Result<Chosen> {
        let classes = data.classes().len();
        let (train, rest) = if classes > 0 {
            data.split_stratified(HELD_OUT, seed)?
        } else {
            data.split(HELD_OUT, seed)?
        };
        let mut first = None;
        let mut candidates = Vec::new();
        for layers in Self::for_rows(data.rows()) {
            let scores = layers.scores(&train, &rest, algorithm, seed);
            let failed = scores.as_ref().err().map(ToString::to_string);
            let (score, error) = scores.unwrap_or_else(|error| {
                first.get_or_insert(error);
                (f64::NEG_INFINITY, 0.0)
            });
            candidates.push(Candidate {
                layers,
                score,
                error,
                failed,
            });
        }
        let best = candidates.iter().max_by(|a, b| a.score.total_cmp(&b.score));
        match (best, first) {
            (Some(best), _) if best.score > f64::NEG_INFINITY => Ok(Chosen {
                layers: best.layers.clone(),
                candidates,
            }),
            (_, Some(error)) => Err(error),
            (_, None) => Err(Error::config(
                "layers",
                "every candidate",
                "predictions of the rows held out that have a density",
            )),
        }
    }

    /// Mean log predictive density of a row of `rest`, and its standard error.
    fn scores(
        &self,
        train: &Dataset,
        rest: &Dataset,
        algorithm: Auto,
        seed: u64,
    ) -> Result<(f64, f64)> {
        let classes = train.classes().len();
        let logs = if classes > 0 {
            let model = DeepClassifier::sized(&self.widths, classes)?;
            let model = model.activation(self.activation);
            densities(model, train, rest, algorithm, seed)?
        } else {
            let model = DeepRegressor::sized(&self.widths)?.activation(self.activation);
            densities(model, train, rest, algorithm, seed)?
        };
        let n = logs.len() as f64;
        let mean = logs.iter().sum::<f64>() / n;
        let squares = logs.iter().map(|l| (l - mean).powi(2)).sum::<f64>();
        Ok((mean, (squares / n.max(2.0) / (n - 1.0).max(1.0)).sqrt()))
    }
}

/// Log predictive density of every row of `rest`.
fn densities<M: Infers>(
    model: M,
    train: &Dataset,
    rest: &Dataset,
    algorithm: Auto,
    seed: u64,
) -> Result<Vec<f64>> {
    let posterior = Run::new(model, train).seed(seed).with(algorithm).run()?;
    Ok(posterior.predict(rest)?.log_densities())
}

impl fmt::Display for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths: Vec<String> = self.widths.iter().map(usize::to_string).collect();
        write!(f, "{} {}", widths.join(","), self.activation)
    }
}

impl fmt::Display for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "layers {}: the best of log-densities of rows held out",
            self.layers
        )?;
        for c in &self.candidates {
            let (layers, score, error) = (&c.layers, c.score, c.error);
            match &c.failed {
                Some(why) => write!(f, "; {layers} could not be learned ({why})")?,
                None => write!(f, "; {layers} {score:.3} ± {error:.3}")?,
            }
        }
        Ok(())
    }
}
