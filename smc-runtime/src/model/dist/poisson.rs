//! The Poisson distribution of counts, by the logarithm of its rate.

use rand_distr::Distribution;

use super::{Response, Univariate, discrete};
use crate::base::rng::Stream;
use crate::model::algebra::LnGamma;
use crate::model::check::Key;
use crate::model::term::Term;

/// `Poisson(log_rate = output)`: counts 0, 1, ... with mean and variance λ = exp(log_rate), log p(y) = y·log λ − λ − log y!
/// (McCullagh and Nelder, *Generalized Linear Models*, 2nd edition, chapter 6).
///
/// Where rows were observed for unlike times or on unlike areas, `log_rate = output + offset` with the logarithm of the
/// exposure as [offset](crate::Dataset::with_offset). Counts that vary more than their mean are for
/// [`NegativeBinomial`](super::NegativeBinomial). Automatic differentiation, which computes in `f32`, loses about
/// 10⁻⁷·y·log y of log p.
///
/// ```
/// use smc_runtime::model::dist::{Poisson, Predictive};
/// let log_p = Poisson::default().log_density(&[2f64.ln()], 3.0);
/// assert!((log_p - (8.0 / 6.0 * (-2f64).exp()).ln()).abs() < 1e-14);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Poisson {
    log_rate: Term,
}

impl Default for Poisson {
    fn default() -> Self {
        Self {
            log_rate: Term::Unset,
        }
    }
}

impl Poisson {
    /// The logarithm of the mean count.
    #[doc(alias = "rate")]
    pub fn log_rate(self, log_rate: impl Into<Term>) -> Self {
        Self {
            log_rate: log_rate.into(),
        }
    }
}

impl Univariate for Poisson {
    const KEYS: &'static [Key] = &[Key::column("log_rate").also(&["rate", "mu", "mean", "lambda"])];
    const RESPONSE: Response = Response::Count;

    fn terms(&self) -> Vec<Term> {
        vec![self.log_rate.clone()]
    }

    fn log_density<A: LnGamma>(&self, arguments: &[A], y: A) -> A {
        y * arguments[0].clone() - arguments[0].clone().exp()
    }

    fn base(&self, y: f64) -> f64 {
        discrete::minus_ln_factorial(y)
    }

    fn mean(&self, arguments: &[f64]) -> f64 {
        arguments[0].exp()
    }

    fn variance(&self, arguments: &[f64]) -> f64 {
        arguments[0].exp()
    }

    fn cdf(&self, arguments: &[f64], y: f64) -> Option<f64> {
        Some(discrete::poisson_cdf(arguments[0].exp(), y))
    }

    fn sample(&self, arguments: &[f64], stream: &mut Stream) -> f64 {
        standard_draw(arguments[0].exp(), stream)
    }
}

/// One count of mean `rate`; NaN if the rate is out of range.
pub(super) fn standard_draw(rate: f64, stream: &mut Stream) -> f64 {
    if rate == 0.0 {
        return 0.0;
    }
    rand_distr::Poisson::new(rate).map_or(f64::NAN, |poisson| poisson.sample(stream))
}
