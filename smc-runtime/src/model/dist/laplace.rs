//! The Laplace distribution.

use std::f64::consts::LN_2;

use super::{Prior, Response, Univariate, finite, is_zero, positive};
use crate::base::rng::Stream;
use crate::model::algebra::{Algebra, LnGamma, Num};
use crate::model::check::Key;
use crate::model::term::Term;
use crate::model::transform::Support;

/// `Laplace(location, scale)`: log p(x) = −|x − location|/scale − log scale − log 2. Its mode under a normal likelihood is
/// the lasso's (Park and Casella, 2008).
///
/// Both arguments are in the units of x; the standard deviation is √2 scale. The derivative at the location is taken to
/// be 0.
///
/// As a prior, `Laplace(0.0, tau)`; as a likelihood, `Laplace(mean = output, scale = noise)`, whose mode minimises absolute
/// errors.
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
        self.0.value() + self.1.value() * standard_draw(stream)
    }

    fn is_even(&self) -> bool {
        is_zero(self.0)
    }

    fn check(&self) -> Result<(), String> {
        finite("the location of `Laplace`", self.0)?;
        positive("the scale of `Laplace`", self.1)
    }
}

/// One draw with location 0 and scale 1.
fn standard_draw(stream: &mut Stream) -> f64 {
    let centred = stream.uniform() - 0.5;
    let distance = -(1.0 - 2.0 * centred.abs()).ln();
    distance.copysign(centred)
}

impl Default for Laplace<Term> {
    fn default() -> Self {
        Self(Term::Unset, Term::Unset)
    }
}

impl Laplace<Term> {
    /// The mean of a target, which is its median.
    #[doc(alias = "loc")]
    #[doc(alias = "location")]
    pub fn mean(self, mean: impl Into<Term>) -> Self {
        Self(mean.into(), self.1)
    }

    /// The mean distance of a target from its mean.
    #[doc(alias = "sd")]
    pub fn scale(self, scale: impl Into<Term>) -> Self {
        Self(self.0, scale.into())
    }
}

impl Univariate for Laplace<Term> {
    const KEYS: &'static [Key] = &[
        Key::column("mean").also(&["mu", "loc", "location"]),
        Key::column("scale").positive().also(&["sigma", "sd", "b"]),
    ];
    const RESPONSE: Response = Response::Real;

    fn terms(&self) -> Vec<Term> {
        vec![self.0.clone(), self.1.clone()]
    }

    fn log_density<A: LnGamma>(&self, arguments: &[A], y: A) -> A {
        Laplace(arguments[0].clone(), arguments[1].clone()).log_density(y)
    }

    fn mean(&self, arguments: &[f64]) -> f64 {
        arguments[0]
    }

    fn variance(&self, arguments: &[f64]) -> f64 {
        2.0 * arguments[1] * arguments[1]
    }

    fn cdf(&self, arguments: &[f64], y: f64) -> Option<f64> {
        let z = (y - arguments[0]) / arguments[1];
        let tail = 0.5 * (-z.abs()).exp();
        Some(if z < 0.0 { tail } else { 1.0 - tail })
    }

    fn sample(&self, arguments: &[f64], stream: &mut Stream) -> f64 {
        arguments[0] + arguments[1] * standard_draw(stream)
    }
}
