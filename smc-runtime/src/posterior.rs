//! One posterior type for every algorithm: weighted draws, read through typed views, with predictions and evidence.

use std::sync::Arc;

use crate::data::Dataset;
use crate::diagnostics::{r_hat, weighted_r_hat};
use crate::engine::Bound;
use crate::error::Result;
use crate::infer::Draws;
use crate::layout::Layout;
use crate::model::{Model, Views};
use crate::population::Population;
use crate::predict::Prediction;
use crate::problem::Problem;
use crate::report::Report;

/// Weighted draws from the posterior of a model.
pub struct Posterior<M> {
    model: M,
    problem: Arc<dyn Problem>,
    draws: Draws,
    report: Report,
}

impl<M: Model> Posterior<M> {
    pub(crate) fn new(bound: Bound<M>, draws: Draws, report: Report) -> Self {
        Self {
            model: bound.model,
            problem: bound.problem,
            draws,
            report,
        }
    }

    /// The model, with all sizes filled in.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// Number of draws.
    pub fn len(&self) -> usize {
        self.draws.positions.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.draws.positions.is_empty()
    }

    /// A typed view of draw number `i`: `posterior.draw(0).hidden.weight`. Nothing is copied.
    pub fn draw(&self, i: usize) -> M::Draw<'_> {
        self.model.draw(Views::new(
            self.problem.layout(),
            self.draws.positions.row(i),
        ))
    }

    /// The weights of the draws, which sum to 1.
    pub fn weights(&self) -> Vec<f64> {
        self.draws.log_weights.iter().map(|w| w.exp()).collect()
    }

    /// Logarithms of [`Posterior::weights`].
    pub fn log_weights(&self) -> &[f64] {
        &self.draws.log_weights
    }

    /// The draws as flat, unconstrained vectors.
    pub fn positions(&self) -> &Population {
        &self.draws.positions
    }

    /// log p(targets | features, model), where the algorithm has one.
    pub fn log_evidence(&self) -> Option<f64> {
        self.draws.log_evidence
    }

    /// Number of independent chains, whose draws follow one another; 1 for a weighted cloud.
    pub fn chains(&self) -> usize {
        self.draws.chains
    }

    /// R-hat of the predicted function at every row of `data`, across the chains or islands of the run: whether they agree on
    /// the function, where weights of a network cannot agree. `None` without two of them, or with too few draws in each.
    ///
    /// # Errors
    /// As [`Posterior::predict`].
    pub fn function_r_hat(&self, data: &Dataset) -> Result<Option<Vec<f64>>> {
        let prediction = self.predict(data)?;
        let islands = self.draws.islands.len();
        let groups = self.draws.chains.max(islands);
        if groups < 2 {
            return Ok(None);
        }
        let (size, weights) = (self.len() / groups, self.weights());
        let r_hat = |row: usize| {
            let values = |g: usize| (g * size..(g + 1) * size).map(move |i| (i, row));
            let of = |g| {
                values(g)
                    .map(|(i, row)| prediction.function(i, row))
                    .collect()
            };
            if islands < 2 {
                let chains: Vec<Vec<f64>> = (0..groups).map(of).collect();
                return r_hat(&chains);
            }
            let island = |g: usize| (of(g), weights[g * size..(g + 1) * size].to_vec());
            weighted_r_hat(&(0..groups).map(island).collect::<Vec<_>>())
        };
        Ok((0..data.rows()).map(r_hat).collect())
    }

    /// Names, shapes and places of the parameters; prints as a table.
    pub fn layout(&self) -> &Layout {
        self.problem.layout()
    }

    /// The model bound to its data.
    pub fn problem(&self) -> &dyn Problem {
        &*self.problem
    }

    /// What the run did and what it cost.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The predictive distribution at the rows of `data`; their targets are used for scores only.
    ///
    /// # Errors
    /// If `data` has another number of features than the training rows, or a target that is no class of the likelihood.
    pub fn predict(&self, data: &Dataset) -> Result<Prediction<'_>> {
        self.problem.check_targets(data)?;
        let arguments = self.problem.arguments(&self.draws.positions, data)?;
        Ok(Prediction::new(
            arguments,
            &self.draws.log_weights,
            self.problem.predictive(),
            data.targets().to_vec(),
        ))
    }
}
