//! Events for those who collect them with the crate `tracing`: nothing without the feature of that name.

use crate::infer::observe::Step;
use crate::problem::Problem;

/// A run begins.
#[cfg(feature = "tracing")]
pub(super) fn begin(algorithm: &str, model: &str, problem: &dyn Problem, seed: u64) {
    let (rows, parameters) = (problem.rows(), problem.dim());
    tracing::info!(target: "smc_runtime", algorithm, model, rows, parameters, seed, "begin");
}

/// A step was made.
#[cfg(feature = "tracing")]
pub(super) fn step(algorithm: &str, step: &Step) {
    tracing::info!(
        target: "smc_runtime",
        algorithm,
        step = step.step,
        done = step.done,
        rows = step.rows,
        all_rows = step.all_rows,
        moves = step.moves,
        non_finite = step.non_finite,
        acceptance = step.acceptance(),
        step_size = step.step_size(),
        log_evidence = step.stage().map(|stage| stage.log_evidence),
        row_gradients = step.counts.row_gradients,
        seconds = step.seconds,
        "step"
    );
}

#[cfg(not(feature = "tracing"))]
pub(super) fn begin(_: &str, _: &str, _: &dyn Problem, _: u64) {}

#[cfg(not(feature = "tracing"))]
pub(super) fn step(_: &str, _: &Step) {}
