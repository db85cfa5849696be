//! What the particles of a run know of rows: the one rule by which a log-likelihood is never evaluated twice.

use crate::problem::Problem;
use crate::problem::rows::RowSet;
use crate::sampling::cloud::Cloud;
use crate::sampling::stage::{Stage, Terms};

/// A cloud under its stage, before it goes to another: sums over rows that the stage has are those of the cloud, and new
/// rows are evaluated once, whatever the number of candidates that have them.
pub(crate) struct Known<'a> {
    problem: &'a dyn Problem,
    cloud: &'a Cloud,
    stage: &'a Stage,
    /// Σ ℓ of every particle over sets of rows that a candidate had, in the order in which they were asked for.
    sums: Vec<(RowSet, Vec<f64>)>,
}

impl<'a> Known<'a> {
    pub(crate) fn new(problem: &'a dyn Problem, cloud: &'a Cloud, stage: &'a Stage) -> Self {
        Self {
            problem,
            cloud,
            stage,
            sums: Vec::new(),
        }
    }

    pub(crate) fn problem(&self) -> &'a dyn Problem {
        self.problem
    }

    pub(crate) fn cloud(&self) -> &'a Cloud {
        self.cloud
    }

    pub(crate) fn stage(&self) -> &'a Stage {
        self.stage
    }

    /// The log-weight increment of every particle on the way to `next`.
    pub(crate) fn increments(&mut self, next: &Stage) -> Vec<f64> {
        let terms = self.terms(next);
        let pairs = self.cloud.terms().iter().zip(&terms);
        let increment = |(now, then)| self.stage.increment(now, next, then);
        pairs.map(increment).collect()
    }

    /// The terms of every particle under `next`, from what is known and a pass over new rows only.
    pub(crate) fn terms(&mut self, next: &Stage) -> Vec<Terms> {
        let full = self.sum_over(next.full());
        let ramp = self.sum_over(next.ramp());
        let terms = self.cloud.terms().iter().zip(full.into_iter().zip(ramp));
        terms
            .map(|(now, (full, ramp))| Terms { full, ramp, ..*now })
            .collect()
    }

    /// Σ ℓ over `rows` for every particle.
    fn sum_over(&mut self, rows: &RowSet) -> Vec<f64> {
        let known = self.cloud.terms();
        if rows == self.stage.full() {
            return known.iter().map(|t| t.full).collect();
        }
        if rows == self.stage.ramp() {
            return known.iter().map(|t| t.ramp).collect();
        }
        let mut sum = vec![0.0; known.len()];
        let mut rest = rows.clone();
        for (part, value) in [
            (self.stage.full(), (|t: &Terms| t.full) as fn(&Terms) -> f64),
            (self.stage.ramp(), |t: &Terms| t.ramp),
        ] {
            if !part.is_empty() && rest.contains(part) {
                rest = rest.without(part);
                for (sum, t) in sum.iter_mut().zip(known) {
                    *sum += value(t);
                }
            }
        }
        if !rest.is_empty() {
            for (sum, new) in sum.iter_mut().zip(self.evaluate(&rest)) {
                *sum += new;
            }
        }
        sum
    }

    /// Σ ℓ over rows that the stage does not have. Those of a smaller candidate are not evaluated again.
    fn evaluate(&mut self, rows: &RowSet) -> Vec<f64> {
        let known = self.sums.iter().filter(|(known, _)| rows.contains(known));
        let known = known.max_by_key(|(known, _)| known.len());
        let rest = known.map_or(rows.clone(), |(known, _)| rows.without(known));
        if let (Some((_, sums)), true) = (known, rest.is_empty()) {
            return sums.clone();
        }
        let segments = rest.segments(1.0);
        let positions = self.cloud.positions();
        let new = self.problem.log_likelihood(positions, &segments, None);
        let mut sums = new.totals();
        if let Some((_, known)) = known {
            for (sum, known) in sums.iter_mut().zip(known) {
                *sum += known;
            }
        }
        self.sums.push((rows.clone(), sums.clone()));
        sums
    }
}
