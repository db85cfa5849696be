//! The half-Cauchy distribution.

use std::f64::consts::{FRAC_PI_2, LN_2};

use super::{Cauchy, Prior, positive};
use crate::base::rng::Stream;
use crate::model::algebra::{Algebra, Num};
use crate::model::transform::Support;

/// `HalfCauchy(scale)`: the absolute value of a `Cauchy(0, scale)`; log p(x) = log 2 + log Cauchy(x | 0, scale) for x > 0
/// (Gelman, 2006; the horseshoe's scales, Carvalho, Polson and Scott, 2010).
///
/// The scale, in the units of x, is the median.
///
/// ```
/// use smc_runtime::prelude::*;
/// assert!((HalfCauchy(2.0).log_density(1.0) - -1.3678734371636099).abs() < 1e-14);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HalfCauchy<A = Num>(pub A);

impl<S: Algebra> HalfCauchy<S> {
    /// The normalised log-density at a positive x.
    pub fn log_density(&self, x: S) -> S {
        let zero = self.0.clone() * 0.0;
        Cauchy(zero, self.0.clone()).log_density(x) + LN_2
    }
}

impl Prior for HalfCauchy<Num> {
    const SUPPORT: Support = Support::Positive;

    fn log_density(&self, x: Num) -> Num {
        self.log_density(x)
    }

    fn sample(&self, stream: &mut Stream) -> f64 {
        self.0.value() * (FRAC_PI_2 * stream.uniform()).tan()
    }

    fn check(&self) -> Result<(), String> {
        positive("the scale of `HalfCauchy`", self.0)
    }
}
