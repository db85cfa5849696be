//! Distributions: priors over parameters, likelihoods over targets. A formula is written once in [`Algebra`] and serves
//! both.
//!
//! [`Algebra`]: crate::model::algebra::Algebra

mod alone;
mod bernoulli;
mod beta;
mod categorical;
mod cauchy;
pub(crate) mod discrete;
mod exponential;
mod fused;
mod gamma;
mod half_cauchy;
mod half_normal;
mod inverse_gamma;
mod laplace;
mod log_normal;
mod negative_binomial;
mod normal;
mod poisson;
mod student_t;
mod uniform;
mod univariate;

pub use super::term::{Function, Operator, Term};
#[doc(hidden)]
pub use alone::Distribution;
pub use bernoulli::Bernoulli;
pub use beta::Beta;
pub use categorical::Categorical;
pub use cauchy::Cauchy;
pub use exponential::Exponential;
pub use fused::FusedHead;
pub use gamma::Gamma;
pub use half_cauchy::HalfCauchy;
pub use half_normal::HalfNormal;
pub use inverse_gamma::InverseGamma;
pub use laplace::Laplace;
pub use log_normal::LogNormal;
pub use negative_binomial::NegativeBinomial;
pub use normal::Normal;
pub use poisson::Poisson;
pub use student_t::StudentT;
pub use uniform::Uniform;
pub use univariate::Univariate;

use std::fmt::Debug;

use crate::base::rng::Stream;
use crate::model::algebra::{LANES, Num};
use crate::model::check::Key;
#[cfg(feature = "autodiff")]
use crate::model::tensor::{Device, Float, Heads, PerRow, Tape, Targets};
use crate::model::transform::Support;

/// A univariate distribution over a parameter: what `#[prior(..)]` takes.
///
/// Its arguments are [`Num`]s, so that they may depend on other parameters; the derivative with respect to the value and
/// to every argument follows from the one formula. A prior of your own:
///
/// ```
/// use smc_runtime::prelude::*;
/// use smc_runtime::base::rng::Stream;
/// use smc_runtime::model::{algebra::Num, transform::Support};
///
/// #[derive(Clone, Copy, Debug)]
/// struct Logistic(Num, Num);
///
/// impl Prior for Logistic {
///     const SUPPORT: Support = Support::Real;
///     fn log_density(&self, x: Num) -> Num {
///         let z = (x - self.0) / self.1;
///         -z - self.1.ln() - 2.0 * (1.0 + (-z).exp()).ln()
///     }
///     fn sample(&self, stream: &mut Stream) -> f64 {
///         let u = stream.uniform();
///         self.0.value() + self.1.value() * (u / (1.0 - u)).ln()
///     }
/// }
/// let density = Logistic(0.0.into(), 1.0.into()).log_density(Num::variable(0.0, 0));
/// assert!((density.value() - 0.25f64.ln()).abs() < 1e-15);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a prior: it does not implement `Prior`",
    label = "not a `Prior`",
    note = "`#[prior(..)]` takes a distribution with its arguments, such as `Normal(0.0, 1.0)`, `HalfNormal(tau)` or one of your own"
)]
pub trait Prior: Clone + Debug {
    /// Where it gives density. It must be the support of the field it stands on; both are compared at compile time.
    const SUPPORT: Support;

    /// Whether it may stand on any field instead, because it gives density only [within](Prior::within) an interval that
    /// its arguments say.
    const ANYWHERE: bool = false;

    /// The normalised log-density at x, in the parameter's own (constrained) coordinates.
    fn log_density(&self, x: Num) -> Num;

    /// One draw, in constrained coordinates.
    fn sample(&self, stream: &mut Stream) -> f64;

    /// Why the arguments are out of range, if they are (a scale of zero, say).
    ///
    /// # Errors
    /// The reason, in words.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// The interval outside of which it gives no density, where [`Prior::ANYWHERE`] holds: a field must have all of it.
    fn within(&self) -> Option<(f64, f64)> {
        None
    }

    /// Whether p(−x) = p(x), whatever the parameters are that the arguments name.
    fn is_even(&self) -> bool {
        false
    }

