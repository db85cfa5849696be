//! Particles with what is known of their log-density under the current stage.

use serde::{Deserialize, Serialize};

use crate::problem::Problem;
use crate::problem::density::Density;
use crate::problem::population::Population;
use crate::sampling::stage::{Stage, Terms};

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
    /// Particles at `positions` under `target`.
    pub fn at(target: &Target<'_>, positions: Population) -> Self {
        Self {
            terms: target.value(&positions),
            positions,
            gradient: None,
        }
    }

    /// Replaces the particles by their ancestors.
    pub fn resample(&mut self, ancestors: &[usize]) {
        self.positions = self.positions.gather(ancestors);
        self.terms = ancestors.iter().map(|&a| self.terms[a]).collect();
        self.gradient = self.gradient.take().map(|g| g.gather(ancestors));
    }

    /// Enters a stage under which the particles have `terms`.
    pub fn enter(&mut self, terms: Vec<Terms>) {
        self.terms = terms;
        self.gradient = None;
    }

    /// ∇ log π of every particle under `target`, computed if it is not known, and then kept for the next move.
    pub fn gradient(&mut self, target: &Target<'_>) -> &Population {
        self.gradient.get_or_insert_with(|| {
            let mut gradient = self.positions.zeros_like();
            target.add_gradient(&self.positions, &mut gradient);
            gradient
        })
    }
}

/// The target of a move: a stage of a problem.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// The problem.
    pub problem: &'a dyn Problem,
    /// The stage whose posterior a move must leave invariant.
    pub stage: &'a Stage,
    /// What the run began at, if not at the prior.
    pub start: Option<&'a dyn Density>,
}

impl<'a> Target<'a> {
    /// A stage of a run from the prior.
    pub fn new(problem: &'a dyn Problem, stage: &'a Stage) -> Self {
        Self {
            problem,
            stage,
            start: None,
        }
    }

    /// Terms and gradient of log π at `positions`.
    pub fn gradient(&self, positions: &Population, gradient: &mut Population) -> Vec<Terms> {
        gradient.clear();
        self.add_gradient(positions, gradient)
    }

    /// Terms of log π at `positions`; its gradient is added to `gradient`.
    pub fn add_gradient(&self, positions: &Population, gradient: &mut Population) -> Vec<Terms> {
        let gradient = Some(gradient);
        self.stage
            .add_to(self.problem, self.start, positions, gradient)
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
        self.stage.add_to(self.problem, self.start, positions, None)
    }

    /// log π of given terms, up to a constant.
    pub fn log_density(&self, terms: &[Terms]) -> Vec<f64> {
        terms.iter().map(|t| self.stage.log_density(t)).collect()
    }
}
