//! Sequential Monte Carlo: its settings, its loop, and what the loop leaves behind.

mod draws;
mod run;
mod settings;

pub use run::{SmcRun, SmcState};
pub use settings::Smc;

use super::{Draws, Inference, Session};
use crate::base::error::Result;
use crate::problem::Problem;
use crate::sampling::start;

/// Sequential Monte Carlo with 64 particles, smooth data annealing and HMC, unless set otherwise.
///
/// ```
/// use smc_runtime::prelude::*;
/// let algorithm = smc().particles(128).annealing(Tempering::adaptive()).kernel(Hmc::leapfrogs(5)).moves(2);
/// ```
pub fn smc() -> Smc {
    Smc::default()
}

impl Inference for Smc {
    fn name(&self) -> &'static str {
        "smc"
    }

    fn infer(&self, problem: &dyn Problem, session: &mut Session<'_>) -> Result<Draws> {
        let mut settings = self.clone();
        if let Some((algorithm, spread)) = settings.warm.take() {
            self.check(problem)?;
            let centres = algorithm.infer(problem, session)?.positions;
            let start = start::around(problem, centres, spread)?;
            settings = settings.start(start);
        }
        let mut run = SmcRun::new(settings, problem, session.streams())?;
        if let Some(plan) = run.plan() {
            session.plan(plan);
        }
        while let Some(step) = run.step()? {
            session.report(step)?;
        }
        Ok(run.into_draws())
    }
}
