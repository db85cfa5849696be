//! The posterior predictive distribution: a mixture over draws, row by row, and its scores.

use std::fmt;

use crate::data::{Standardise, TargetScale};
use crate::dist::{Predictive, Response, discrete};
use crate::exec;
use crate::problem::Arguments;
use crate::scores::{self, Classified, Confusion};
use crate::weights::log_sum_exp;

/// The predictive distribution at some rows, Σ_k W_k p(y | x, θ_k), with their targets.
///
/// Everything is on the scale that [`Prediction::target_scale`] names. Where a standardisation is carried with the posterior
/// the network's number z stands for y = mean + sd·z, so that means, standard deviations and quantiles are taken back to y,
/// and p(y) = p(z)/sd.
pub struct Prediction<'a> {
    arguments: Arguments,
    log_weights: &'a [f64],
    predictive: &'a dyn Predictive,
    targets: Vec<f32>,
    /// Mean and standard deviation that take the network's scale to the targets'.
    mean: f64,
    sd: f64,
    target_scale: TargetScale,
    classes: Vec<String>,
}

impl<'a> Prediction<'a> {
    pub(crate) fn new(
        arguments: Arguments,
        log_weights: &'a [f64],
        predictive: &'a dyn Predictive,
        targets: Vec<f32>,
    ) -> Self {
        Self {
            arguments,
            log_weights,
            predictive,
            targets,
            mean: 0.0,
            sd: 1.0,
            target_scale: TargetScale::Original,
            classes: Vec::new(),
        }
    }

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

    /// Number of draws in the mixture.
    pub fn draws(&self) -> usize {
        self.log_weights.len()
    }

