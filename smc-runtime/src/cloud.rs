//! Particles with what is known of their log-density under the current stage.

use serde::{Deserialize, Serialize};

use crate::population::Population;
use crate::problem::Problem;
use crate::stage::{Stage, Terms};

/// The particles, their cached terms and, while it is valid, the gradient of the current target.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Cloud {
    /// θ of every particle.
    pub positions: Population,
    /// The terms of every particle under the current stage.
    pub terms: Vec<Terms>,
    /// ∇ log π of every particle under the current stage, if known. It is recomputed bit for bit after a resume.
    #[serde(skip)]
    pub gradient: Option<Population>,
}

impl Cloud {
    /// Particles at `positions` under the prior.
    pub fn at_prior(problem: &dyn Problem, positions: Population) -> Self {
        Self {
            terms: Stage::prior().evaluate(problem, &positions, None),
            positions,
            gradient: None,
        }
    }

    /// Replaces the particles by their ancestors.
    pub fn resample(&mut self, ancestors: &[usize]) {
        self.positions = self.positions.gather(ancestors);
        self.terms = ancestors.iter().map(|&a| self.terms[a]).collect();
        self.gradient = None;
    }

    /// Enters a stage under which the particles have `terms`.
    pub fn enter(&mut self, terms: Vec<Terms>) {
        self.terms = terms;
        self.gradient = None;
    }
}

/// The target of a move: a stage of a problem.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// The problem.
    pub problem: &'a dyn Problem,
    /// The stage whose posterior a move must leave invariant.
    pub stage: &'a Stage,
}

impl Target<'_> {
    /// Terms and gradient of log π at `positions`.
    pub fn gradient(&self, positions: &Population, gradient: &mut Population) -> Vec<Terms> {
        self.stage.evaluate(self.problem, positions, Some(gradient))
    }

    /// Terms of log π at `positions`; its gradient is added to `gradient`.
    pub fn add_gradient(&self, positions: &Population, gradient: &mut Population) -> Vec<Terms> {
        self.stage.add_to(self.problem, positions, Some(gradient))
    }

    /// Computes the gradients of the particles numbered `some` anew.
    pub fn renew_gradient(
        &self,
        positions: &Population,
        some: &[usize],
        gradient: &mut Population,
    ) {
        if some.is_empty() {
            return;
        }
        let mut new = Population::zeros(some.len(), positions.dim());
        self.add_gradient(&positions.gather(some), &mut new);
        gradient.scatter(some, &new);
    }

    /// Terms of log π at `positions`.
    pub fn value(&self, positions: &Population) -> Vec<Terms> {
        self.stage.evaluate(self.problem, positions, None)
    }

    /// log π of given terms, up to a constant.
    pub fn log_density(&self, terms: &[Terms]) -> Vec<f64> {
        terms.iter().map(|t| self.stage.log_density(t)).collect()
    }
}
