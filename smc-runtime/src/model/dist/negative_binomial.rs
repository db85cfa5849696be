//! The negative binomial distribution of counts that vary more than their mean, by the logarithm of the mean and a dispersion.

use super::{Response, Univariate, discrete, gamma, poisson};
use crate::base::rng::Stream;
use crate::model::algebra::LnGamma;
use crate::model::check::Key;
use crate::model::term::Term;

/// `NegativeBinomial(log_mean = output, dispersion = shape)`: counts 0, 1, ... with mean μ = exp(log_mean) and variance
/// μ + μ²/r for the dispersion r, which may be any positive number: the larger, the closer to
/// [`Poisson`](super::Poisson). log p(y) = log Γ(y + r) − log Γ(r) − log y! + r·log r/(r + μ) + y·log μ/(r + μ)
/// (NB2 of Cameron and Trivedi, *Regression Analysis of Count Data*, 2nd edition, section 3.3; r is their 1/α).
///
/// It is a Poisson count whose rate has a gamma distribution of shape r and mean μ. Automatic differentiation, which computes
/// in `f32`, loses about 10⁻⁷·(y + r)·log(y + r) of log p.
///
/// ```
/// use smc_runtime::model::dist::{NegativeBinomial, Predictive};
/// // r = 1 is the geometric distribution.
/// let log_p = NegativeBinomial::default().log_density(&[3f64.ln(), 1.0], 2.0);
/// assert!((log_p - (0.25 * 0.75f64.powi(2)).ln()).abs() < 1e-14);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct NegativeBinomial {
    log_mean: Term,
    dispersion: Term,
}

impl Default for NegativeBinomial {
    fn default() -> Self {
        Self {
            log_mean: Term::Unset,
            dispersion: Term::Unset,
        }
    }
}

impl NegativeBinomial {
    /// The logarithm of the mean count.
    #[doc(alias = "mean")]
    #[doc(alias = "logits")]
    #[doc(alias = "log_rate")]
    pub fn log_mean(self, log_mean: impl Into<Term>) -> Self {
        Self {
            log_mean: log_mean.into(),
            ..self
        }
    }

    /// r in the variance μ + μ²/r.
    #[doc(alias = "concentration")]
    #[doc(alias = "total_count")]
    #[doc(alias = "alpha")]
    pub fn dispersion(self, dispersion: impl Into<Term>) -> Self {
        Self {
            dispersion: dispersion.into(),
            ..self
        }
    }
}

impl Univariate for NegativeBinomial {
    const KEYS: &'static [Key] = &[
        Key::column("log_mean").also(&["mean", "mu", "logits", "log_rate"]),
        Key::column("dispersion")
            .positive()
            .also(&["concentration", "total_count", "alpha"]),
    ];
    const RESPONSE: Response = Response::Count;

    fn terms(&self) -> Vec<Term> {
        vec![self.log_mean.clone(), self.dispersion.clone()]
    }

    fn log_density<A: LnGamma>(&self, arguments: &[A], y: A) -> A {
        let r = arguments[1].clone();
        // The log-odds μ/r: log r/(r + μ) = −softplus(odds), log μ/(r + μ) = −softplus(−odds).
        let odds = arguments[0].clone() - r.clone().ln();
        let choose = (y.clone() + r.clone()).ln_gamma() - r.clone().ln_gamma();
        choose - r * odds.clone().softplus() - y * (-odds).softplus()
    }

    fn base(&self, y: f64) -> f64 {
        discrete::minus_ln_factorial(y)
    }

    fn mean(&self, arguments: &[f64]) -> f64 {
        arguments[0].exp()
    }

    fn variance(&self, arguments: &[f64]) -> f64 {
        let mean = arguments[0].exp();
        mean + mean * (mean / arguments[1])
    }

    fn cdf(&self, arguments: &[f64], y: f64) -> Option<f64> {
        Some(discrete::negative_binomial_cdf(
            arguments[0].exp(),
            arguments[1],
            y,
        ))
    }

    fn sample(&self, arguments: &[f64], stream: &mut Stream) -> f64 {
        let rate = gamma::standard_draw(arguments[1], stream) / arguments[1];
        poisson::standard_draw(arguments[0].exp() * rate, stream)
    }
}
