//! Markov chains by stochastic gradients: from the prior to draws near the posterior by mini-batches alone.

mod approach;
mod chains;
mod plan;
mod settings;

pub use settings::SgMcmc;

use std::sync::Arc;

use super::{Cost, Inference, Stepwise};
use crate::base::error::Result;
use crate::base::rng::Streams;
use crate::base::saved::Saved;
use crate::problem::Problem;
use crate::sampling::stochastic::{Psmile, Sghmc, Sgld};
use chains::SgRun;
use plan::Plan;

/// 16 chains of stochastic-gradient Hamiltonian Monte Carlo from the prior, unless set otherwise.
///
/// A run has two phases. In the *approach* no noise is added: Adam, whose preconditioner is a running second moment of the gradients,
/// takes every chain from its draw of the prior to where the posterior is, on batches that grow, at a rate that falls to zero. Then
/// scales are taken from the rows' [information](crate::sampling::adapt::Metric::Information), again after one, two, four and eight
/// passes, and kept; noise is added, and the chains are sampled on batches as large as it takes for their noise to add 0.01 to the
/// temperature; the step follows the energy error on a fixed subset of the rows. The last third is made at half the step, and the
/// report says how far that took the predictions.
///
/// Draws are not exact and carry no evidence; they are a start for exact moves: `smc().warm(sghmc(), 0.3)`.
///
/// ```
/// use smc_runtime::infer::DrawnFrom;
/// use smc_runtime::prelude::*;
///
/// #[bayes_model]
/// #[likelihood(Normal(mean = output, sd = 0.1))]
/// #[infer(sghmc(chains = 4, passes = 300))]
/// struct Curve {
///     #[prior(Normal(0.0, 2.0))]
///     hidden: Linear<1, 8>,
///     activation: Tanh,
///     #[prior(Normal(0.0, 1.0))]
///     output: Linear<8, 1>,
/// }
///
/// let x: Vec<f32> = (0..200).map(|i| i as f32 / 33.0 - 3.0).collect();
/// let y = x.iter().map(|x| x.sin()).collect();
/// let data = Dataset::new(1, x, y)?;
/// let chains = Curve::infer(&data).seed(1).run()?;
/// assert!(chains.predict(&data)?.summary().rmse < Some(0.1));
/// assert!(matches!(chains.drawn_from(), DrawnFrom::Nearly(_)));
/// assert_eq!(chains.log_evidence(), None);
/// # Ok::<(), Error>(())
/// ```
pub fn sghmc() -> SgMcmc {
    SgMcmc::of(Sghmc::default())
}

/// As [`sghmc`], by stochastic-gradient Langevin dynamics, without momenta.
pub fn sgld() -> SgMcmc {
    SgMcmc::of(Sgld)
}

/// As [`sghmc`], by [pSMILE](Psmile), which sets its steps itself.
pub fn psmile() -> SgMcmc {
    SgMcmc::of(Psmile::default())
}

impl Inference for SgMcmc {
    fn name(&self) -> &'static str {
        "sgmcmc"
    }

    fn cost(&self, problem: &dyn Problem) -> Option<Cost> {
        let plan = Plan::of(self, problem);
        let vectors = self.chains as f64 * (8.0 + plan.kept() as f64);
        let sampled = plan.sampled() * self.kernel.gradients();
        let passes = (plan.passes() - plan.sampled() + sampled) as f64;
        Some(Cost {
            row_gradients: self.chains as f64 * passes * problem.rows() as f64,
            guess: false,
            vectors,
            reduce: "fewer chains, or fewer draws of each",
        })
    }

    fn begin<'a>(
        &self,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
    ) -> Result<Box<dyn Stepwise + 'a>> {
        self.check()?;
        problem.row_sampled()?;
        Ok(Box::new(SgRun::new(self.clone(), problem, streams)))
    }

    fn resume<'a>(
        &self,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
        state: &Saved,
    ) -> Result<Box<dyn Stepwise + 'a>> {
        self.check()?;
        let run = SgRun::resume(self.clone(), problem, streams, state)?;
        Ok(Box::new(run))
    }
}
