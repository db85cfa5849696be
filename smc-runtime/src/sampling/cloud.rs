//! The particles of a run, with what is known of their log-density under the current stage.

use serde::{Deserialize, Serialize};

use crate::problem::Problem;
use crate::problem::density::Density;
use crate::problem::population::Population;
use crate::sampling::stage::{Stage, Terms};
use crate::sampling::weights::Ancestors;

/// The particles, their cached terms and, while it is valid, the gradient of the current target.
///
/// What is cached is that of the positions: whatever changes one changes all, by one of the methods here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cloud {
    positions: Population,
    terms: Vec<Terms>,
    /// It is recomputed bit for bit after a resume.
    #[serde(skip)]
    gradient: Option<Population>,
}

/// Proposed particles and what is known of them.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// θ' of every particle.
    pub positions: Population,
    /// Their terms under the target.
    pub terms: Vec<Terms>,
    /// ∇ log π(θ'), if the kernel knows it. Where the cloud has no gradient, those of rejected particles are computed anew, so
    /// that a kernel can work in the one gradient that there is.
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

    /// Particles whose terms nobody will ask for: what scales are learned from.
    pub(crate) fn without_terms(positions: Population) -> Self {
        Self {
            terms: vec![Terms::default(); positions.len()],
            positions,
            gradient: None,
        }
    }

    /// Particles of which everything is known.
    pub(crate) fn known(
        positions: Population,
        terms: Vec<Terms>,
        gradient: Option<Population>,
    ) -> Self {
        Self {
            positions,
            terms,
            gradient,
        }
    }

    /// One of its particles.
    pub(crate) fn one(&self, i: usize) -> Self {
        let some = i..i + 1;
        Self {
            positions: self.positions.part(some.clone()),
            terms: self.terms[some.clone()].to_vec(),
            gradient: self.gradient.as_ref().map(|g| g.part(some)),
        }
    }

    /// Number of particles J.
    pub fn len(&self) -> usize {
        self.terms.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// θ of every particle.
    pub fn positions(&self) -> &Population {
        &self.positions
    }

    /// The terms of every particle under the current stage.
    pub fn terms(&self) -> &[Terms] {
        &self.terms
    }

    /// The particles, as a run leaves them.
    pub fn into_positions(self) -> Population {
        self.positions
    }

    /// Replaces the particles by their ancestors.
    ///
    /// # Panics
    /// If they are those of more or fewer particles.
    pub fn resample(&mut self, ancestors: &Ancestors) {
        assert_eq!(ancestors.len(), self.len(), "ancestors for each particle");
        self.positions = self.positions.gather(ancestors.places());
        self.terms = ancestors.of(&self.terms);
        let gradient = self.gradient.take();
        self.gradient = gradient.map(|g| g.gather(ancestors.places()));
    }

    /// Enters a stage under which the particles have `terms`.
    ///
    /// # Panics
    /// If they are those of more or fewer particles.
    pub fn enter(&mut self, terms: Vec<Terms>) {
        assert_eq!(terms.len(), self.len(), "terms for each particle");
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

    /// ∇ log π of every particle under the current stage, if it is known.
    pub fn known_gradient(&self) -> Option<&Population> {
        self.gradient.as_ref()
    }

    /// The same, given away: a kernel goes on in the memory that it takes.
    pub fn take_gradient(&mut self) -> Option<Population> {
        self.gradient.take()
    }

    /// Puts the proposals in the place of the particles, but for those that are `rejected`.
    ///
    /// # Panics
    /// If they are those of more or fewer particles.
    pub fn accept(&mut self, target: &Target<'_>, proposal: Proposal, rejected: &[bool]) {
        let particles = self.len();
        let lengths = [
            proposal.positions.len(),
            proposal.terms.len(),
            rejected.len(),
        ];
        assert_eq!(lengths, [particles; 3], "a proposal for each particle");
        // Proposals are the rule, so they take the cloud's place and the rejected go back.
        let old = std::mem::replace(&mut self.positions, proposal.positions);
        let old_terms = std::mem::replace(&mut self.terms, proposal.terms);
        let old_gradient = std::mem::replace(&mut self.gradient, proposal.gradient);
        self.positions.select(rejected, &old);
        let terms = self.terms.iter_mut().zip(old_terms).zip(rejected);
        for ((terms, old), _) in terms.filter(|(_, rejected)| **rejected) {
            *terms = old;
        }
        if let Some(gradient) = &mut self.gradient {
            match old_gradient {
                Some(old) => gradient.select(rejected, &old),
                None => {
                    drop(old);
                    let places: Vec<usize> = (0..particles).filter(|&i| rejected[i]).collect();
                    target.renew_gradient(&self.positions, &places, gradient);
                }
            }
        }
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
