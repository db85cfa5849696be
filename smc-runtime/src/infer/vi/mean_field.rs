//! The evidence bound by reparametrised gradients and Adam: the baseline.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::plan::{Passes, passes_draws, passes_setters};
use super::run::{Batch, Fit, Rule};
use super::start::{Start, start};
use super::{Fitting, Variational, inference_of_a_fit};
use crate::base::error::{Error, Result};
use crate::base::rng::Streams;
use crate::base::saved::Saved;
use crate::family::{Diagonal, Family, Member};
use crate::infer::optimise::{adam_step, cosine};
use crate::infer::{Cost, Inference, Stepwise};
use crate::problem::Problem;
use crate::problem::density::Density;
use crate::problem::population::Population;

/// Maximises the evidence lower bound E_q\[log p(θ) + Σ ℓ_i(θ) − log q(θ)\] over a family by stochastic gradients through the draws
/// (D. P. Kingma, M. Welling, *Auto-Encoding Variational Bayes*, ICLR 2014; A. Kucukelbir et al., *Automatic Differentiation Variational
/// Inference*, JMLR 2017), one draw for every mini-batch, by Adam at a rate that falls to zero. The family is
/// [`Diagonal`](crate::family::Diagonal), mean field, unless it is [set](MeanField::family).
///
/// ```
/// use smc_runtime::family::LowRank;
/// use smc_runtime::prelude::*;
///
/// #[bayes_model]
/// #[likelihood(Normal(mean = output, sd = 1.0))]
/// struct Plane {
///     #[prior(Normal(0.0, 1.0))]
///     output: Linear<2, 1>,
/// }
///
/// // Two features that are nearly the same: their weights are correlated, which independent ones cannot say.
/// let x = vec![1.0, 1.1, -1.0, -0.9, 0.5, 0.4, -0.4, -0.5];
/// let data = Dataset::new(2, x, vec![1.0, -1.0, 0.5, -0.5])?;
/// let apart = Plane::infer(&data).with(mean_field().passes(3000)).run()?;
/// let together = Plane::infer(&data).with(mean_field().family(LowRank { rank: 1 }).passes(3000)).run()?;
/// let sd = |fit: &Posterior<Plane>| fit.summary().quantities[0].sd;
/// assert!(sd(&together) > 1.05 * sd(&apart));
/// # Ok::<(), Error>(())
/// ```
pub fn mean_field() -> MeanField {
    MeanField {
        passes: Passes::default(),
        family: Arc::new(Diagonal),
        rate: 0.003,
    }
}

/// The settings of the fit by reparametrised gradients; see [`mean_field`].
#[derive(Clone, Debug)]
pub struct MeanField {
    passes: Passes,
    family: Arc<dyn Family>,
    rate: f64,
}

impl MeanField {
    passes_setters!();

    /// The family, such as [`LowRank`](crate::family::LowRank), [`Full`](crate::family::Full), or one of your own.
    pub fn family(mut self, family: impl Family + 'static) -> Self {
        self.family = Arc::new(family);
        self
    }

    /// Learning rate of Adam at the start; it falls to zero along half a cosine. 0.003 unless set.
    pub fn rate(mut self, rate: f64) -> Self {
        self.rate = rate;
        self
    }

    fn check(&self) -> Result<()> {
        if self.rate > 0.0 && self.rate.is_finite() {
            return Ok(());
        }
        let expected = "a positive, finite learning rate is needed";
        Err(Error::config("rate", self.rate, expected))
    }
}

struct ByPaths {
    family: Arc<dyn Family>,
    rate: f64,
}

#[derive(Clone, Serialize, Deserialize)]
struct Numbers {
    member: Member,
    moments: [Population; 2],
    /// Updates since the moments were zero.
    updates: i32,
}

impl Rule for ByPaths {
    type Numbers = Numbers;

    fn dim(numbers: &Numbers) -> usize {
        numbers.member.dim()
    }

    fn update(&self, numbers: &mut Numbers, at: &Batch<'_>) -> Result<f64> {
        let (family, problem) = (&*self.family, at.problem);
        let (theta, noise) = numbers.member.draw(family, at.streams, at.number);
        let mut gradient = theta.zeros_like();
        let prior = problem.prior().log_density(&theta, Some(&mut gradient))[0];
        let sums = problem.log_likelihood(&theta, at.segments, Some(&mut gradient));
        let sum = sums.totals()[0];
        let mut slope = numbers.member.slope(family, &noise, &gradient);
        if !(sum + prior).is_finite() || slope.first_not_finite().is_some() {
            return Ok(f64::NAN);
        }
        numbers.updates = numbers.updates.saturating_add(1);
        let rows = problem.rows();
        let step = adam_step(cosine(self.rate, at.done), numbers.updates, rows);
        let own = numbers.member.numbers();
        own.adam(&mut numbers.moments, &mut slope, &[step]);
        Ok(sum * rows as f64 / at.rows as f64)
    }

    fn density(&self, numbers: &Numbers) -> Result<Arc<dyn Density>> {
        numbers.member.density(&*self.family)
    }
}

impl Inference for MeanField {
    inference_of_a_fit!("mean_field", |vi, problem| vi.passes.cost(problem));
}

impl Variational for MeanField {
    fn planned_for(&self, passes: usize) -> Option<Arc<dyn Variational>> {
        Some(Arc::new(self.clone().passes(passes)))
    }

    fn fit<'a>(
        &self,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
        state: Option<&Saved>,
    ) -> Result<Box<dyn Fitting + 'a>> {
        self.check()?;
        let plan = self.passes.plan(&*problem)?;
        let begin = |problem: &dyn Problem| {
            let Start { mean, sd, .. } = start(problem, streams);
            let mut member = Member::new(&*self.family, &mean, &sd)?;
            let zeros = member.numbers().zeros_like();
            Ok(Numbers {
                member,
                moments: [zeros.clone(), zeros],
                updates: 0,
            })
        };
        let rule = ByPaths {
            family: self.family.clone(),
            rate: self.rate,
        };
        let fit = Fit::begin(rule, plan, problem, streams, state, begin)?;
        Ok(Box::new(fit))
    }
}
