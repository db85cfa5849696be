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
    /// Steps of a walker that were taken back, because its log-density was not finite.
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
/// A walker whose log-density is not finite goes back to where it began the pass, at rest, and the step is halved for all.
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
        let lost = (0..logs.len()).filter(|&i| !logs[i].is_finite());
        let lost: Vec<usize> = lost.collect();
        if !lost.is_empty() {
            passed.undone += lost.len();
            walkers.positions.scatter(&lost, &safe.gather(&lost));
            walkers.momenta.clear_some(&lost);
            walkers.tuning.step *= 0.5;
        }
    }
    Ok(passed)
}

/// The places of a batch among the rows of a stage.
fn places(segments: &[Segment]) -> RowSet {
    RowSet::new(segments.iter().map(|s| s.rows.clone()))
}
