//! Student's t distribution.

use super::{LN_PI, Prior, finite, positive};
use crate::algebra::{LnGamma, Num};
use crate::rng::Stream;
use crate::transform::Support;

/// `StudentT(df, location, scale)`: with ν degrees of freedom and z = (x − location)/scale,
/// log p(x) = log Γ((ν + 1)/2) − log Γ(ν/2) − ½ log νπ − log scale − ½ (ν + 1) log(1 + z²/ν)
/// (Gelman et al., *Bayesian Data Analysis*, 3rd edition, appendix A).
///
/// Location and scale are in the units of x; ν has none. The variance is scale² ν/(ν − 2) for ν above 2.
///
/// ```
/// use smc_runtime::prelude::*;
/// assert!((StudentT(5.0, 0.0, 2.0).log_density(1.0) - -1.8081372621229663).abs() < 1e-14);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StudentT<A = Num>(pub A, pub A, pub A);

impl<S: LnGamma> StudentT<S> {
    /// The normalised log-density at x.
    pub fn log_density(&self, x: S) -> S {
        let (df, half) = (self.0.clone(), self.0.clone() * 0.5);
        let z = (x - self.1.clone()) / self.2.clone();
        let constant =
            (half.clone() + 0.5).ln_gamma() - half.clone().ln_gamma() - df.clone().ln() * 0.5;
        let tail = (half + 0.5) * (z.square() / df + 1.0).ln();
        constant - self.2.clone().ln() - tail - 0.5 * LN_PI
    }
}

impl Prior for StudentT<Num> {
    const SUPPORT: Support = Support::Real;

    fn log_density(&self, x: Num) -> Num {
        self.log_density(x)
    }

    fn sample(&self, stream: &mut Stream) -> f64 {
        let (df, normal) = (self.0.value(), stream.normal());
        let chi_squared = 2.0 * super::gamma::standard_draw(df / 2.0, stream);
        self.1.value() + self.2.value() * normal / (chi_squared / df).sqrt()
    }

    fn check(&self) -> Result<(), String> {
        positive("the degrees of freedom of `StudentT`", self.0)?;
        finite("the location of `StudentT`", self.1)?;
        positive("the scale of `StudentT`", self.2)
    }
}
