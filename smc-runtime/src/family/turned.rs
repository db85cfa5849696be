//! A normal density with independent coordinates in a basis, while it is fitted.

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::basis::Basis;
use super::factors::Factors;
use super::member::TOGETHER;
use super::{DiagonalNormal, KroneckerNormal};
use crate::base::error::Result;
use crate::base::exec;
use crate::base::rng::{Purpose, Streams};
use crate::problem::density::Density;
use crate::problem::population::Population;
use crate::problem::{Layered, Segment, Sums};

/// The numbers of a fit: in the coordinates of a basis a mean, a precision per row of the data, and a running mean of slopes; and the
/// factors that renew the basis, if it is to be renewed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Turned {
    /// Rows of the data N.
    rows: usize,
    mean: Vec<f32>,
    /// α: the variance is 1/(N α).
    precision: Vec<f32>,
    momentum: Vec<f32>,
    /// The least precision of some coordinates, which are all of them, one after the other.
    least: Vec<(Range<usize>, f32)>,
    basis: Basis,
    factors: Option<Factors>,
}

/// What an update sees of one coordinate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct At {
    /// Mean.
    pub mean: f32,
    /// Precision per row of the data.
    pub precision: f32,
    /// The least that it may be.
    pub least: f32,
    /// The running mean.
    pub momentum: f32,
    /// Standard normal noise of the draw.
    pub noise: f32,
    /// The derivative of the mean loss of a row, −(log-likelihood + log-prior)/N, at the draw.
    pub slope: f32,
}

impl At {
    /// The standard deviation, for `rows` rows of the data.
    pub fn sd(&self, rows: f32) -> f32 {
        1.0 / (rows * self.precision).sqrt()
    }
}

impl Turned {
    /// Around `mean`, one vector, with the standard deviation `sd` of every coordinate; in the eigenbasis of Kronecker factors where
    /// there are some. `widest` says of all coordinates, one range after the other, what their standard deviation may be at the most;
    /// the coordinates of a layer that is turned share the largest of theirs.
    pub fn new(
        rows: usize,
        mean: &Population,
        sd: &[f32],
        widest: Vec<(Range<usize>, f32)>,
        kronecker: Option<(&dyn Layered, Factors)>,
    ) -> Self {
        let dim = mean.dim();
        let (layers, factors) = match kronecker {
            Some((layered, factors)) => (layered.layers(), Some(factors)),
            None => (&[][..], None),
        };
        let mut basis = Basis::of(layers);
        if let Some(factors) = &factors {
            factors.of_features(&mut basis);
        }
        let mut mean = mean.row(0).to_vec();
        basis.enter(&mut mean);
        let n = rows as f32;
        let mut least: Vec<(Range<usize>, f32)> = widest
            .into_iter()
            .map(|(range, sd)| (range, 1.0 / (n * sd * sd)))
            .collect();
        for layer in layers {
            let of_layer =
                |range: &Range<usize>| *range == layer.weight || Some(range) == layer.bias.as_ref();
            let own = least.iter().filter(|(range, _)| of_layer(range));
            let lowest = own.map(|(_, least)| *least).fold(f32::INFINITY, f32::min);
            for (_, least) in least.iter_mut().filter(|(range, _)| of_layer(range)) {
                *least = lowest;
            }
        }
        Self {
            least,
            rows,
            mean,
            precision: sd.iter().map(|s| 1.0 / (n * s * s)).collect(),
            momentum: vec![0.0; dim],
            basis,
            factors,
        }
    }

    /// Number of coordinates.
    pub fn dim(&self) -> usize {
        self.mean.len()
    }

    /// Sides of layers that are too large for a basis.
    pub fn lacking(&self) -> usize {
        self.factors.as_ref().map_or(0, Factors::lacking)
    }

