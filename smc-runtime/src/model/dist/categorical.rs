//! The categorical distribution over classes, by logits.

use super::{Likelihood, Predictive, Response};
use crate::base::rng::Stream;
use crate::base::sums::log_sum_exp;
use crate::model::check::Key;
use crate::model::dist::FusedHead;
#[cfg(feature = "autodiff")]
use crate::model::tensor::{Device, Float, Heads, PerRow, Tape, Targets};
use crate::model::term::Term;

/// `Categorical(logits = output)`: log p(y) = output\[y\] − log Σ exp(output), with targets 0, 1, ..., K − 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Categorical {
    logits: Term,
}

impl Default for Categorical {
    fn default() -> Self {
        Self {
            logits: Term::Unset,
        }
    }
}

impl Categorical {
    /// One unnormalised log-probability per class.
    pub fn logits(self, logits: impl Into<Term>) -> Self {
        Self {
            logits: logits.into(),
        }
    }
}

impl Predictive for Categorical {
    fn response(&self) -> Response {
        Response::Class
    }

    fn log_density(&self, arguments: &[f64], y: f64) -> f64 {
        arguments[y as usize] - log_sum_exp(arguments)
    }

    fn mean(&self, arguments: &[f64]) -> f64 {
        let best = (0..arguments.len()).max_by(|&a, &b| arguments[a].total_cmp(&arguments[b]));
        best.unwrap_or(0) as f64
    }

    fn variance(&self, _: &[f64]) -> f64 {
        f64::NAN
    }

    fn cdf(&self, _: &[f64], _: f64) -> Option<f64> {
        None
    }

    fn sample(&self, arguments: &[f64], stream: &mut Stream) -> f64 {
        let mut left = stream.uniform();
        let total = log_sum_exp(arguments);
        for (class, logit) in arguments.iter().enumerate() {
            left -= (logit - total).exp();
            if left < 0.0 {
                return class as f64;
            }
        }
        (arguments.len() - 1) as f64
    }

    fn probabilities(&self, arguments: &[f64]) -> Option<Vec<f64>> {
        let total = log_sum_exp(arguments);
        Some(arguments.iter().map(|l| (l - total).exp()).collect())
    }
}

impl Likelihood for Categorical {
    const KEYS: &'static [Key] = &[Key::row("logits").also(&["logit", "probs", "p"])];

    fn terms(&self) -> Vec<Term> {
        vec![self.logits.clone()]
    }

    fn fused(&self) -> Option<FusedHead> {
        Some(FusedHead::Categorical)
    }

    #[cfg(feature = "autodiff")]
    fn expr<E: Float, D: Device<E>, T: Tape<E, D>>(
        &self,
        heads: &Heads<'_, E, D, T>,
        targets: &Targets<E, D>,
    ) -> PerRow<E, D, T> {
        use dfdx::prelude::{Axis, SelectTo};
        let log_p = heads.row(&self.logits).log_softmax::<Axis<2>>();
        PerRow::new(log_p.select(targets.classes()))
    }
}
