//! Runs of rows with weights, and what an evaluation adds up over them.

use std::ops::Range;

/// A run of rows (in the bound order) with the weight of its log-likelihood in the gradient.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// The rows.
    pub rows: Range<usize>,
    /// Factor of this segment's gradient.
    pub weight: f64,
}

/// Σ log p(y_i | x_i, θ) over the rows of each segment, without its weight, for every particle, in f64.
#[derive(Clone, Debug, PartialEq)]
pub struct Sums {
    particles: usize,
    segments: usize,
    values: Vec<f64>,
}

impl Sums {
    /// Zeros for `particles` particles and `segments` segments.
    pub fn zeros(particles: usize, segments: usize) -> Self {
        Self {
            particles,
            segments,
            values: vec![0.0; particles * segments],
        }
    }

    /// Number of segments.
    pub fn segments(&self) -> usize {
        self.segments
    }

    /// The sums of one particle, in the order of the segments.
    pub fn of(&self, particle: usize) -> &[f64] {
        &self.values[particle * self.segments..][..self.segments]
    }

    /// The sums of one particle, writable.
    pub fn of_mut(&mut self, particle: usize) -> &mut [f64] {
        &mut self.values[particle * self.segments..][..self.segments]
    }

    /// The sums of every particle.
    pub fn each(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        (0..self.particles).map(|i| self.of(i))
    }

    /// All sums, particle after particle, writable.
    pub fn values_mut(&mut self) -> &mut [f64] {
        &mut self.values
    }

    /// Σ over all segments of every particle.
    pub fn totals(&self) -> Vec<f64> {
        self.each().map(|own| own.iter().sum()).collect()
    }
}
