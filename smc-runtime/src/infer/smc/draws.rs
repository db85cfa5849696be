//! What a run leaves behind: its particles as draws, with their cautions.

use super::run::{SmcRun, distinct};
use crate::infer::{Draws, Island};
use crate::problem::population::Population;
use crate::sampling::weights::{Combine, Islands, Weights};

/// Fewer distinct initial particles than this is worth a word of caution.
const FEW: usize = 4;

impl SmcRun<'_> {
    /// The weighted particles.
    pub fn into_draws(self) -> Draws {
        let (settings, state) = (self.settings, self.state);
        let complete = state.stage.is_posterior(self.problem.rows());
        let mut cautions = state.cautions;
        if !complete {
            cautions.push(
                "the annealing policy did not end at all rows: these draws are not from the posterior, and there is no evidence"
                    .to_owned(),
            );
        }
        let ancestors = distinct(&state.roots);
        if ancestors < FEW.min(state.roots.len()) {
            cautions.push(format!(
                "only {ancestors} of {} initial particles have descendants: the draws are moves from few starts, and the log-evidence varies from seed to seed; take more moves, and compare seeds or islands",
                state.roots.len()
            ));
        }
        if settings.combine == Combine::Equally && settings.islands > 1 {
            cautions.push(format!(
                "{} islands count equally: an ensemble of runs rather than one weighted posterior",
                settings.islands
            ));
        }
        let islands = state.weights.each().iter().map(|weights| Island {
            log_evidence: weights.log_evidence(),
            ess: weights.ess(),
        });
        let islands = islands.collect();
        let log_evidence = complete.then(|| state.weights.log_evidence());
        let (positions, log_weights) = if complete && !state.generations.is_empty() {
            recycled(&state.generations, settings.combine)
        } else {
            let weights = state.weights.combined(settings.combine);
            (state.cloud.positions, weights.log().to_vec())
        };
        Draws {
            positions,
            log_weights,
            log_evidence,
            chains: 1,
            islands,
            cautions,
        }
    }
}

/// All generations as one weighted cloud, in which draws of one particle follow one another.
fn recycled(generations: &[(Population, Islands)], combine: Combine) -> (Population, Vec<f64>) {
    let weights: Vec<Weights> = generations
        .iter()
        .map(|(_, w)| w.combined(combine))
        .collect();
    let total: f64 = weights.iter().map(Weights::ess).sum();
    let dim = generations[0].0.dim();
    let mut positions = Population::zeros(generations.len() * generations[0].0.len(), dim);
    let mut log_weights = vec![0.0; positions.len()];
    for (k, ((particles, _), weights)) in generations.iter().zip(&weights).enumerate() {
        let share = (weights.ess() / total).ln();
        let places: Vec<usize> = (0..particles.len())
            .map(|i| i * generations.len() + k)
            .collect();
        positions.scatter(&places, particles);
        for (&place, log) in places.iter().zip(weights.log()) {
            log_weights[place] = log + share;
        }
    }
    (positions, log_weights)
}
