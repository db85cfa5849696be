//! Sequential Monte Carlo: its settings, its loop, and what the loop leaves behind.

mod cost;
mod leaves;
mod run;
mod settings;
mod warm;

pub use settings::Smc;

use std::sync::Arc;

use super::{Cost, Inference, Stepwise};
use crate::base::error::Result;
use crate::base::rng::Streams;
use crate::base::saved::Saved;
use crate::problem::Problem;
use run::SmcRun;
use warm::WarmRun;

/// Sequential Monte Carlo with smooth data annealing and HMC, unless set otherwise.
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

    fn cost(&self, problem: &dyn Problem) -> Option<Cost> {
        Some(cost::of(&self.settled(problem), problem))
    }

    fn begin<'a>(
        &self,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
    ) -> Result<Box<dyn Stepwise + 'a>> {
        self.check(&*problem)?;
        let settings = self.settled(&*problem);
        Ok(match &settings.warm {
            Some(warm) => Box::new(WarmRun::new(warm, settings.cold(), problem, streams)?),
            None => Box::new(SmcRun::new(settings, problem, streams)?),
        })
    }

    fn resume<'a>(
        &self,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
        state: &Saved,
    ) -> Result<Box<dyn Stepwise + 'a>> {
        self.check(&*problem)?;
        let settings = self.settled(&*problem);
        Ok(match &settings.warm {
            Some(warm) => {
                let cold = settings.cold();
                Box::new(WarmRun::resume(warm, cold, problem, streams, state)?)
            }
            None => Box::new(SmcRun::resume(settings, problem, streams, state)?),
        })
    }
}
