//! The log-normal distribution.

use super::{Normal, Prior, finite, positive};
use crate::base::rng::Stream;
use crate::model::algebra::{Algebra, Num};
use crate::model::transform::Support;

/// `LogNormal(mean, sd)`: e to the power of a `Normal(mean, sd)`; log p(x) = log Normal(log x | mean, sd) − log x for x > 0.
///
/// Mean and standard deviation are those of log x and have no units; the median of x is e^mean.
///
/// ```
/// use smc_runtime::prelude::*;
/// assert!((LogNormal(0.5, 0.8).log_density(2.0) - -1.4180873447615459).abs() < 1e-14);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogNormal<A = Num>(pub A, pub A);

impl<S: Algebra> LogNormal<S> {
    /// The normalised log-density at a positive x.
    pub fn log_density(&self, x: S) -> S {
        let log = x.ln();
        Normal(self.0.clone(), self.1.clone()).log_density(log.clone()) - log
    }
}

impl Prior for LogNormal<Num> {
    const SUPPORT: Support = Support::Positive;

    fn log_density(&self, x: Num) -> Num {
        self.log_density(x)
    }

    fn sample(&self, stream: &mut Stream) -> f64 {
        Normal(self.0, self.1).sample(stream).exp()
    }

    fn check(&self) -> Result<(), String> {
        finite("the mean of log x in `LogNormal`", self.0)?;
        positive("the standard deviation of log x in `LogNormal`", self.1)
    }
}
