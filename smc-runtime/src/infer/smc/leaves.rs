//! What a run leaves behind: its particles as draws, with words of caution.

use super::run::SmcRun;
use crate::base::error::{Error, Result};
use crate::infer::draws::NEARLY;
use crate::infer::{DrawnFrom, Draws, Island, Nearness, Outcome};
use crate::problem::population::Population;
use crate::sampling::weights::Weights;

impl SmcRun<'_> {
    /// The weighted particles.
    pub(super) fn leave(self) -> Result<Outcome> {
        let (settings, state) = (self.settings, self.state);
        let complete = state.stage.is_posterior(self.problem.rows());
        let islands = state.weights.each().iter().map(Island::from).collect();
        let mut cautions = state.cautions;
        if !complete {
            cautions.push(
                "the annealing ended before all rows were in: these draws are not from the posterior, and there is no evidence"
                    .to_owned(),
            );
        }
        let mut generations = state.generations;
        if state
            .walk
            .is_some_and(|(_, walked)| walked == generations.len())
        {
            // Nothing is recycled: beside the walk there is the last cloud.
            let last = (state.cloud.positions().clone(), state.weights.clone());
            generations.push(last);
        }
        let generations_in_all = generations.len();
        let (positions, weights) = if complete && !generations.is_empty() {
            let (positions, weights): (Vec<_>, Vec<_>) = generations.into_iter().unzip();
            let combined = weights.iter().map(|w| w.combined(settings.combine));
            let weights = Weights::recycled(&combined.collect::<Vec<_>>());
            let weights = weights
                .map_err(|refusal| Error::shape("generations", "alike", format!("{refusal:?}")))?;
            (Population::interleave(&positions), weights)
        } else {
            let weights = state.weights.combined(settings.combine);
            (Some(state.cloud.into_positions()), weights)
        };
        let positions = positions.unwrap_or_else(|| Population::zeros(0, self.problem.dim()));
        let mut draws = Draws::islands(positions, &weights, islands)?;
        draws = if let (true, Some(inexact)) = (complete, state.inexact) {
            cautions.push(NEARLY.to_owned());
            draws.meant_for(DrawnFrom::Nearly(inexact.into()))
        } else if complete {
            let draws = draws.with_log_evidence(state.weights.log_evidence());
            match state.walk {
                Some((from, walked)) => {
                    cautions.push(format!(
                        "{walked} of the draws of each particle were kept from the way to the start; the evidence is that of the particles alone"
                    ));
                    let exact = generations_in_all - walked;
                    let finer = exact as f64 / generations_in_all as f64;
                    draws.meant_for(match from {
                        DrawnFrom::Nearly(near) => DrawnFrom::Nearly(Nearness {
                            finer,
                            by_exact_moves: true,
                            ..near
                        }),
                        other => other,
                    })
                }
                None => draws,
            }
        } else {
            draws.meant_for(DrawnFrom::Stage {
                rows: state.stage.effective_rows(),
                all_rows: self.problem.rows(),
            })
        };
        Ok(Outcome { draws, cautions })
    }
}
