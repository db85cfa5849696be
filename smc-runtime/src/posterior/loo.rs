//! Leave-one-out cross-validation from one run, by smoothed importance weights.

use std::fmt;

use super::Posterior;
use super::predict::Scored;
use crate::base::diagnostics::mean_variance;
use crate::base::error::{Error, Result};
use crate::base::exec;
use crate::base::psis::{LARGEST_K, smooth};
use crate::base::sums::log_sum_exp;
use crate::data::Dataset;
use crate::model::Model;

/// What the draws say of every row as if it had not been learned from. Prints as a few lines.
#[derive(Clone, Debug, PartialEq)]
pub struct Loo {
    /// Σ log p(y_i | all other rows), estimated.
    pub elpd: f64,
    /// Its standard error, from how much rows differ.
    pub error: f64,
    /// The effective number of parameters: how much more likely rows are with themselves among those learned from.
    pub p: f64,
    /// log p(y_i | all other rows) of every row.
    pub rows: Vec<f64>,
    /// Pareto k of the weights that leave each row out; above 0.7 its number is not to be trusted. `None` with too few draws.
    pub k: Vec<Option<f64>>,
}

impl<M: Model> Posterior<M> {
    /// Leave-one-out cross-validation at the training rows `train`, without another run: the draws weighted by 1/p(y_i | θ), smoothed (A. Vehtari, A.
    /// Gelman, J. Gabry, *Practical Bayesian model evaluation using leave-one-out cross-validation and WAIC*, Statistics and Computing 2017). Weights
    /// of a cloud are taken into account.
    ///
    /// ```
    /// use smc_runtime::prelude::*;
    ///
    /// #[bayes_model]
    /// #[likelihood(Normal(mean = output, sd = 1.0))]
    /// #[infer(mcmc(chains = 4, warmup = 200, draws = 500))]
    /// struct Level {
    ///     #[prior(Normal(0.0, 10.0))]
    ///     output: Linear<1, 1>,
    /// }
    ///
    /// let x: Vec<f32> = (0..20).map(|i| i as f32 / 10.0 - 1.0).collect();
    /// let y = x.iter().enumerate().map(|(i, x)| x + [0.5, -0.5, 1.0, -1.0][i % 4]).collect();
    /// let data = Dataset::new(1, x, y)?;
    /// let loo = Level::infer(&data).seed(1).run()?.loo(&data)?;
    /// // Two parameters are effectively about two.
    /// assert!((0.8..3.0).contains(&loo.p) && loo.bad().is_empty());
    /// println!("{loo}");
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Posterior::predict`], if rows of `train` are none of the training rows, and if there are fewer than 25 draws, or points.
    pub fn loo(&self, train: &Dataset) -> Result<Loo> {
        const FEWEST: usize = 25;
        if self.report().points || self.len() < FEWEST {
            let what = if self.report().points {
                "points"
            } else {
                "fewer"
            };
            let expected = format!("{FEWEST} draws or more");
            return Err(Error::shape("leaving rows out", expected, what));
        }
        let scored = self.predict(train)?;
        // Rows without features are all alike.
        if train.columns() > 0 && scored.seen() < train.rows() {
            let found = format!("{} of {} rows", scored.seen(), train.rows());
            return Err(Error::shape("leaving rows out", "training rows", found));
        }
        Ok(Loo::of(&scored))
    }
}

impl Loo {
    fn of(scored: &Scored<'_>) -> Self {
        let weights = scored.log_weights();
        let left_out = exec::map(scored.rows(), |row| {
            let logs = scored.log_densities_of(row);
            let without: Vec<f64> = logs.iter().zip(weights).map(|(l, w)| w - l).collect();
            let smoothed = smooth(&without);
            let total = log_sum_exp(&smoothed.log_weights);
            let each = smoothed.log_weights.iter().zip(&logs);
            let with: Vec<f64> = logs.iter().zip(weights).map(|(l, w)| w + l).collect();
            let of_row = log_sum_exp(&each.map(|(w, l)| w + l).collect::<Vec<_>>()) - total;
            (of_row, log_sum_exp(&with), smoothed.k)
        });
        let rows: Vec<f64> = left_out.iter().map(|(l, ..)| *l).collect();
        let n = rows.len() as f64;
        let (mean, variance) = mean_variance(rows.iter().copied());
        let elpd = mean * n;
        Self {
            elpd,
            error: (n * variance).sqrt(),
            p: left_out.iter().map(|(_, with, _)| with).sum::<f64>() - elpd,
            k: left_out.iter().map(|(.., k)| *k).collect(),
            rows,
        }
    }

    /// Rows whose number is not to be trusted, the worst first.
    pub fn bad(&self) -> Vec<usize> {
        let above = |row: &usize| self.k[*row].is_none_or(|k| k > LARGEST_K);
        let mut bad: Vec<usize> = (0..self.k.len()).filter(above).collect();
        let k = |row: usize| self.k[row].unwrap_or(f64::INFINITY);
        bad.sort_by(|&a, &b| k(b).total_cmp(&k(a)));
        bad
    }
}

impl fmt::Display for Loo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 5;
        let n = self.rows.len();
        writeln!(
            f,
            "leave-one-out log density {:.1} ± {:.1} of {n} rows, {:.3} each; {:.1} effective parameters",
            self.elpd,
            self.error,
            self.elpd / n as f64,
            self.p
        )?;
        let bad = self.bad();
        if bad.is_empty() {
            return write!(f, "Pareto k is at most {LARGEST_K} at every row");
        }
        let named = bad.iter().take(SHOWN).map(|row| match self.k[*row] {
            Some(k) => format!("{row} ({k:.2})"),
            None => row.to_string(),
        });
        let named = named.collect::<Vec<_>>().join(", ");
        let more = if bad.len() > SHOWN { ", .." } else { "" };
        write!(
            f,
            "Pareto k is above {LARGEST_K} at {} rows, where this is not to be trusted: {named}{more}",
            bad.len()
        )
    }
}
