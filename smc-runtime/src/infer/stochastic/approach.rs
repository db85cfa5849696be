//! The way from the prior to where the posterior is, without noise: Adam on batches that grow.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::base::error::Result;
use crate::infer::optimise::{adam_step, held};
use crate::problem::population::{AdamStep, Population};
use crate::problem::{Problem, Ring};
use crate::sampling::cloud::Target;
use crate::sampling::stochastic::{Passed, Stroke, Walkers};

/// What Adam remembers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Approach {
    moments: [Population; 2],
    /// Updates of each walker since its moments were zero.
    updates: Vec<i32>,
    /// Factor of each walker's rate.
    slower: Vec<f64>,
    /// Coordinates that stay where they are: scales that have no mode.
    held: Vec<Range<usize>>,
}

impl Approach {
    /// Of `walkers` that have not moved.
    pub(super) fn new(walkers: &Walkers, problem: &dyn Problem) -> Self {
        let zeros = walkers.positions.zeros_like();
        let n = zeros.len();
        Self {
            moments: [zeros.clone(), zeros],
            updates: vec![0; n],
            slower: vec![1.0; n],
            held: held(problem),
        }
    }

    /// One pass over the rows of `target`, at the rate that `rate` gives of the share of the pass that is done.
    ///
    /// # Errors
    /// If the problem gives no mini-batches.
    pub(super) fn pass(
        &mut self,
        walkers: &mut Walkers,
        target: &Target<'_>,
        batch: usize,
        rate: impl Fn(f64) -> f64,
        stroke: Stroke,
    ) -> Result<Passed> {
        let rows = target.stage.cost();
        let sampled = target.problem.row_sampled()?;
        let batches = sampled.batches(Ring::first(rows, rows), batch);
        let safe = walkers.positions.clone();
        let mut gradient = safe.zeros_like();
        let mut passed = Passed::default();
        let prior = target.problem.prior();
        for segments in batches.epoch(stroke.streams, 0, stroke.pass) {
            let priors = prior.log_density(&walkers.positions, Some(&mut gradient));
            let problem = target.problem;
            let sums = problem.log_likelihood(&walkers.positions, &segments, Some(&mut gradient));
            let logs = priors.iter().zip(sums.totals()).map(|(p, s)| p + s);
            let lost = logs.enumerate().filter(|(_, log)| !log.is_finite());
            let lost: Vec<usize> = lost.map(|(i, _)| i).collect();
            if !lost.is_empty() {
                passed.undone += lost.len();
                walkers.positions.scatter(&lost, &safe.gather(&lost));
                gradient.clear_some(&lost);
                for moment in &mut self.moments {
                    moment.clear_some(&lost);
                }
                for &i in &lost {
                    self.slower[i] *= 0.5;
                    self.updates[i] = 0;
                }
            }
            gradient.clear_coordinates(&self.held);
            let now = rate(passed.steps as f64 / batches.count() as f64);
            let each = self.updates.iter_mut().zip(&self.slower);
            let steps = each.map(|(updates, slower)| {
                *updates = updates.saturating_add(1);
                adam_step(now * slower, *updates, rows)
            });
            let steps: Vec<AdamStep> = steps.collect();
            walkers
                .positions
                .adam(&mut self.moments, &mut gradient, &steps);
            passed.steps += 1;
        }
        Ok(passed)
    }
}
