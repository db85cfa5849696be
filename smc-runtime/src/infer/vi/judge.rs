//! What is known of a density that was fitted: its bound, its importance weights, and what it leaves.

use std::ops::Range;
use std::sync::Arc;

use super::plan::Leaves;
use crate::base::diagnostics::mean_variance;
use crate::base::error::{Error, Result};
use crate::base::psis::{LARGEST_K, smooth};
use crate::base::rng::{Purpose, Streams};
use crate::base::sums::log_sum_exp;
use crate::infer::{DrawnFrom, Draws, Fitted, Outcome};
use crate::problem::Problem;
use crate::problem::density::Density;
use crate::problem::population::Population;
use crate::problem::rows::RowSet;
use crate::sampling::weights::Weights;

/// Draws that a density is judged by: fewer where all rows of all of them would take long, but enough for a tail of five.
const DRAWS: usize = 1000;
const FEWEST: usize = 25;
const WORK: f64 = 1e11;

/// Numbers that are in memory together.
const TOGETHER: usize = 1 << 22;

/// Draws that held-out rows are scored under: the same ones at every pass.
const SCORED: usize = 8;

/// The mean over draws of the log-likelihood of some rows.
pub(super) fn held_out(
    problem: &dyn Problem,
    density: &dyn Density,
    rows: Range<usize>,
    streams: Streams,
) -> f64 {
    let mut thetas = Population::zeros(SCORED, density.dim());
    density.sample(streams.branch(Purpose::Judge), 1, &mut thetas);
    let segments = RowSet::from(rows).segments(0.0);
    let sums = problem.log_likelihood(&thetas, &segments, None).totals();
    sums.iter().sum::<f64>() / SCORED as f64
}

/// log p(θ) + Σ ℓ_i(θ) of some vectors, over all rows.
pub(super) fn log_joint(problem: &dyn Problem, thetas: &Population) -> Vec<f64> {
    let all = RowSet::from(0..problem.rows()).segments(1.0);
    let prior = problem.prior().log_density(thetas, None);
    let sums = problem.log_likelihood(thetas, &all, None).totals();
    let joint = prior.iter().zip(sums).map(|(p, s)| p + s);
    joint
        .map(|l| if l.is_nan() { f64::NEG_INFINITY } else { l })
        .collect()
}

/// Draws number `from` on of a density, with their log importance weights.
fn ratios(
    problem: &dyn Problem,
    density: &dyn Density,
    draws: usize,
    streams: Streams,
) -> Vec<f64> {
    let dim = density.dim();
    let together = (TOGETHER / dim.max(1)).clamp(1, draws);
    let mut logs = Vec::with_capacity(draws);
    while logs.len() < draws {
        let some = together.min(draws - logs.len());
        let mut thetas = Population::zeros(some, dim).numbered_from(logs.len());
        density.sample(streams, 0, &mut thetas);
        let q = density.log_density(&thetas, None);
        let joint = log_joint(problem, &thetas);
        logs.extend(joint.iter().zip(q).map(|(p, q)| p - q));
    }
    logs
}

fn fitted(logs: &[f64]) -> Fitted {
    let (mean, variance) = mean_variance(logs.iter().copied());
    Fitted {
        elbo: mean,
        elbo_error: (variance / logs.len() as f64).sqrt(),
        pareto_k: smooth(logs).k,
        draws: logs.len(),
        laplace: None,
    }
}

/// What a density that was fitted to the posterior of `problem` leaves.
pub(super) fn leave(
    problem: &dyn Problem,
    density: Arc<dyn Density>,
    streams: Streams,
    leaves: Leaves,
    mut cautions: Vec<String>,
) -> Result<Outcome> {
    let judging = streams.branch(Purpose::Judge);
    if leaves.weighted {
        let mut positions = Population::zeros(leaves.draws, density.dim());
        density.sample(judging, 0, &mut positions);
        let logs = ratios(problem, &*density, leaves.draws, judging);
        let found = fitted(&logs);
        let log_evidence = log_sum_exp(&logs) - (logs.len() as f64).ln();
        let mut weights = Weights::uniform(leaves.draws);
        let impossible = |_| Error::Diverged {
            what: format!("none of {} draws of the density is possible", leaves.draws),
            advice: "fit it longer, or take more draws",
        };
        weights
            .reweight(&smooth(&logs).log_weights)
            .map_err(impossible)?;
        if found.pareto_k.is_none_or(|k| k > LARGEST_K) {
            cautions.push(format!(
                "importance weights of a fitted density whose Pareto k is {}: neither they nor the log-evidence are to be trusted above {LARGEST_K}",
                found.pareto_k.map_or_else(|| "unknown".to_owned(), |k| format!("{k:.2}"))
            ));
        }
        let draws = Draws::cloud(positions, &weights)?.with_log_evidence(log_evidence);
        return Ok(Outcome { draws, cautions });
    }
    let affordable = WORK / (problem.rows() as f64 * problem.dim() as f64);
    let judged = (affordable as usize).clamp(FEWEST, DRAWS);
    let found = fitted(&ratios(problem, &*density, judged, judging));
    cautions.insert(
        0,
        "draws of a density that was fitted to the posterior: it has no evidence, and misses what its family cannot say".to_owned(),
    );
    let draws = Draws::of(density, streams.branch(Purpose::Member), leaves.draws);
    Ok(Outcome {
        draws: draws.meant_for(DrawnFrom::Fitted(found)),
        cautions,
    })
}
