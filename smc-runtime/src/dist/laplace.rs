//! The Laplace distribution.

use std::f64::consts::LN_2;

use super::{Prior, finite, positive};
use crate::algebra::{Algebra, Num};
use crate::rng::Stream;
use crate::transform::Support;

/// `Laplace(location, scale)`: log p(x) = −|x − location|/scale − log scale − log 2. Its mode under a normal likelihood is
/// the lasso's (Park and Casella, 2008).
///
/// Both arguments are in the units of x; the standard deviation is √2 scale. The derivative at the location is taken to
/// be 0.
///
/// ```
/// use smc_runtime::prelude::*;
/// assert!((Laplace(1.0, 2.0).log_density(0.5) - -1.6362943611198906).abs() < 1e-14);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Laplace<A = Num>(pub A, pub A);

impl<S: Algebra> Laplace<S> {
    /// The normalised log-density at x.
    pub fn log_density(&self, x: S) -> S {
        let z = (x - self.0.clone()) / self.1.clone();
        -z.abs() - self.1.clone().ln() - LN_2
    }
}

impl Prior for Laplace<Num> {
    const SUPPORT: Support = Support::Real;

    fn log_density(&self, x: Num) -> Num {
        self.log_density(x)
    }

    fn sample(&self, stream: &mut Stream) -> f64 {
        let centred = stream.uniform() - 0.5;
        let distance = -(1.0 - 2.0 * centred.abs()).ln();
        self.0.value() + self.1.value() * distance.copysign(centred)
    }

    fn check(&self) -> Result<(), String> {
        finite("the location of `Laplace`", self.0)?;
        positive("the scale of `Laplace`", self.1)
    }
}
