//! The Bernoulli distribution of a yes or no, by its logit.

use super::{Response, Univariate};
use crate::base::rng::Stream;
use crate::model::algebra::LnGamma;
use crate::model::check::Key;
use crate::model::term::Term;

/// `Bernoulli(logit = output)`: targets 0 and 1, with P(Y = 1) = p = 1/(1 + exp(−logit)), so that
/// log p(y) = −log(1 + exp(−(2y − 1)·logit)) (McCullagh and Nelder, *Generalized Linear Models*, 2nd edition, chapter 4).
///
/// With one output it is logistic regression on the network; [`Categorical`](super::Categorical) on two outputs has the same
/// predictions, and a direction of its outputs that the data say nothing about.
///
/// ```
/// use smc_runtime::model::dist::{Bernoulli, Predictive};
/// // Even odds of three to one.
/// let log_p = Bernoulli::default().log_density(&[3f64.ln()], 1.0);
/// assert!((log_p - 0.75f64.ln()).abs() < 1e-15);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Bernoulli {
    logit: Term,
}

impl Default for Bernoulli {
    fn default() -> Self {
        Self { logit: Term::Unset }
    }
}

impl Bernoulli {
    /// The log-odds of a 1, log p/(1 − p).
    #[doc(alias = "logits")]
    #[doc(alias = "probs")]
    pub fn logit(self, logit: impl Into<Term>) -> Self {
        Self {
            logit: logit.into(),
        }
    }
}

fn probability(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

impl Univariate for Bernoulli {
    const KEYS: &'static [Key] = &[Key::column("logit").also(&["logits", "probs", "p"])];
    const RESPONSE: Response = Response::Binary;

    fn terms(&self) -> Vec<Term> {
        vec![self.logit.clone()]
    }

    fn log_density<A: LnGamma>(&self, arguments: &[A], y: A) -> A {
        let sign = y * 2.0 - 1.0;
        -(-(sign * arguments[0].clone())).softplus()
    }

    fn mean(&self, arguments: &[f64]) -> f64 {
        probability(arguments[0])
    }

    fn variance(&self, arguments: &[f64]) -> f64 {
        probability(arguments[0]) * probability(-arguments[0])
    }

    fn cdf(&self, _: &[f64], _: f64) -> Option<f64> {
        None
    }

    fn sample(&self, arguments: &[f64], stream: &mut Stream) -> f64 {
        f64::from(u8::from(stream.uniform() < probability(arguments[0])))
    }

    fn probabilities(&self, arguments: &[f64]) -> Option<Vec<f64>> {
        Some(vec![probability(-arguments[0]), probability(arguments[0])])
    }
}