    /// Mean of y at row `row` under draw `draw` alone: the function that the draw stands for.
    pub fn function(&self, draw: usize, row: usize) -> f64 {
        self.outer(self.predictive.mean(self.arguments.at(draw, row)))
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

    fn inner_quantile(&self, row: usize, p: f64) -> Option<f64> {
        const DOUBLINGS: usize = 200;
        const HALVINGS: usize = 200;
        let cdf = |z: f64| self.inner_cdf(row, z);
        let (mean, spread, noise) = self.moments(row);
        if self.counts() {
            let cdf = |k: f64| cdf(k).unwrap_or(f64::NAN);
            return Some(discrete::quantile(cdf, p, mean).unwrap_or(f64::NAN));
        }
        let centre = if mean.is_finite() { mean } else { 0.0 };
        if !cdf(centre)?.is_finite() {
            return Some(f64::NAN);
        }
        let sd = (spread + noise).sqrt();
        let width = if sd > 0.0 && sd.is_finite() { sd } else { 1.0 };
        // Steps outwards, of 1, 2, 4, ... widths, until they enclose it.
        let outwards = |sign: f64| {
            let steps = (0..DOUBLINGS).map(move |k| centre + sign * width * 2f64.powi(k as i32));
            move |beyond: &dyn Fn(f64) -> bool| steps.clone().find(|&z| beyond(z))
        };
        let below = |z: f64| cdf(z).is_some_and(|f| f < p);
        let (low, high) = (outwards(-1.0)(&below), outwards(1.0)(&|z| !below(z)));
        let (Some(mut low), Some(mut high)) = (low, high) else {
            return Some(f64::NAN);
        };
        for _ in 0..HALVINGS {
            let middle = 0.5 * (low + high);
            if middle <= low || middle >= high {
                break;
            }
            if below(middle) {
                low = middle;
            } else {
                high = middle;
            }
        }
        Some(high)
    }

    /// The central interval of probability `level` at every row, between the quantiles (1 − level)/2 and (1 + level)/2.
    /// `None` for classes, or unless 0 < level < 1.
    pub fn interval(&self, level: f64) -> Option<Vec<(f64, f64)>> {
        let low = self.quantile(0.5 * (1.0 - level))?;
        let high = self.quantile(0.5 * (1.0 + level))?;
        Some(low.into_iter().zip(high).collect())
    }

    /// Class probabilities at row `row`, for classes.
    pub fn probabilities(&self, row: usize) -> Option<Vec<f64>> {
        let mut total: Option<Vec<f64>> = None;
        for (k, w) in self.log_weights.iter().enumerate() {
            let p = self.predictive.probabilities(self.arguments.at(k, row))?;
            let total = total.get_or_insert_with(|| vec![0.0; p.len()]);
            for (t, p) in total.iter_mut().zip(p) {
                *t += w.exp() * p;
            }
        }
        total
    }

    /// log Σ_k W_k p(y | x, θ_k) at the target of every row.
    pub fn log_densities(&self) -> Vec<f64> {
        exec::map(self.rows(), |i| {
            let z = self.inner(f64::from(self.targets[i]));
            let draws = self.log_weights.iter().enumerate();
            let terms: Vec<f64> = draws
                .map(|(k, w)| w + self.predictive.log_density(self.arguments.at(k, i), z))
                .collect();
            // dz/dy = 1/sd.
            log_sum_exp(&terms) - self.sd.ln()
        })
    }

    /// Mean of [`Prediction::log_densities`], on the scale that [`Prediction::target_scale`] names.
    pub fn lppd(&self) -> f64 {
        self.log_densities().iter().sum::<f64>() / self.rows() as f64
    }

    /// Root mean squared error of the predictive mean, for real targets and counts.
    pub fn rmse(&self) -> Option<f64> {
        self.numeric().then(|| {
            let squares = self
                .mean()
                .iter()
                .zip(&self.targets)
                .map(|(m, &y)| (m - f64::from(y)).powi(2))
                .sum::<f64>();
            (squares / self.rows() as f64).sqrt()
        })
    }

    /// Fraction of the targets inside the central interval of probability `level`, for real targets and counts. Intervals of
    /// counts, their ends included, cover more than `level` where they are right.
    pub fn coverage(&self, level: f64) -> Option<f64> {
        let tail = 0.5 * (1.0 - level);
        let inside = |i: usize| {
            let y = f64::from(self.targets[i]);
            let p = self.cdf(i, y)?;
            let inside = if self.counts() {
                p >= tail && self.cdf(i, y - 1.0)? < 1.0 - tail
            } else {
                p > tail && p < 1.0 - tail
            };
            Some(f64::from(u8::from(inside)))
        };
        let total: Option<f64> = exec::map(self.rows(), inside).into_iter().sum();
        total.map(|t| t / self.rows() as f64)
    }

    /// Probability integral transform P(Y <= y) of the target of every row, for real targets and counts: uniform between 0 and 1 where
    /// predictions are calibrated (Dawid, 1984; Gneiting, Balabdaoui and Raftery, 2007). For counts it is the middle of the
    /// step, P(Y < y) + ½ P(Y = y): its mean is ½ where predictions are calibrated, but it is not uniform (Czado, Gneiting and
    /// Held, 2009, spread each count over its step).
    pub fn pit(&self) -> Option<Vec<f64>> {
        let pit = exec::map(self.rows(), |i| {
            let y = f64::from(self.targets[i]);
            let p = self.cdf(i, y)?;
            Some(if self.counts() {
                0.5 * (p + self.cdf(i, y - 1.0)?)
            } else {
                p
            })
        });
        pit.into_iter().collect()
    }

    /// Mean over rows of the [continuous ranked probability score](scores::crps), for real targets and counts, in their units.
    ///
    /// It asks for some hundred values of the predictive distribution function for each row, and so takes about as many times as
    /// long as [`Prediction::lppd`].
    pub fn crps(&self) -> Option<f64> {
        /// Beyond these quantiles nothing is integrated; it would add the square of the tail.
        const TAIL: f64 = 1e-7;
        let row = |i: usize| {
            let (low, high) = (
                self.inner_quantile(i, TAIL)?,
                self.inner_quantile(i, 1.0 - TAIL)?,
            );
            let cdf = |z: f64| self.inner_cdf(i, z).unwrap_or(f64::NAN);
            let y = self.inner(f64::from(self.targets[i]));
            if self.counts() {
                return Some(discrete::crps(cdf, low, high, y));
            }
            Some(self.sd * scores::crps(cdf, low, high, y))
        };
        let total: Option<f64> = exec::map(self.rows(), row).into_iter().sum();
        total.map(|t| t / self.rows() as f64)
    }

    /// Mean negative log predictive density, minus [`Prediction::lppd`].
    pub fn nll(&self) -> f64 {
        -self.lppd()
    }

    /// The likeliest class of every row against its target, for classes.
    pub fn classified(&self) -> Option<Vec<Classified>> {
        let row = |i: usize| {
            let class = self.targets[i] as usize;
            Some(Classified::new(&self.probabilities(i)?, class))
        };
        exec::map(self.rows(), row).into_iter().collect()
    }

    /// Fraction of rows whose likeliest class is the target, for classes.
    pub fn accuracy(&self) -> Option<f64> {
        Some(scores::accuracy(&self.classified()?))
    }

    /// [Brier score](scores::brier), for classes.
    pub fn brier(&self) -> Option<f64> {
        Some(scores::brier(&self.classified()?))
    }

    /// [Expected calibration error](scores::calibration_error) in 15 bins of equal width, for classes.
    pub fn calibration_error(&self) -> Option<f64> {
        Some(scores::calibration_error(&self.classified()?))
    }

    /// [Area under the receiver operating characteristic](scores::auroc) of the probability of `class` against all others,
    /// for classes. `None` also if all rows are of it, or none.
    pub fn auroc(&self, class: usize) -> Option<f64> {
        let probability = |i: usize| self.probabilities(i)?.get(class).copied();
        let scores: Option<Vec<f64>> = exec::map(self.rows(), probability).into_iter().collect();
        let positive: Vec<bool> = self.targets.iter().map(|&y| y == class as f32).collect();
        scores::auroc(&scores?, &positive)
    }

    /// Counts of the classes that came against the likeliest, for classes.
    pub fn confusion(&self) -> Option<Confusion> {
        let likeliest = |i: usize| {
            let p = self.probabilities(i)?;
            // Of equally likely classes the first.
            let best = (0..p.len()).rev().max_by(|&a, &b| p[a].total_cmp(&p[b]))?;
            Some((self.targets[i] as usize, best))
        };
        let pairs: Option<Vec<_>> = exec::map(self.rows(), likeliest).into_iter().collect();
        let pairs = pairs?;
        let names = (0..self.probabilities(0)?.len()).map(|c| {
            self.classes
                .get(c)
                .cloned()
                .unwrap_or_else(|| c.to_string())
        });
        Some(Confusion::new(names.collect(), pairs))
    }

    /// [Entropy](scores::entropy) of the predicted classes at every row, in nats, for classes: the sum of
    /// [`expected_entropy`](Prediction::expected_entropy) and [`mutual_information`](Prediction::mutual_information).
    pub fn entropy(&self) -> Option<Vec<f64>> {
        let row = |i: usize| Some(scores::entropy(&self.probabilities(i)?));
        exec::map(self.rows(), row).into_iter().collect()
    }

    /// Mean over draws of the entropy of the classes at every row, in nats, for classes: the aleatoric part of
    /// [`Prediction::entropy`].
    pub fn expected_entropy(&self) -> Option<Vec<f64>> {
        let row = |i: usize| {
            let draws = self.log_weights.iter().enumerate();
            draws
                .map(|(k, w)| {
                    let p = self.predictive.probabilities(self.arguments.at(k, i))?;
                    Some(w.exp() * scores::entropy(&p))
                })
                .sum()
        };
        exec::map(self.rows(), row).into_iter().collect()
    }

    /// Mutual information of class and parameters at every row, in nats, for classes: how far draws disagree, the epistemic part
    /// of [`Prediction::entropy`] (Houlsby et al., 2011).
    pub fn mutual_information(&self) -> Option<Vec<f64>> {
        let (total, expected) = (self.entropy()?, self.expected_entropy()?);
        // Never below zero (Jensen), but for rounding.
        Some(
            total
                .iter()
                .zip(expected)
                .map(|(t, e)| (t - e).max(0.0))
                .collect(),
        )
    }

    /// The scores that fit the kind of target.
    pub fn summary(&self) -> Scores {
        let lppd = self.lppd();
        let classified = self.classified();
        let of_classes = |score: fn(&[Classified]) -> f64| classified.as_deref().map(score);
        Scores {
            rows: self.rows(),
            target_scale: self.target_scale,
            lppd,
            rmse: self.rmse(),
            coverage_90: self.coverage(0.9),
            accuracy: of_classes(scores::accuracy),
            nll: classified.is_some().then_some(-lppd),
            brier: of_classes(scores::brier),
            calibration_error: of_classes(scores::calibration_error),
        }
    }
}

/// Scores on some rows. Prints as a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scores {
    /// Number of rows.
    pub rows: usize,
    /// The scale of the targets that LPPD and RMSE are stated on.
    pub target_scale: TargetScale,
    /// Mean log predictive density.
    pub lppd: f64,
    /// Root mean squared error, for real targets and counts.
    pub rmse: Option<f64>,
    /// Fraction inside the central 90 % interval, for real targets and counts.
    pub coverage_90: Option<f64>,
    /// Fraction of right classes, for classes.
    pub accuracy: Option<f64>,
    /// Mean negative log predictive density, minus `lppd`, for classes.
    pub nll: Option<f64>,
    /// [Brier score](scores::brier), for classes.
    pub brier: Option<f64>,
    /// [Expected calibration error](scores::calibration_error) in 15 bins of equal width, for classes.
    pub calibration_error: Option<f64>,
}

