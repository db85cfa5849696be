//! The Cauchy distribution.

use super::{LN_PI, Prior, finite, is_zero, positive};
use crate::base::rng::Stream;
use crate::model::algebra::{Algebra, Num};
use crate::model::transform::Support;

/// `Cauchy(location, scale)`: log p(x) = −log(1 + z²) − log scale − log π with z = (x − location)/scale.
///
/// Both arguments are in the units of x; half of the mass lies within one scale of the location. It has no mean.
///
/// ```
/// use smc_runtime::prelude::*;
/// assert!((Cauchy(0.0, 2.0).log_density(1.0) - -2.061020617723555).abs() < 1e-14);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cauchy<A = Num>(pub A, pub A);

impl<S: Algebra> Cauchy<S> {
    /// The normalised log-density at x.
    pub fn log_density(&self, x: S) -> S {
        let z = (x - self.0.clone()) / self.1.clone();
        -(z.square() + 1.0).ln() - self.1.clone().ln() - LN_PI
    }
}

impl Prior for Cauchy<Num> {
    const SUPPORT: Support = Support::Real;

    fn log_density(&self, x: Num) -> Num {
        self.log_density(x)
    }

    fn sample(&self, stream: &mut Stream) -> f64 {
        let angle = std::f64::consts::PI * (stream.uniform() - 0.5);
        self.0.value() + self.1.value() * angle.tan()
    }

    fn is_even(&self) -> bool {
        is_zero(self.0)
    }

    fn check(&self) -> Result<(), String> {
        finite("the location of `Cauchy`", self.0)?;
        positive("the scale of `Cauchy`", self.1)
    }
}
