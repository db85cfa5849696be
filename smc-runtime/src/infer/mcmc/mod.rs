//! Markov chain Monte Carlo: many chains at once on the posterior.

mod chains;
mod modes;
mod needed;
mod settings;
mod symmetric;
mod visited;

pub(crate) use modes::{Said, grouped};
pub use needed::{chains, chains_for};
pub use settings::Mcmc;
pub use symmetric::{Symmetric, symmetric};

use std::sync::Arc;

use super::{Cost, Inference, Stepwise};
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

    fn cost(&self, problem: &dyn Problem) -> Option<Cost> {
        let (chains, draws) = (self.chains as f64, self.draws as f64);
        // The likelihood enters while the first half of the warm-up goes on, so that gradients are of all rows.
        let moves = self.moves() as f64;
        Some(Cost {
            row_gradients: problem.rows() as f64 * chains * moves * self.kernel.passes() as f64,
            guess: false,
            vectors: chains * (6.0 + draws) + 1024.0,
            reduce: "fewer chains or draws; a larger `thin` keeps fewer of them",
        })
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
