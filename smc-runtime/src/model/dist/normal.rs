//! The normal distribution, by mean and standard deviation.

use super::{Prior, Response, Univariate, finite, is_zero, positive};
use crate::base::rng::Stream;
use crate::model::algebra::{Algebra, LnGamma, Num};
use crate::model::check::Key;
use crate::model::dist::FusedHead;
use crate::model::term::Term;
use crate::model::transform::Support;

/// `Normal(mean, sd)`: log p(x) = −½ ((x − mean)/sd)² − log sd − ½ log 2π.
///
/// As a prior, `Normal(0.0, tau)`; as a likelihood, `Normal(mean = output, sd = noise)`, where `sd` is a `Scale`, a
/// number, or an output made positive as `output[1].exp()`. Either may be any expression, `sd = noise * output[1].softplus()`.
///
/// ```
/// use smc_runtime::prelude::*;
/// assert!((Normal(1.0, 2.0).log_density(1.0) - -1.6120857137646178).abs() < 1e-14);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normal<A = Num>(pub A, pub A);

/// ½ log 2π.
pub(super) const HALF_LN_TAU: f64 = 0.918_938_533_204_672_8;

impl<S: Algebra> Normal<S> {
    /// The normalised log-density at x.
    pub fn log_density(&self, x: S) -> S {
        let z = (x - self.0.clone()) / self.1.clone();
        z.square() * -0.5 - self.1.clone().ln() - HALF_LN_TAU
    }
}

impl Prior for Normal<Num> {
    const SUPPORT: Support = Support::Real;

    fn log_density(&self, x: Num) -> Num {
        self.log_density(x)
    }

    fn sample(&self, stream: &mut Stream) -> f64 {
        self.0.value() + self.1.value() * stream.normal()
    }

    fn is_even(&self) -> bool {
        is_zero(self.0)
    }

    fn check(&self) -> Result<(), String> {
        finite("the mean of `Normal`", self.0)?;
        positive("the standard deviation of `Normal`", self.1)
    }

    fn log_density_of(&self, x: &[f32], gradient: Option<&mut [f32]>) -> Num {
        let (mean, sd) = (self.0.value(), self.1.value());
        let precision = 1.0 / (sd * sd);
        let (first, second) = centred_sums(x, mean, precision, gradient);
        let n = x.len() as f64;
        // The three sufficient statistics carry the derivatives with respect to both arguments.
        let log = -n * (sd.ln() + HALF_LN_TAU) - 0.5 * second * precision;
        let by_mean = self.0.chain(0.0, first * precision);
        let by_sd = self.1.chain(0.0, -n / sd + second * precision / sd);
        by_mean + by_sd + log
    }
}

/// Σ (x − mean) and Σ (x − mean)² in f64, in a fixed order that vectorises; −(x − mean)·precision is added to `gradient`
/// in the same pass.
fn centred_sums(x: &[f32], mean: f64, precision: f64, gradient: Option<&mut [f32]>) -> (f64, f64) {
    const W: usize = 8;
    let (mut first, mut second) = ([0.0; W], [0.0; W]);
    let mut add = |x: &[f32]| {
        for ((first, second), &x) in first.iter_mut().zip(&mut second).zip(x) {
            let d = f64::from(x) - mean;
            *first += d;
            *second += d * d;
        }
    };
    let (chunks, rest) = x.as_chunks::<W>();
    match gradient {
        None => chunks.iter().for_each(|x| add(x)),
        Some(gradient) => {
            let (mean, precision) = (mean as f32, precision as f32);
            let slope = |g: &mut [f32], x: &[f32]| {
                for (g, x) in g.iter_mut().zip(x) {
                    *g -= (x - mean) * precision;
                }
            };
            let (slots, last) = gradient.as_chunks_mut::<W>();
            for (g, x) in slots.iter_mut().zip(chunks) {
                slope(g, x);
                add(x);
            }
            slope(last, rest);
        }
    }
    add(rest);
    (first.iter().sum(), second.iter().sum())
}

impl Default for Normal<Term> {
    fn default() -> Self {
        Self(Term::Unset, Term::Unset)
    }
}

impl Normal<Term> {
    /// The mean of a target.
    #[doc(alias = "loc")]
    pub fn mean(self, mean: impl Into<Term>) -> Self {
        Self(mean.into(), self.1)
    }

    /// The standard deviation of a target around its mean.
    #[doc(alias = "scale")]
    #[doc(alias = "sigma")]
    pub fn sd(self, sd: impl Into<Term>) -> Self {
        Self(self.0, sd.into())
    }
}

impl Univariate for Normal<Term> {
    const KEYS: &'static [Key] = &[
        Key::column("mean").also(&["mu", "loc", "location"]),
        Key::column("sd")
            .positive()
            .also(&["sigma", "scale", "std", "stddev"]),
    ];
    const RESPONSE: Response = Response::Real;

    fn terms(&self) -> Vec<Term> {
        vec![self.0.clone(), self.1.clone()]
    }

    fn log_density<A: LnGamma>(&self, arguments: &[A], y: A) -> A {
        Normal(arguments[0].clone(), arguments[1].clone()).log_density(y)
    }

    fn mean(&self, arguments: &[f64]) -> f64 {
        arguments[0]
    }

    fn variance(&self, arguments: &[f64]) -> f64 {
        arguments[1] * arguments[1]
    }

    fn cdf(&self, arguments: &[f64], y: f64) -> Option<f64> {
        let z = (y - arguments[0]) / arguments[1];
        Some(0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2))
    }

    fn sample(&self, arguments: &[f64], stream: &mut Stream) -> f64 {
        arguments[0] + arguments[1] * stream.normal()
    }

    fn by_hand(&self) -> Option<FusedHead> {
        FusedHead::normal(&self.0, &self.1)
    }
}
