//! How well an algorithm predicts rows that it has not seen.

use std::ops::Range;
use std::sync::Arc;

use crate::base::diagnostics::mean_variance;
use crate::base::error::Result;
use crate::base::sums::log_sum_exp;
use crate::infer::Draws;
use crate::problem::density::Density;
use crate::problem::population::Population;
use crate::problem::{Counts, Layered, Predictor, Problem, RowSampled, Segment, Sums};

/// The first rows of a problem in the order in which they were bound, which is a random one.
pub(super) struct Part<'a> {
    pub(super) whole: Arc<dyn Problem + 'a>,
    pub(super) rows: usize,
}

impl Problem for Part<'_> {
    fn predictor(&self) -> Arc<dyn Predictor> {
        self.whole.predictor()
    }

    fn model(&self) -> &dyn Predictor {
        self.whole.model()
    }

    fn order(&self) -> &[usize] {
        &self.whole.order()[..self.rows]
    }

    fn counts(&self) -> Counts {
        self.whole.counts()
    }

    fn log_likelihood(
        &self,
        thetas: &Population,
        segments: &[Segment],
        gradient: Option<&mut Population>,
    ) -> Sums {
        self.whole.log_likelihood(thetas, segments, gradient)
    }

    fn row_log_likelihoods(&self, thetas: &Population) -> Vec<f64> {
        let mut kept = vec![false; self.whole.rows()];
        for &row in self.order() {
            kept[row] = true;
        }
        let all = self.whole.row_log_likelihoods(thetas);
        let each = all.chunks(kept.len().max(1)).flat_map(|of_vector| {
            let kept = of_vector.iter().zip(&kept);
            kept.filter(|(_, kept)| **kept).map(|(l, _)| *l)
        });
        each.collect()
    }

    fn prior(&self) -> &dyn Density {
        self.whole.prior()
    }

    fn layered(&self) -> Result<&dyn Layered> {
        self.whole.layered()
    }

    fn row_sampled(&self) -> Result<&dyn RowSampled> {
        self.whole.row_sampled()
    }
}

/// Draws that predictions are made from.
const DRAWS: usize = 32;

/// The log of the predictive density of every one of `rows`, from draws evenly apart, with their weights.
pub(super) fn score(problem: &dyn Problem, draws: &Draws, rows: Range<usize>) -> Vec<f64> {
    let positions = draws.positions();
    let n = positions.len().min(DRAWS);
    let places: Vec<usize> = (0..n).map(|i| i * positions.len() / n).collect();
    let some = positions.gather(&places);
    let weights: Vec<f64> = places.iter().map(|i| draws.log_weights()[*i]).collect();
    let all = log_sum_exp(&weights);
    let each = |row| Segment {
        rows: row..row + 1,
        weight: 0.0,
    };
    let held = rows.len();
    let segments: Vec<Segment> = rows.map(each).collect();
    let sums = problem.log_likelihood(&some, &segments, None);
    let of_row = |row: usize| {
        let logs = sums
            .each()
            .zip(&weights)
            .map(|(of_draw, w)| of_draw[row] + w);
        log_sum_exp(&logs.collect::<Vec<_>>()) - all
    };
    (0..held).map(of_row).collect()
}

/// The mean of such scores; −∞ where there is none that is a number.
pub(super) fn mean(scores: &[f64]) -> f64 {
    let mean = scores.iter().sum::<f64>() / scores.len() as f64;
    if mean.is_nan() {
        f64::NEG_INFINITY
    } else {
        mean
    }
}

/// By how much scores are better than others of the same rows, and the standard error of that.
pub(super) fn lead(scores: &[f64], others: &[f64]) -> (f64, f64) {
    let apart = scores.iter().zip(others).map(|(a, b)| a - b);
    let (mean, variance) = mean_variance(apart);
    (mean, (variance / scores.len() as f64).sqrt())
}
