//! Quantiles and intervals of the mixture.

use super::Prediction;
use crate::base::exec;
use crate::model::dist::discrete;
use crate::posterior::summary::quantiles;

impl Prediction<'_> {
    /// The smallest y with P(Y <= y) >= p at every row: the quantile of the mixture, not a mean of the draws' quantiles.
    /// `None` for classes, or unless 0 < p < 1.
    pub fn quantile(&self, p: f64) -> Option<Vec<f64>> {
        if !(p > 0.0 && p < 1.0) {
            return None;
        }
        let quantiles = exec::map(self.rows(), |i| {
            self.inner_quantile(i, p).map(|z| self.outer(z))
        });
        quantiles.into_iter().collect()
    }

    pub(super) fn inner_quantile(&self, row: usize, p: f64) -> Option<f64> {
        const HALVINGS: usize = 200;
        if self.counts() {
            let cdf = |k: f64| self.inner_cdf(row, k).unwrap_or(f64::NAN);
            let mean = self.mixture(row, |a| self.predictive.mean(a));
            return Some(discrete::quantile(cdf, p, mean).unwrap_or(f64::NAN));
        }
        let (mut low, mut high) = self.around(row, p, self.place(row))?;
        for _ in 0..HALVINGS {
            let middle = 0.5 * (low + high);
            if middle <= low || middle >= high {
                break;
            }
            if self.inner_cdf(row, middle)? < p {
                low = middle;
            } else {
                high = middle;
            }
        }
        Some(high)
    }

    /// A number below the quantile of real targets and one that is not, by steps of 1, 2, 4, ... widths outwards from the
    /// centre; NaN where there are none.
    pub(super) fn around(
        &self,
        row: usize,
        p: f64,
        (centre, width): (f64, f64),
    ) -> Option<(f64, f64)> {
        const DOUBLINGS: usize = 200;
        let cdf = |z: f64| self.inner_cdf(row, z);
        if !cdf(centre)?.is_finite() {
            return Some((f64::NAN, f64::NAN));
        }
        let outwards = |sign: f64| {
            let steps = (0..DOUBLINGS).map(move |k| centre + sign * width * 2f64.powi(k as i32));
            move |beyond: &dyn Fn(f64) -> bool| steps.clone().find(|&z| beyond(z))
        };
        let below = |z: f64| cdf(z).is_some_and(|f| f < p);
        let (low, high) = (outwards(-1.0)(&below), outwards(1.0)(&|z| !below(z)));
        Some(low.zip(high).unwrap_or((f64::NAN, f64::NAN)))
    }

    /// The mean of a row's target, or 0 if that is no finite number, and its standard deviation, or 1 if that is no positive one.
    pub(super) fn place(&self, row: usize) -> (f64, f64) {
        let (mean, spread, noise) = self.moments(row);
        let centre = if mean.is_finite() { mean } else { 0.0 };
        let sd = (spread + noise).sqrt();
        let width = if sd > 0.0 && sd.is_finite() { sd } else { 1.0 };
        (centre, width)
    }

    /// The central interval of probability `level` at every row, between the quantiles (1 − level)/2 and (1 + level)/2.
    /// `None` for classes, or unless 0 < level < 1.
    pub fn interval(&self, level: f64) -> Option<Vec<(f64, f64)>> {
        let low = self.quantile(0.5 * (1.0 - level))?;
        let high = self.quantile(0.5 * (1.0 + level))?;
        Some(low.into_iter().zip(high).collect())
    }

    /// The central interval of probability `level` of the [function](Prediction::function) at every row, over draws: the
    /// epistemic part of [`Prediction::interval`]. Its ends are those of draws. `None` for classes, or unless 0 < level < 1.
    pub fn function_interval(&self, level: f64) -> Option<Vec<(f64, f64)>> {
        if !(level > 0.0 && level < 1.0 && self.numeric()) {
            return None;
        }
        let tail = 0.5 * (1.0 - level);
        let weights: Vec<f64> = self.log_weights.iter().map(|w| w.exp()).collect();
        Some(exec::map(self.rows(), |row| {
            let draws = 0..self.draws();
            let values: Vec<f64> = draws.map(|draw| self.function(draw, row)).collect();
            let [low, high] = quantiles(&values, &weights, [tail, 1.0 - tail]);
            (low, high)
        }))
    }
}
