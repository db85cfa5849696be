//! What the laws share: models with known answers, the laws themselves, and simulated data.

pub mod altered;
pub mod conjugate;
pub mod laws;
pub mod models;

use std::ops::ControlFlow;
use std::sync::Arc;

use smc_runtime::base::diagnostics::log_mean_error;
use smc_runtime::base::exec;
use smc_runtime::base::rng::{Purpose, Streams};
use smc_runtime::infer::observe::{Observer, Step};
use smc_runtime::infer::{Draws, Inference, Outcome, complete};
use smc_runtime::prelude::*;
use smc_runtime::problem::Problem;

pub use smc_runtime::testing::{mean_se, near};

/// `n` standard normal numbers.
pub fn normals(n: usize, seed: u64) -> Vec<f32> {
    Streams::new(seed)
        .stream(Purpose::Simulate, 0, 0, 0)
        .normals(n)
}

/// `n` rows of `columns` standard normal features, with the targets that `target` gives to (row number, features).
///
/// # Panics
/// If `target` gives a number that is not finite.
pub fn table(
    n: usize,
    columns: usize,
    seed: u64,
    target: impl Fn(usize, &[f32]) -> f32,
) -> Dataset {
    let x = normals(n * columns, seed);
    let y = (0..n)
        .map(|i| target(i, &x[i * columns..(i + 1) * columns]))
        .collect();
    Dataset::new(columns, x, y).expect("finite data")
}

/// The draws of an algorithm on a problem, on one thread: laws run side by side.
///
/// # Errors
/// If the run fails.
pub fn infer(algorithm: &dyn Inference, problem: &dyn Problem, seed: u64) -> Result<Draws> {
    Ok(stepped(algorithm, problem, seed)?.1.draws)
}

/// The steps of an algorithm on a problem and what they leave, on one thread.
///
/// # Errors
/// If the run fails.
pub fn stepped(
    algorithm: &dyn Inference,
    problem: &dyn Problem,
    seed: u64,
) -> Result<(Vec<Step>, Outcome)> {
    exec::with_threads(Some(1), || {
        complete(algorithm.begin(Arc::new(problem), Streams::new(seed))?)
    })?
}

/// The log-evidence of a run on islands, and the error of their log-mean.
///
/// # Errors
/// If the run fails.
///
/// # Panics
/// If it has no evidence, or no islands to compare.
pub fn evidence(algorithm: &dyn Inference, problem: &dyn Problem, seed: u64) -> Result<(f64, f64)> {
    let draws = infer(algorithm, problem, seed)?;
    let each = draws.each_island().iter();
    let each: Vec<f64> = each.map(|island| island.log_evidence).collect();
    let error = log_mean_error(&each).expect("islands");
    Ok((draws.log_evidence().expect("an evidence"), error))
}

/// Whether two such evidences, known well enough, are the same.
///
/// # Panics
/// If they are not.
pub fn agree(what: &str, with: (f64, f64), without: (f64, f64)) {
    let both = (with.1 * with.1 + without.1 * without.1).sqrt();
    let said = format!("{what}: {with:?} with, {without:?} without");
    println!("{said}");
    assert!(
        both < 0.3 && (with.0 - without.0).abs() < 4.5 * both,
        "{said}"
    );
}

/// The weighted mean of a function of the draws.
pub fn expectation(draws: &Draws, f: impl Fn(&[f32]) -> f64) -> f64 {
    let weights = draws.weights();
    let terms = weights.iter().enumerate();
    terms.map(|(i, w)| w * f(draws.positions().row(i))).sum()
}

/// Ends a run with the step of that number.
pub struct EndAt(pub usize);

impl Observer for EndAt {
    fn step(&mut self, step: &Step) -> ControlFlow<()> {
        if step.step == self.0 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}
