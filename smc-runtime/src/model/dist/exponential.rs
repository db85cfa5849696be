//! The exponential distribution.

use super::{Prior, positive};
use crate::base::rng::Stream;
use crate::model::algebra::{Algebra, Num};
use crate::model::transform::Support;

/// `Exponential(rate)`: log p(x) = log rate − rate x for x > 0.
///
/// The rate is in one over the units of x; the mean is 1/rate.
///
/// ```
/// use smc_runtime::prelude::*;
/// assert!((Exponential(2.0).log_density(0.3) - 0.09314718055994531).abs() < 1e-14);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exponential<A = Num>(pub A);

impl<S: Algebra> Exponential<S> {
    /// The normalised log-density at a positive x.
    pub fn log_density(&self, x: S) -> S {
        self.0.clone().ln() - x * self.0.clone()
    }
}

impl Prior for Exponential<Num> {
    const SUPPORT: Support = Support::Positive;

    fn log_density(&self, x: Num) -> Num {
        self.log_density(x)
    }

    fn sample(&self, stream: &mut Stream) -> f64 {
        -stream.uniform().ln() / self.0.value()
    }

    fn check(&self) -> Result<(), String> {
        positive("the rate of `Exponential`", self.0)
    }
}
