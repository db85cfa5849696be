//! The gamma distribution.

use rand_distr::Distribution;

use super::{Prior, positive};
use crate::base::rng::Stream;
use crate::model::algebra::{LnGamma, Num};
use crate::model::transform::Support;

/// `Gamma(shape, rate)`: log p(x) = a log b − log Γ(a) + (a − 1) log x − b x for x > 0, with shape a and rate b
/// (Gelman et al., *Bayesian Data Analysis*, 3rd edition, appendix A).
///
/// The rate is in one over the units of x; the mean is shape/rate. Parameters are `f32`: a shape below about 0.05 has mass
/// at numbers too small for it.
///
/// ```
/// use smc_runtime::prelude::*;
/// assert!((Gamma(3.0, 2.0).log_density(1.5) - -0.8027754226637804).abs() < 1e-14);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gamma<A = Num>(pub A, pub A);

impl<S: LnGamma> Gamma<S> {
    /// The normalised log-density at a positive x.
    pub fn log_density(&self, x: S) -> S {
        let (shape, rate) = (self.0.clone(), self.1.clone());
        let power = (shape.clone() - 1.0) * x.clone().ln();
        shape.clone() * rate.clone().ln() - shape.ln_gamma() + power - x * rate
    }
}

impl Prior for Gamma<Num> {
    const SUPPORT: Support = Support::Positive;

    fn log_density(&self, x: Num) -> Num {
        self.log_density(x)
    }

    fn sample(&self, stream: &mut Stream) -> f64 {
        standard_draw(self.0.value(), stream) / self.1.value()
    }

    fn check(&self) -> Result<(), String> {
        positive("the shape of `Gamma`", self.0)?;
        positive("the rate of `Gamma`", self.1)
    }
}

/// One draw from the gamma distribution of rate 1; NaN if the shape is out of range.
pub(super) fn standard_draw(shape: f64, stream: &mut Stream) -> f64 {
    rand_distr::Gamma::new(shape, 1.0).map_or(f64::NAN, |gamma| gamma.sample(stream))
}