impl fmt::Display for Scores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows: LPPD {:.3}", self.rows, self.lppd)?;
        if let Some(rmse) = self.rmse {
            write!(f, ", RMSE {rmse:.3}")?;
        }
        if let Some(coverage) = self.coverage_90 {
            write!(f, ", 90 % interval covers {:.1} %", 100.0 * coverage)?;
        }
        if let Some(accuracy) = self.accuracy {
            write!(f, ", accuracy {accuracy:.3}")?;
        }
        for (name, score) in [
            ("NLL", self.nll),
            ("Brier", self.brier),
            ("ECE", self.calibration_error),
        ] {
            if let Some(score) = score {
                write!(f, ", {name} {score:.3}")?;
            }
        }
        // The scale of classes is no question.
        if self.rmse.is_some() {
            write!(f, ", target scale {}", self.target_scale)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dist::{Categorical, Normal};
    use crate::rng::{Purpose, Streams};
    use crate::scores::BINS;

    #[test]
    fn a_mixture_of_two_draws_has_the_scores_of_its_mean() {
        // Class 1 has probability ¾ under one draw and ¼ under the other, which has three quarters of the weight: ⅜.
        let three = 3f64.ln();
        let arguments = Arguments {
            rows: 2,
            width: 2,
            values: vec![0.0, three, 0.0, three, three, 0.0, three, 0.0],
        };
        let log_weights = [0.25f64.ln(), 0.75f64.ln()];
        let classes = Categorical::default();
        let prediction = Prediction::new(arguments, &log_weights, &classes, vec![1.0, 0.0]);
        let found = prediction.summary();
        let close = |found: Option<f64>, expected: f64| {
            assert!(
                found.is_some_and(|x| (x - expected).abs() < 1e-12),
                "{found:?} {expected}"
            );
        };
        let nll = -0.5 * (0.375f64.ln() + 0.625f64.ln());
        close(Some(found.lppd), -nll);
        close(found.nll, nll);
        close(found.accuracy, 0.5);
        close(found.brier, 0.625f64.powi(2) + 0.375f64.powi(2));
        close(found.calibration_error, 0.125);
        assert_eq!(
            found.to_string(),
            "2 rows: LPPD -0.725, accuracy 0.500, NLL 0.725, Brier 0.531, ECE 0.125"
        );
        assert_eq!((found.rmse, found.coverage_90), (None, None));
    }

    #[test]
    fn real_targets_have_no_scores_of_classes() {
        let arguments = Arguments {
            rows: 1,
            width: 2,
            values: vec![0.0, 1.0],
        };
        let normal = Normal::default();
        let found = Prediction::new(arguments, &[0.0], &normal, vec![0.5]).summary();
        assert_eq!(
            (
                found.accuracy,
                found.nll,
                found.brier,
                found.calibration_error
            ),
            (None, None, None, None)
        );
        assert!(found.rmse.is_some());
    }

    /// Two rows of a mixture of three normals, with a standardisation or without.
    fn normals(log_weights: &[f64], targets: [f32; 2]) -> Prediction<'_> {
        static NORMAL: std::sync::LazyLock<Normal<crate::dist::Term>> =
            std::sync::LazyLock::new(Normal::default);
        let values = vec![0.0, 1.0, 3.0, 0.5, 1.0, 0.2, -2.0, 0.1, 4.0, 2.0, 3.0, 1.0];
        let arguments = Arguments {
            rows: 2,
            width: 2,
            values,
        };
        Prediction::new(arguments, log_weights, &*NORMAL, targets.to_vec())
    }

    fn near(found: f64, expected: f64, tolerance: f64) {
        assert!(
            (found - expected).abs() <= tolerance,
            "{found}, expected {expected}"
        );
    }

    const WEIGHTS: [f64; 3] = [
        -1.609_437_912_434_100_3,
        -0.916_290_731_874_155,
        -0.916_290_731_874_155,
    ];

    #[test]
    fn quantiles_invert_the_distribution_function() {
        let prediction = normals(&WEIGHTS, [0.3, 4.0]);
        for p in [1e-6, 0.025, 0.3, 0.5, 0.77, 0.999] {
            for (row, q) in prediction.quantile(p).unwrap().into_iter().enumerate() {
                near(prediction.cdf(row, q).unwrap(), p, 1e-9);
            }
        }
        let (low, high) = prediction.interval(0.9).unwrap()[1];
        near(
            prediction.cdf(1, high).unwrap() - prediction.cdf(1, low).unwrap(),
            0.9,
            1e-9,
        );
        for p in [0.0, 1.0, -0.5, f64::NAN] {
            assert_eq!(prediction.quantile(p), None);
        }
        let pit = prediction.pit().unwrap();
        near(
            prediction.quantile(pit[0]).unwrap()[0],
            f64::from(0.3f32),
            1e-9,
        );
    }

    #[test]
    fn the_crps_of_a_mixture_of_normals_is_its_closed_form() {
        // E|Y − y| − ½ E|Y − Y'| by A(m, s) = E|N(m, s²)| (Grimit et al., 2006).
        let a = |mean: f64, sd: f64| {
            let z = mean / sd;
            let density = (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt();
            mean * libm::erf(z * std::f64::consts::FRAC_1_SQRT_2) + 2.0 * sd * density
        };
        for targets in [[0.3, 4.0], [-9.0, 30.0]] {
            let prediction = normals(&WEIGHTS, targets);
            let mut expected = 0.0;
            for (row, &target) in targets.iter().enumerate() {
                let of = |k: usize| (WEIGHTS[k].exp(), prediction.arguments.at(k, row));
                for k in 0..3 {
                    let (w, one) = of(k);
                    expected += 0.5 * w * a(one[0] - f64::from(target), one[1]);
                    for j in 0..3 {
                        let (v, other) = of(j);
                        let sd = one[1].hypot(other[1]);
                        expected -= 0.25 * w * v * a(one[0] - other[0], sd);
                    }
                }
            }
            near(prediction.crps().unwrap(), expected, 1e-5 * expected);
        }
    }

    #[test]
    fn variance_and_entropy_are_the_sums_of_their_parts() {
        let prediction = normals(&WEIGHTS, [0.0, 0.0]);
        let parts = prediction
            .epistemic_sd()
            .unwrap()
            .into_iter()
            .zip(prediction.aleatoric_sd().unwrap());
        for (sd, (epistemic, aleatoric)) in prediction.sd().into_iter().zip(parts) {
            near(sd * sd, epistemic.powi(2) + aleatoric.powi(2), 1e-12);
        }
        // Draws that are sure of different classes: all entropy is disagreement; draws that agree: none is.
        let classes = Categorical::default();
        let arguments = Arguments {
            rows: 2,
            width: 2,
            values: vec![50.0, -50.0, 1.0, 0.0, -50.0, 50.0, 1.0, 0.0],
        };
        let half = [0.5f64.ln(); 2];
        let prediction = Prediction::new(arguments, &half, &classes, vec![0.0, 1.0]);
        let (total, information) = (
            prediction.entropy().unwrap(),
            prediction.mutual_information().unwrap(),
        );
        near(total[0], 2f64.ln(), 1e-12);
        near(information[0], 2f64.ln(), 1e-12);
        near(information[1], 0.0, 1e-12);
        near(prediction.expected_entropy().unwrap()[1], total[1], 1e-12);
        let confusion = prediction.confusion().unwrap();
        assert_eq!((confusion.count(0, 0), confusion.count(1, 0)), (1, 1));
        // The row of class 1 has the lower probability of it.
        assert_eq!(prediction.auroc(1), Some(0.0));
        assert_eq!(
            (
                prediction.crps(),
                prediction.pit(),
                prediction.quantile(0.5)
            ),
            (None, None, None)
        );
        assert_eq!(
            (prediction.epistemic_sd(), prediction.auroc(2)),
            (None, None)
        );
    }

    #[test]
    fn a_carried_standardisation_is_undone_and_counted_in_densities() {
        // Mean 10 and sd 5.
        let train = crate::Dataset::new(0, vec![], vec![5.0, 15.0]).unwrap();
        let scale = Standardise::fit(&train);
        let inner = normals(&WEIGHTS, [0.5, -1.0]);
        let outer = normals(&WEIGHTS, [12.5, 5.0]).standardised_by(&scale);
        for row in 0..2 {
            near(outer.mean()[row], 10.0 + 5.0 * inner.mean()[row], 1e-12);
            near(outer.sd()[row], 5.0 * inner.sd()[row], 1e-12);
            near(
                outer.function(2, row),
                10.0 + 5.0 * inner.function(2, row),
                1e-12,
            );
            let quantile = inner.quantile(0.2).unwrap()[row];
            near(
                outer.quantile(0.2).unwrap()[row],
                10.0 + 5.0 * quantile,
                1e-9,
            );
            near(
                outer.log_densities()[row],
                inner.log_densities()[row] - 5f64.ln(),
                1e-12,
            );
        }
        assert_eq!(outer.pit(), inner.pit());
        near(outer.crps().unwrap(), 5.0 * inner.crps().unwrap(), 1e-9);
        near(outer.rmse().unwrap(), 5.0 * inner.rmse().unwrap(), 1e-12);
        // A density integrates to one on the scale that it is stated on.
        let density = |y: f32| {
            normals(&WEIGHTS, [y, y])
                .standardised_by(&scale)
                .log_densities()[0]
                .exp()
        };
        let total: f64 = (-4000..8000).map(|i| density(i as f32 * 0.01) * 0.01).sum();
        near(total, 1.0, 1e-6);
    }

    /// ECE of `rows` rows of three classes whose targets are drawn from the mixture of two draws and whose logits are then
    /// multiplied by `sharpen`; with what it is expected to be, and with its standard deviation, if nothing is sharpened.
    fn simulated(sharpen: f64, seed: u64) -> (f64, f64, f64) {
        const ROWS: usize = 20_000;
        let mut stream = Streams::new(seed).stream(Purpose::Simulate, 0, 0, 0);
        let logits: Vec<f64> = (0..2 * ROWS * 3).map(|_| 1.5 * stream.normal()).collect();
        let log_weights = [0.3f64.ln(), 0.7f64.ln()];
        let classes = Categorical::default();
        let of = |factor: f64, targets: Vec<f32>| {
            let arguments = Arguments {
                rows: ROWS,
                width: 3,
                values: logits.iter().map(|l| factor * l).collect(),
            };
            Prediction::new(arguments, &log_weights, &classes, targets)
        };
        let truth = of(1.0, vec![0.0; ROWS]);
        let mut draw = |i: usize| {
            let mut left = stream.uniform();
            let p = truth.probabilities(i).unwrap();
            let class = p.iter().position(|p| {
                left -= p;
                left < 0.0
            });
            class.unwrap_or(2) as f32
        };
        let targets = (0..ROWS).map(&mut draw).collect();
        let prediction = of(sharpen, targets);
        let mut variances = [0.0; BINS];
        for row in prediction.classified().unwrap() {
            let p = row.confidence;
            variances[(p * BINS as f64).ceil() as usize - 1] += p * (1.0 - p);
        }
        // The gap of a bin is normal with that variance; |gap| has mean √(2/π)·sd and variance (1 − 2/π)·sd².
        let share = std::f64::consts::FRAC_2_PI;
        let expected: f64 = variances.iter().map(|v| (share * v).sqrt()).sum();
        let sd = (variances.iter().sum::<f64>() * (1.0 - share)).sqrt();
        let n = ROWS as f64;
        (
            prediction.calibration_error().unwrap(),
            expected / n,
            sd / n,
        )
    }

    #[test]
    fn calibrated_predictions_have_the_calibration_error_of_their_sampling() {
        for seed in 0..10 {
            let (ece, expected, sd) = simulated(1.0, seed);
            assert!(
                (ece - expected).abs() <= 4.0 * sd,
                "{ece}, expected {expected} ± {sd}"
            );
            let (ece, expected, sd) = simulated(1.3, seed);
            assert!(
                ece > expected + 10.0 * sd,
                "overconfident: {ece}, {expected} ± {sd}"
            );
        }
    }
}
