//! Draws from the prior in the place of a posterior's.

use super::{Draws, Inference, Island, Session};
use crate::base::error::{Error, Result};
use crate::problem::Problem;
use crate::problem::population::Population;

/// Independent draws from the prior, of equal weight; the rows are not looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FromPrior {
    pub(crate) draws: usize,
}

impl Inference for FromPrior {
    fn name(&self) -> &'static str {
        "prior"
    }

    fn infer(&self, problem: &dyn Problem, session: &mut Session<'_>) -> Result<Draws> {
        if self.draws == 0 {
            return Err(Error::config("draws", 0, "at least 1 is needed"));
        }
        let mut positions = Population::zeros(self.draws, problem.dim());
        problem.prior().sample(session.streams(), 0, &mut positions);
        let island = Island {
            log_evidence: 0.0,
            ess: 1.0,
        };
        Ok(Draws {
            positions,
            log_weights: vec![-(self.draws as f64).ln(); self.draws],
            log_evidence: None,
            chains: 1,
            islands: vec![island],
            cautions: vec!["these are draws from the prior; the targets were not used".to_owned()],
        })
    }
}
