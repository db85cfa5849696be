//! The uniform distribution.

use super::{Prior, finite, is_zero};
use crate::base::rng::Stream;
use crate::model::algebra::Num;
use crate::model::transform::Support;

/// `Uniform(low, high)`: log p(x) = −log(high − low) for low ≤ x ≤ high, and no density elsewhere.
///
/// It stands on any field whose values include the interval: `Uniform(0.0, 1.0)` on a `UnitInterval`, `Uniform(0.0, 10.0)`
/// on a `Scale`. Where the field has values outside, the density ends at a wall: proposals beyond it are rejected, and
/// nothing tells a gradient where it is. A prior without walls, such as `HalfNormal`, is sampled better.
///
/// ```
/// use smc_runtime::prelude::*;
/// assert_eq!(Uniform(0.0, 4.0).log_density(1.0), -(4f64.ln()));
/// assert_eq!(Uniform(0.0, 4.0).log_density(5.0), f64::NEG_INFINITY);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Uniform<A = Num>(pub A, pub A);

impl Uniform<f64> {
    /// The normalised log-density at x.
    pub fn log_density(&self, x: f64) -> f64 {
        let uniform = Uniform(Num::constant(self.0), Num::constant(self.1));
        uniform.log_density(Num::constant(x)).value()
    }
}

impl Uniform<Num> {
    fn holds(&self, x: f64) -> bool {
        self.0.value() <= x && x <= self.1.value()
    }
}

impl Prior for Uniform<Num> {
    // What it stands on is judged by its interval.
    const SUPPORT: Support = Support::Real;
    const ANYWHERE: bool = true;

    fn log_density(&self, x: Num) -> Num {
        if self.holds(x.value()) {
            -(self.1 - self.0).ln()
        } else {
            Num::constant(f64::NEG_INFINITY)
        }
    }

    fn sample(&self, stream: &mut Stream) -> f64 {
        let (low, high) = (self.0.value(), self.1.value());
        low + (high - low) * stream.uniform()
    }

    fn is_even(&self) -> bool {
        is_zero(self.0 + self.1)
    }

    fn check(&self) -> Result<(), String> {
        finite("the lower bound of `Uniform`", self.0)?;
        finite("the upper bound of `Uniform`", self.1)?;
        let (low, high) = (self.0.value(), self.1.value());
        if low < high {
            Ok(())
        } else {
            Err(format!(
                "`Uniform` is from {low} to {high}; the first must be smaller"
            ))
        }
    }

    fn within(&self) -> Option<(f64, f64)> {
        Some((self.0.value(), self.1.value()))
    }
}
