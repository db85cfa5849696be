//! A pass over the rows of a target, mini-batch by mini-batch.

use super::{StochasticGradient, Stroke, Walkers};
use crate::base::error::Result;
use crate::problem::rows::RowSet;
use crate::problem::{Ring, Segment};
use crate::sampling::cloud::Target;

/// What a pass did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// Steps made.
    pub steps: usize,
    /// Steps of a walker that were taken back, because its log-density was not finite or too low.
    pub undone: usize,
}

impl std::ops::AddAssign for Passed {
    fn add_assign(&mut self, other: Self) {
        self.steps += other.steps;
        self.undone += other.undone;
    }
}

/// Moves the walkers once over the rows of `target`, in batches of about `batch` that all of them share: a seeded partition of the
/// rows, another one at every pass. `stroke` says how; its step is counted from there.
///
/// A walker whose log-density is not finite, or whose mean over the pass is [too low](Walkers::lost_below), goes back to where it
/// began the pass, at rest, with half of its step.
///
/// # Errors
/// If the problem gives no mini-batches.
pub fn pass(
    kernel: &dyn StochasticGradient,
    walkers: &mut Walkers,
    target: &Target<'_>,
    batch: usize,
    stroke: Stroke,
) -> Result<Passed> {
    let rows = target.stage.cost();
    let sampled = target.problem.row_sampled()?;
    let batches = sampled.batches(Ring::first(rows, rows), batch);
    let safe = walkers.positions.clone();
    let mut sums = vec![0.0; safe.len()];
    let mut passed = Passed::default();
    for segments in batches.epoch(stroke.streams, 0, stroke.pass) {
        let stage = target.stage.part(&places(&segments));
        let some = Target {
            stage: &stage,
            ..*target
        };
        let step = stroke.step + passed.steps;
        let logs = kernel.step(walkers, &some, &Stroke { step, ..stroke });
        passed.steps += 1;
        for (sum, log) in sums.iter_mut().zip(&logs) {
            *sum += if log.is_finite() { *log } else { 0.0 };
        }
        let lost: Vec<usize> = (0..logs.len()).filter(|&i| !logs[i].is_finite()).collect();
        passed.undone += lost.len();
        walkers.take_back(&lost, &safe);
    }
    let means: Vec<f64> = sums
        .iter()
        .map(|s| s / passed.steps.max(1) as f64)
        .collect();
    let lost = walkers.lost(&means);
    passed.undone += lost.len();
    walkers.take_back(&lost, &safe);
    Ok(passed)
}

/// The places of a batch among the rows of a stage.
fn places(segments: &[Segment]) -> RowSet {
    RowSet::new(segments.iter().map(|s| s.rows.clone()))
}