    /// The sum of [`Prior::log_density`] over a block of real parameters, its lanes 1 to 7 filled, with d/dx added to `gradient`.
    ///
    /// Override it where a closed form is faster; it must return what this one does up to rounding.
    fn log_density_of(&self, x: &[f32], mut gradient: Option<&mut [f32]>) -> Num {
        let mut sum = Num::constant(0.0);
        for (i, &x) in x.iter().enumerate() {
            let term = self.log_density(Num::variable(f64::from(x), 0));
            if let Some(g) = gradient.as_deref_mut() {
                g[i] += term.partial(0) as f32;
            }
            sum += term;
        }
        sum
    }
}

/// What the targets of a likelihood are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Response {
    /// Any finite number.
    Real,
    /// A class `0, 1, ..., K - 1`, one per output.
    Class,
    /// No or yes, 0 or 1: two classes of which one number per row tells the odds.
    Binary,
    /// A count `0, 1, ...`
    Count,
}

impl Response {
    /// Whether targets are numbers rather than names: they have a mean, a variance and a distribution function.
    pub const fn is_numeric(self) -> bool {
        matches!(self, Self::Real | Self::Count)
    }
}

/// The distribution of one target, given the numbers that a likelihood's keys have for its row.
///
/// `arguments` holds them in the order of [`Likelihood::terms`]; a key that takes a row has one number per output.
pub trait Predictive: Debug + Send + Sync {
    /// What the targets are.
    fn response(&self) -> Response;

    /// log p(y | arguments).
    fn log_density(&self, arguments: &[f64], y: f64) -> f64;

    /// Mean of y, for [`Response::Binary`] the probability of a 1. For classes: the vector of probabilities is
    /// [`Predictive::probabilities`]; this is the likeliest class.
    fn mean(&self, arguments: &[f64]) -> f64;

    /// Variance of y.
    fn variance(&self, arguments: &[f64]) -> f64;

    /// P(Y <= y), for real targets and counts.
    fn cdf(&self, arguments: &[f64], y: f64) -> Option<f64>;

    /// One draw of y.
    fn sample(&self, arguments: &[f64], stream: &mut Stream) -> f64;

    /// Class probabilities, for classes.
    fn probabilities(&self, arguments: &[f64]) -> Option<Vec<f64>>;
}

/// The distribution of the targets given the network's output: what `#[likelihood(..)]` takes.
///
/// `Normal(mean = output, sd = noise)` is sugar for `Normal::default().mean(output).sd(noise)`, where a field of the
/// model is a [`Term`]. One of your own whose keys take one number per row implements [`Univariate`] instead.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a likelihood: it does not implement `Likelihood`",
    label = "not a `Likelihood`",
    note = "`#[likelihood(..)]` takes a distribution of the target with its keys, such as `Normal(mean = output, sd = noise)` or `Categorical(logits = output)`"
)]
pub trait Likelihood: Predictive + Clone + 'static {
    /// The keys of the sugar, each of which must be given. Setters that are no keys are for expressions without it:
    /// `mine().threshold(3.0).mean(output)`.
    const KEYS: &'static [Key];

    /// The value of each key, in the order of [`Likelihood::KEYS`].
    fn terms(&self) -> Vec<Term>;

    /// Its form for the fused engine, if it has one.
    fn fused(&self) -> Option<FusedHead> {
        None
    }

    /// log p(y | ..) for each (particle, row), normalised.
    #[cfg(feature = "autodiff")]
    fn expr<E: Float, D: Device<E>, T: Tape<E, D>>(
        &self,
        heads: &Heads<'_, E, D, T>,
        targets: &Targets<E, D>,
    ) -> PerRow<E, D, T>;
}

/// log π.
const LN_PI: f64 = 1.144_729_885_849_400_2;

/// Whether an argument is 0 whatever the parameters are that it names.
fn is_zero(x: Num) -> bool {
    x.value() == 0.0 && (0..LANES).all(|lane| x.partial(lane) == 0.0)
}

/// A location argument.
fn finite(name: &str, value: Num) -> Result<(), String> {
    let value = value.value();
    if value.is_finite() {
        Ok(())
    } else {
        Err(format!("{name} is {value}; it must be finite"))
    }
}

/// A scale, rate or shape argument.
fn positive(name: &str, value: Num) -> Result<(), String> {
    let value = value.value();
    if value > 0.0 && value.is_finite() {
        Ok(())
    } else {
        Err(format!("{name} is {value}; it must be positive and finite"))
    }
}
