//! The posterior predictive distribution: a mixture over draws, row by row, and its scores.

use std::fmt;

use crate::dist::{Predictive, Response};
use crate::exec;
use crate::problem::Arguments;
use crate::scores::{self, Classified};
use crate::weights::log_sum_exp;

/// The predictive distribution at some rows, Σ_k W_k p(y | x, θ_k), with their targets.
pub struct Prediction<'a> {
    arguments: Arguments,
    log_weights: &'a [f64],
    predictive: &'a dyn Predictive,
    targets: Vec<f32>,
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
        }
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
        self.predictive.mean(self.arguments.at(draw, row))
    }

    fn mixture(&self, row: usize, f: impl Fn(&[f64]) -> f64) -> f64 {
        let draws = self.log_weights.iter().enumerate();
        draws
            .map(|(k, w)| w.exp() * f(self.arguments.at(k, row)))
            .sum()
    }

    /// Mean of y at every row.
    pub fn mean(&self) -> Vec<f64> {
        exec::map(self.rows(), |i| {
            self.mixture(i, |a| self.predictive.mean(a))
        })
    }

    /// Standard deviation of y at every row: the spread of the functions and the noise together.
    pub fn sd(&self) -> Vec<f64> {
        exec::map(self.rows(), |i| {
            let mean = self.mixture(i, |a| self.predictive.mean(a));
            self.mixture(i, |a| {
                self.predictive.variance(a) + (self.predictive.mean(a) - mean).powi(2)
            })
            .sqrt()
        })
    }

    /// P(Y <= y) at row `row`, for real targets.
    pub fn cdf(&self, row: usize, y: f64) -> Option<f64> {
        let draws = self.log_weights.iter().enumerate();
        draws
            .map(|(k, w)| Some(w.exp() * self.predictive.cdf(self.arguments.at(k, row), y)?))
            .sum()
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
            let y = f64::from(self.targets[i]);
            let draws = self.log_weights.iter().enumerate();
            let terms: Vec<f64> = draws
                .map(|(k, w)| w + self.predictive.log_density(self.arguments.at(k, i), y))
                .collect();
            log_sum_exp(&terms)
        })
    }

    /// Mean of [`Prediction::log_densities`], on the scale of the targets that the model was given.
    pub fn lppd(&self) -> f64 {
        self.log_densities().iter().sum::<f64>() / self.rows() as f64
    }

    /// Root mean squared error of the predictive mean, for real targets.
    pub fn rmse(&self) -> Option<f64> {
        (self.predictive.response() == Response::Real).then(|| {
            let squares = self
                .mean()
                .iter()
                .zip(&self.targets)
                .map(|(m, &y)| (m - f64::from(y)).powi(2))
                .sum::<f64>();
            (squares / self.rows() as f64).sqrt()
        })
    }

    /// Fraction of the targets inside the central interval of probability `level`, for real targets.
    pub fn coverage(&self, level: f64) -> Option<f64> {
        let tail = 0.5 * (1.0 - level);
        let inside = |i: usize| {
            let p = self.cdf(i, f64::from(self.targets[i]))?;
            Some(f64::from(u8::from(p > tail && p < 1.0 - tail)))
        };
        let total: Option<f64> = exec::map(self.rows(), inside).into_iter().sum();
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

    /// The scores that fit the kind of target.
    pub fn summary(&self) -> Scores {
        let lppd = self.lppd();
        let classified = self.classified();
        let of_classes = |score: fn(&[Classified]) -> f64| classified.as_deref().map(score);
        Scores {
            rows: self.rows(),
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

/// Scores on some rows, on the scale of the targets that the model was given. Prints as a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scores {
    /// Number of rows.
    pub rows: usize,
    /// Mean log predictive density.
    pub lppd: f64,
    /// Root mean squared error, for real targets.
    pub rmse: Option<f64>,
    /// Fraction inside the central 90 % interval, for real targets.
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
