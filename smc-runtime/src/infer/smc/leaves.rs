//! What a run leaves behind: its particles as draws, with words of caution.

use super::run::SmcRun;
use crate::base::error::{Error, Result};
use crate::infer::{Draws, Island, Outcome};
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
                "the annealing policy did not end at all rows: these draws are not from the posterior, and there is no evidence"
                    .to_owned(),
            );
        }
        let (positions, weights) = if complete && !state.generations.is_empty() {
            let (positions, weights): (Vec<_>, Vec<_>) = state.generations.into_iter().unzip();
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
        if complete {
            draws = draws.with_log_evidence(state.weights.log_evidence());
        }
        Ok(Outcome { draws, cautions })
    }
}
