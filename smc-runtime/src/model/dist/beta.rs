//! The beta distribution.

use rand_distr::Distribution;

use super::{Prior, positive};
use crate::base::rng::Stream;
use crate::model::algebra::{LnGamma, Num};
use crate::model::transform::Support;

/// `Beta(a, b)`: log p(x) = log Γ(a + b) − log Γ(a) − log Γ(b) + (a − 1) log x + (b − 1) log(1 − x) for 0 < x < 1
/// (Gelman et al., *Bayesian Data Analysis*, 3rd edition, appendix A).
///
/// The mean is a/(a + b); `Beta(1.0, 1.0)` is uniform. Parameters are `f32`: a shape below about 0.05 has mass at numbers
/// too near a bound for it.
///
/// ```
/// use smc_runtime::prelude::*;
/// // 30 x (1 - x)^4
/// assert!((Beta(2.0, 5.0).log_density(0.2) - (30.0 * 0.2 * 0.8f64.powi(4)).ln()).abs() < 1e-14);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Beta<A = Num>(pub A, pub A);

impl<S: LnGamma> Beta<S> {
    /// The normalised log-density at an x between 0 and 1.
    pub fn log_density(&self, x: S) -> S {
        let (a, b) = (self.0.clone(), self.1.clone());
        let constant =
            (a.clone() + b.clone()).ln_gamma() - a.clone().ln_gamma() - b.clone().ln_gamma();
        constant + (a - 1.0) * x.clone().ln() + (b - 1.0) * (-x + 1.0).ln()
    }
}

impl Prior for Beta<Num> {
    const SUPPORT: Support = Support::UnitInterval;

    fn log_density(&self, x: Num) -> Num {
        self.log_density(x)
    }

    fn sample(&self, stream: &mut Stream) -> f64 {
        rand_distr::Beta::new(self.0.value(), self.1.value()).map_or(f64::NAN, |b| b.sample(stream))
    }

    fn check(&self) -> Result<(), String> {
        positive("the first shape of `Beta`", self.0)?;
        positive("the second shape of `Beta`", self.1)
    }
}
