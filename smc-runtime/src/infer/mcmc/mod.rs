//! Markov chain Monte Carlo: many chains at once on the posterior.

mod chains;
mod settings;
mod visited;

pub use settings::Mcmc;

use std::sync::Arc;

use super::{Inference, Stepwise};
use crate::base::error::Result;
use crate::base::rng::Streams;
use crate::base::saved::Saved;
use crate::problem::Problem;
use chains::ChainsRun;

/// 8 chains of HMC from the prior, 500 warm-up moves and 500 draws each, unless set otherwise.
///
/// In the first half of the warm-up the likelihood enters by tempering, so that a chain does not have to climb from a
/// draw of the prior to the posterior at once; in the second half the step size settles and the scales are renewed.
///
/// ```
/// use smc_runtime::prelude::*;
/// let algorithm = mcmc().chains(4).warmup(1000).draws(200).thin(5).kernel(Hmc::leapfrogs(20));
/// ```
pub fn mcmc() -> Mcmc {
    Mcmc::default()
}

impl Inference for Mcmc {
    fn name(&self) -> &'static str {
        "mcmc"
    }

    fn begin<'a>(
        &self,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
    ) -> Result<Box<dyn Stepwise + 'a>> {
        self.check()?;
        Ok(Box::new(ChainsRun::new(self.clone(), problem, streams)?))
    }

    fn resume<'a>(
        &self,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
        state: &Saved,
    ) -> Result<Box<dyn Stepwise + 'a>> {
        self.check()?;
        let run = ChainsRun::resume(self.clone(), problem, streams, state)?;
        Ok(Box::new(run))
    }
}
