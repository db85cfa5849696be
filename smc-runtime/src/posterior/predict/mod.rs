//! The posterior predictive distribution: a mixture over draws, row by row. One idea per file: its moments here, its quantiles,
//! its classes, draws from it, and its scores where targets are known.

mod classes;
mod quantile;
mod sample;
mod scored;
mod summary;
#[cfg(test)]
mod tests;
mod without;

pub use scored::Scored;
pub use summary::Scores;
pub use without::{
    Integral, LastLayer, Linearised, NoisePropagation, Outputs, Said, WithoutDraws, last_layer,
    linearised, noise_propagation,
};

use std::borrow::Cow;

use crate::base::exec;
use crate::base::scores::likeliest;
use crate::data::{Standardise, TargetScale};
use crate::model::dist::{Predictive, Response};
use crate::problem::Arguments;

/// The predictive distribution at some rows, Σ_k W_k p(y | x, θ_k). With targets it is [`Scored`].
///
/// Everything is on the scale that [`Prediction::target_scale`] names. Where a standardisation is carried with the posterior
/// the network's number z stands for y = mean + sd·z, so that means, standard deviations and quantiles are taken back to y,
/// and p(y) = p(z)/sd.
pub struct Prediction<'a> {
    arguments: Arguments,
    log_weights: Cow<'a, [f64]>,
    predictive: &'a dyn Predictive,
    /// Mean and standard deviation that take the network's scale to the targets'.
    mean: f64,
    sd: f64,
    target_scale: TargetScale,
    classes: Vec<String>,
}

impl<'a> Prediction<'a> {
    pub(crate) fn new(
        arguments: Arguments,
        log_weights: impl Into<Cow<'a, [f64]>>,
        predictive: &'a dyn Predictive,
    ) -> Self {
        Self {
            arguments,
            log_weights: log_weights.into(),
            predictive,
            mean: 0.0,
            sd: 1.0,
            target_scale: TargetScale::Original,
            classes: Vec::new(),
        }
    }
}

impl Prediction<'_> {
    /// Of targets that the network sees as `scale` makes them.
    pub(crate) fn standardised_by(mut self, scale: &Standardise) -> Self {
        (self.mean, self.sd) = (scale.target_mean(), scale.target_sd());
        self
    }

    /// With the scale that the targets are on, and names for the classes.
    pub(crate) fn described(mut self, target_scale: TargetScale, classes: &[String]) -> Self {
        self.target_scale = target_scale;
        self.classes = classes.to_vec();
        self
    }

    /// The scale that predictions and scores are stated on.
    pub fn target_scale(&self) -> TargetScale {
        self.target_scale
    }

    /// y on the network's scale.
    fn inner(&self, y: f64) -> f64 {
        (y - self.mean) / self.sd
    }

    /// z of the network's scale on the targets'.
    fn outer(&self, z: f64) -> f64 {
        self.mean + self.sd * z
    }

    /// Whether targets are numbers, real or counts.
    fn numeric(&self) -> bool {
        self.predictive.response().is_numeric()
    }

    fn counts(&self) -> bool {
        self.predictive.response() == Response::Count
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.arguments.rows
    }

    /// The logarithms of the weights of the draws.
    pub fn log_weights(&self) -> &[f64] {
        &self.log_weights
    }

    /// Number of draws in the mixture.
    pub fn draws(&self) -> usize {
        self.log_weights.len()
    }

    /// Mean of y at row `row` under draw `draw` alone: the function that the draw stands for.
    pub fn function(&self, draw: usize, row: usize) -> f64 {
        self.outer(self.predictive.mean(self.arguments.at(draw, row)))
    }

    /// What each draw says of row `row`, in one number: the mean of y, for classes the probability of the class that all draws
    /// together find the likeliest.
    pub fn functions(&self, row: usize) -> Vec<f64> {
        let likeliest = self.probabilities(row).and_then(|p| likeliest(&p));
        let said = |draw: usize| self.said(draw, row, likeliest);
        (0..self.draws()).map(said).collect()
    }

    /// What draw `draw` says of row `row`: the probability of `class`, or the mean of y without one.
    pub(crate) fn said(&self, draw: usize, row: usize, class: Option<usize>) -> f64 {
        let arguments = self.arguments.at(draw, row);
        match (class, self.predictive.probabilities(arguments)) {
            (Some(class), Some(p)) => p[class],
            _ => self.outer(self.predictive.mean(arguments)),
        }
    }

    /// The names of the classes, or their numbers; `None` where targets are no classes, and of no rows.
    pub fn class_names(&self) -> Option<Vec<String>> {
        let classes = self.probabilities(0)?.len();
        Some((0..classes).map(|class| self.class_name(class)).collect())
    }

    /// The name of a class, or its number.
    pub(crate) fn class_name(&self, class: usize) -> String {
        let name = self.classes.get(class).cloned();
        name.unwrap_or_else(|| class.to_string())
    }

    fn mixture(&self, row: usize, f: impl Fn(&[f64]) -> f64) -> f64 {
        let draws = self.log_weights.iter().enumerate();
        draws
            .map(|(k, w)| w.exp() * f(self.arguments.at(k, row)))
            .sum()
    }

    /// Mean and variance over draws of the functions at row `row`, and the mean variance of the noise, on the network's scale.
    fn moments(&self, row: usize) -> (f64, f64, f64) {
        let mean = self.mixture(row, |a| self.predictive.mean(a));
        let spread = self.mixture(row, |a| (self.predictive.mean(a) - mean).powi(2));
        let noise = self.mixture(row, |a| self.predictive.variance(a));
        (mean, spread, noise)
    }

    /// Mean of y at every row.
    pub fn mean(&self) -> Vec<f64> {
        exec::map(self.rows(), |i| {
            self.outer(self.mixture(i, |a| self.predictive.mean(a)))
        })
    }

    /// Standard deviation of y at every row: the spread of the functions and the noise together,
    /// sd² = [`epistemic_sd`](Prediction::epistemic_sd)² + [`aleatoric_sd`](Prediction::aleatoric_sd)².
    pub fn sd(&self) -> Vec<f64> {
        exec::map(self.rows(), |i| {
            let (_, spread, noise) = self.moments(i);
            self.sd * (spread + noise).sqrt()
        })
    }

    /// Standard deviation at every row of the function, over draws: what more data would reduce. `None` for classes, where
    /// this part is the [mutual information](Prediction::mutual_information).
    pub fn epistemic_sd(&self) -> Option<Vec<f64>> {
        self.numeric()
            .then(|| exec::map(self.rows(), |i| self.sd * self.moments(i).1.sqrt()))
    }

    /// Root of the mean variance of the noise at every row: what no data would reduce. `None` for classes, where this part is
    /// the [expected entropy](Prediction::expected_entropy).
    pub fn aleatoric_sd(&self) -> Option<Vec<f64>> {
        self.numeric()
            .then(|| exec::map(self.rows(), |i| self.sd * self.moments(i).2.sqrt()))
    }

    /// P(Y <= y) at row `row`, for real targets and counts.
    pub fn cdf(&self, row: usize, y: f64) -> Option<f64> {
        self.inner_cdf(row, self.inner(y))
    }

    fn inner_cdf(&self, row: usize, z: f64) -> Option<f64> {
        let draws = self.log_weights.iter().enumerate();
        draws
            .map(|(k, w)| Some(w.exp() * self.predictive.cdf(self.arguments.at(k, row), z)?))
            .sum()
    }
}
