//! A prediction held against targets.

use std::ops::Deref;

use super::{Prediction, Scores};
use crate::base::exec;
use crate::base::scores::{self, Bin, Classified, Confusion, likeliest};
use crate::base::sums::log_sum_exp;
use crate::model::dist::discrete;

/// A [`Prediction`] with the targets of its rows: everything that a prediction has, and its scores.
pub struct Scored<'a> {
    pub(super) prediction: Prediction<'a>,
    pub(super) targets: Vec<f32>,
    /// Rows that are training rows too.
    seen: usize,
}

impl<'a> Deref for Scored<'a> {
    type Target = Prediction<'a>;

    fn deref(&self) -> &Self::Target {
        &self.prediction
    }
}

impl<'a> Scored<'a> {
    /// `prediction` with one target for each of its rows, of which `seen` are training rows too.
    pub(crate) fn new(prediction: Prediction<'a>, targets: Vec<f32>, seen: usize) -> Self {
        Self {
            prediction,
            targets,
            seen,
        }
    }
}

impl Scored<'_> {
    /// How many of the rows stand among the training rows, with the same features and target: scores on them flatter.
    pub fn seen(&self) -> usize {
        self.seen
    }

    /// log p(y | x, θ_k) at the target of row `row`, of every draw.
    pub fn log_densities_of(&self, row: usize) -> Vec<f64> {
        let z = self.inner(f64::from(self.targets[row]));
        // dz/dy = 1/sd.
        let of = |k| self.predictive.log_density(self.arguments.at(k, row), z) - self.sd.ln();
        (0..self.draws()).map(of).collect()
    }

    /// log Σ_k W_k p(y | x, θ_k) at the target of every row.
    pub fn log_densities(&self) -> Vec<f64> {
        exec::map(self.rows(), |i| {
            let draws = self.log_densities_of(i).into_iter();
            let terms = draws.zip(self.log_weights()).map(|(l, w)| w + l);
            log_sum_exp(&terms.collect::<Vec<_>>())
        })
    }

    /// Mean of [`Scored::log_densities`], on the scale that [`Prediction::target_scale`] names.
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

    /// Probability integral transform P(Y <= y) of the target of every row, for real targets and counts: uniform between 0 and 1
    /// where predictions are calibrated (Dawid, 1984; Gneiting, Balabdaoui and Raftery, 2007). For counts it is the middle of
    /// the step, P(Y < y) + ½ P(Y = y): its mean is ½ where predictions are calibrated, but it is not uniform (Czado, Gneiting
    /// and Held, 2009, spread each count over its step).
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
    /// It asks for about a hundred values of the predictive distribution function for each row, and so takes about as many times as
    /// long as [`Scored::lppd`].
    pub fn crps(&self) -> Option<f64> {
        /// Beyond these quantiles nothing is integrated; it would add the square of the tail.
        const TAIL: f64 = 1e-7;
        let row = |i: usize| {
            let cdf = |z: f64| self.inner_cdf(i, z).unwrap_or(f64::NAN);
            let y = self.inner(f64::from(self.targets[i]));
            if self.counts() {
                let end = |p: f64| self.inner_quantile(i, p);
                return Some(discrete::crps(cdf, end(TAIL)?, end(1.0 - TAIL)?, y));
            }
            let place = self.place(i);
            let low = self.around(i, TAIL, place)?.0;
            let high = self.around(i, 1.0 - TAIL, place)?.1;
            Some(self.sd * scores::crps(cdf, low, high, y, place.1))
        };
        let total: Option<f64> = exec::map(self.rows(), row).into_iter().sum();
        total.map(|t| t / self.rows() as f64)
    }

    /// Mean negative log predictive density, minus [`Scored::lppd`].
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

    /// [Brier score](scores::brier), for classes: the sum over all of them, so that it is between 0 and 2. Of two classes it is
    /// twice the (p − y)² that others report.
    pub fn brier(&self) -> Option<f64> {
        Some(scores::brier(&self.classified()?))
    }

    /// [Expected calibration error](scores::calibration_error) in 15 bins of equal width, for classes.
    pub fn calibration_error(&self) -> Option<f64> {
        Some(scores::calibration_error(&self.classified()?))
    }

    /// How often the likeliest class was right, by how sure the prediction was: the [bins](scores::calibration) that the
    /// calibration error sums up, for classes. Draw it against the diagonal.
    pub fn calibration(&self) -> Option<Vec<Bin>> {
        Some(scores::calibration(&self.classified()?))
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
        let pair = |i: usize| {
            let best = likeliest(&self.probabilities(i)?)?;
            Some((self.targets[i] as usize, best))
        };
        let pairs: Option<Vec<_>> = exec::map(self.rows(), pair).into_iter().collect();
        let pairs = pairs?;
        let names = (0..self.probabilities(0)?.len()).map(|c| self.class_name(c));
        Some(Confusion::new(names.collect(), pairs))
    }

    /// The scores that fit the kind of target.
    pub fn summary(&self) -> Scores {
        let lppd = self.lppd();
        let classified = self.classified();
        let of_classes = |score: fn(&[Classified]) -> f64| classified.as_deref().map(score);
        Scores {
            rows: self.rows(),
            seen: self.seen,
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
