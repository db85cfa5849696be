//! The half-normal distribution.

use super::normal::HALF_LN_TAU;
use super::{Prior, positive};
use crate::base::rng::Stream;
use crate::model::algebra::{Algebra, Num};
use crate::model::transform::Support;

/// `HalfNormal(scale)`: the absolute value of a `Normal(0, scale)`;
/// log p(x) = log 2 − ½ (x/scale)² − log scale − ½ log 2π for x > 0.
///
/// ```
/// use smc_runtime::prelude::*;
/// assert!((HalfNormal(1.0).log_density(0.0) - -0.22579135264472744).abs() < 1e-14);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HalfNormal<A = Num>(pub A);

impl<S: Algebra> HalfNormal<S> {
    /// The normalised log-density at a positive x.
    pub fn log_density(&self, x: S) -> S {
        let z = x / self.0.clone();
        z.square() * -0.5 - self.0.clone().ln() - (HALF_LN_TAU - std::f64::consts::LN_2)
    }
}

impl Prior for HalfNormal<Num> {
    const SUPPORT: Support = Support::Positive;

    fn log_density(&self, x: Num) -> Num {
        self.log_density(x)
    }

    fn sample(&self, stream: &mut Stream) -> f64 {
        self.0.value() * stream.normal().abs()
    }

    fn check(&self) -> Result<(), String> {
        positive("the scale of `HalfNormal`", self.0)
    }
}
