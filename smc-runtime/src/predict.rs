//! The posterior predictive distribution: a mixture over draws, row by row, and its scores.

use std::fmt;

use crate::dist::{Predictive, Response};
use crate::exec;
use crate::problem::Arguments;
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

    /// Fraction of rows whose likeliest class is the target, for classes.
    pub fn accuracy(&self) -> Option<f64> {
        let hit = |i: usize| {
            let p = self.probabilities(i)?;
            let best = (0..p.len()).max_by(|&a, &b| p[a].total_cmp(&p[b]))?;
            Some(f64::from(u8::from(
                best as f64 == f64::from(self.targets[i]),
            )))
        };
        let total: Option<f64> = exec::map(self.rows(), hit).into_iter().sum();
        total.map(|t| t / self.rows() as f64)
    }

    /// The scores that fit the kind of target.
    pub fn summary(&self) -> Scores {
        Scores {
            rows: self.rows(),
            lppd: self.lppd(),
            rmse: self.rmse(),
            coverage_90: self.coverage(0.9),
            accuracy: self.accuracy(),
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
        Ok(())
    }
}