    /// A draw, one vector, and the noise that it was made of.
    pub fn draw(&self, streams: Streams, number: usize) -> (Population, Population) {
        let dim = self.dim();
        let mut noise = Population::zeros(dim.div_ceil(TOGETHER), TOGETHER);
        noise.fill_normal(streams, Purpose::Propose, number, 0);
        let mut theta = Population::zeros(1, dim);
        let draw = theta.on_host().row_mut(0);
        let rows = self.rows as f32;
        let (mean, precision, z) = (&self.mean, &self.precision, noise.values());
        exec::update_rows(draw, TOGETHER, |piece, draw| {
            let from = piece * TOGETHER;
            let at = draw
                .iter_mut()
                .zip(&mean[from..])
                .zip(&precision[from..])
                .zip(&z[from..]);
            for (((x, m), a), z) in at {
                *x = m + z / (rows * a).sqrt();
            }
        });
        self.basis.leave(draw);
        (theta, noise)
    }

    /// Whether there are factors, by which the basis is renewed.
    pub fn has_factors(&self) -> bool {
        self.factors.is_some()
    }

    /// The log-likelihood of a mini-batch at a draw, whose gradient is added, and the factors updated on the way if there are some.
    pub fn gather(
        &mut self,
        layered: &dyn Layered,
        theta: &Population,
        segments: &[Segment],
        gradient: &mut Population,
    ) -> Option<Sums> {
        let factors = self.factors.as_mut()?;
        Some(factors.update(layered, theta, segments, gradient))
    }

    /// Takes all numbers to a basis that is a step nearer to the factors' eigenvectors; standard deviations stay with their coordinates.
    pub fn renew(&mut self) {
        let Some(factors) = &self.factors else {
            return;
        };
        let before = self.basis.clone();
        factors.renew(&mut self.basis, 0);
        for part in [&mut self.mean, &mut self.momentum] {
            self.basis.follow(&before, part);
        }
    }

    /// `f` on every coordinate: the new mean, precision and running mean, from the gradient of the log-density at the draw that `noise`
    /// made; the gradient is used up.
    pub fn update(
        &mut self,
        mut gradient: Population,
        noise: &Population,
        f: impl Fn(At) -> (f32, f32, f32) + Copy + Sync + Send,
    ) {
        let loss = -1.0 / self.rows as f32;
        let slopes = gradient.on_host().row_mut(0);
        self.basis.enter_gradient(slopes);
        let (slopes, z, least) = (&*slopes, noise.values(), &self.least);
        let arrays = [&mut self.mean[..], &mut self.precision, &mut self.momentum];
        exec::update_rows_of(arrays, TOGETHER, |piece, [mean, precision, momentum]| {
            // Copies and slices of one length: what lets many coordinates be taken at once.
            let (from, f, loss) = (piece * TOGETHER, f, loss);
            for (range, least) in least {
                let (start, end) = (range.start.max(from), range.end.min(from + mean.len()));
                if start >= end {
                    continue;
                }
                let (least, n) = (*least, end - start);
                let (slopes, z) = (&slopes[start..end], &z[start..end]);
                let own = start - from..end - from;
                let (mean, precision) = (&mut mean[own.clone()], &mut precision[own.clone()]);
                let momentum = &mut momentum[own];
                for i in 0..n {
                    let now = f(At {
                        mean: mean[i],
                        precision: precision[i],
                        least,
                        momentum: momentum[i],
                        noise: z[i],
                        slope: loss * slopes[i],
                    });
                    (mean[i], precision[i], momentum[i]) = now;
                }
            }
        });
    }

    /// The density that the numbers are.
    ///
    /// # Errors
    /// If a number is not finite.
    pub fn density(&self) -> Result<Arc<dyn Density>> {
        let rows = self.rows as f32;
        let sd = self.precision.iter().map(|a| 1.0 / (rows * a).sqrt());
        let (mean, sd) = (self.mean.clone(), sd.collect());
        Ok(if self.basis.is_trivial() {
            Arc::new(DiagonalNormal::new(mean, sd)?)
        } else {
            Arc::new(KroneckerNormal::new(mean, sd, self.basis.clone())?)
        })
    }
}
