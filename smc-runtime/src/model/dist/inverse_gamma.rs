//! The inverse gamma distribution.

use super::{Prior, positive};
use crate::base::rng::Stream;
use crate::model::algebra::{LnGamma, Num};
use crate::model::transform::Support;

/// `InverseGamma(shape, scale)`: one over a `Gamma(shape, rate = scale)`;
/// log p(x) = a log b − log Γ(a) − (a + 1) log x − b/x for x > 0, with shape a and scale b
/// (Gelman et al., *Bayesian Data Analysis*, 3rd edition, appendix A).
///
/// The scale is in the units of x; the mean is scale/(shape − 1) for a shape above 1. It is the conjugate prior of a
/// *variance*; a `Scale` that is named as `sd` is a standard deviation.
///
/// ```
/// use smc_runtime::prelude::*;
/// assert!((InverseGamma(3.0, 2.0).log_density(1.5) - -1.5688994046461).abs() < 1e-13);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InverseGamma<A = Num>(pub A, pub A);

impl<S: LnGamma> InverseGamma<S> {
    /// The normalised log-density at a positive x.
    pub fn log_density(&self, x: S) -> S {
        let (shape, scale) = (self.0.clone(), self.1.clone());
        let power = (shape.clone() + 1.0) * x.clone().ln();
        shape.clone() * scale.clone().ln() - shape.ln_gamma() - power - scale / x
    }
}

impl Prior for InverseGamma<Num> {
    const SUPPORT: Support = Support::Positive;

    fn log_density(&self, x: Num) -> Num {
        self.log_density(x)
    }

    fn sample(&self, stream: &mut Stream) -> f64 {
        self.1.value() / super::gamma::standard_draw(self.0.value(), stream)
    }

    fn check(&self) -> Result<(), String> {
        positive("the shape of `InverseGamma`", self.0)?;
        positive("the scale of `InverseGamma`", self.1)
    }
}
