//! Where parameter vectors live, and the bulk operations on them. Kernels and algorithms speak this vocabulary, never a loop
//! over one particle's slice, so that they can later run where the particles are: on a GPU, or on several machines.

use std::ops::Range;

use serde::{Deserialize, Serialize};

pub use super::steps::{AdamStep, LangevinStep};
use crate::base::exec;
use crate::base::fingerprint::fingerprint;
use crate::base::rng::{Purpose, Streams};

/// J vectors of length d, row-major, `f32`.
///
/// It knows the number of its first particle, on which random streams are keyed: some of the particles of a run draw the
/// same numbers alone, wherever they are, as among all.
///
/// It is read row by row where numbers leave a run (draws, views, files), and written row by row only through
/// [`on_host`](Self::on_host), by engines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Population {
    first: usize,
    particles: usize,
    dim: usize,
    values: Vec<f32>,
}

/// `x`, or 0 below `least`. A machine needs a hundred times as long for a number whose square, or itself, is below what f32 holds in
/// full, and a weight that only its prior pulls on, of an input that never changes, comes there.
#[inline]
fn unless_below(least: f32, x: f32) -> f32 {
    if x.abs() < least { 0.0 } else { x }
}

impl Population {
    /// `particles` vectors of `dim` zeros.
    pub fn zeros(particles: usize, dim: usize) -> Self {
        Self {
            first: 0,
            particles,
            dim,
            values: vec![0.0; particles * dim],
        }
    }

    /// As many vectors of zeros, of the same particles.
    pub fn zeros_like(&self) -> Self {
        Self::zeros(self.particles, self.dim).numbered_from(self.first)
    }

    /// The vectors in `values`, or `None` if its length is not a multiple of `dim`.
    pub fn from_values(dim: usize, values: Vec<f32>) -> Option<Self> {
        (dim > 0 && values.len().is_multiple_of(dim)).then(|| Self {
            first: 0,
            particles: values.len() / dim,
            dim,
            values,
        })
    }

    /// Number of vectors J.
    pub fn len(&self) -> usize {
        self.particles
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.particles == 0
    }

    /// Length d of each vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Its vectors are those of the particles from number `first` on.
    pub fn numbered_from(self, first: usize) -> Self {
        Self { first, ..self }
    }

    /// Number of the first particle.
    pub fn first(&self) -> usize {
        self.first
    }

    /// The vectors at some places, which keep their numbers.
    ///
    /// ```
    /// use smc_runtime::base::rng::{Purpose, Streams};
    /// use smc_runtime::problem::population::Population;
    /// let mut all = Population::zeros(10, 3);
    /// all.fill_normal(Streams::new(1), Purpose::User, 0, 0);
    /// let mut some = Population::zeros(10, 3).part(3..8);
    /// some.fill_normal(Streams::new(1), Purpose::User, 0, 0);
    /// assert_eq!(some, all.part(3..8));
    /// ```
    ///
    /// # Panics
    /// If there are no such places.
    pub fn part(&self, places: Range<usize>) -> Self {
        Self {
            first: self.first + places.start,
            particles: places.len(),
            dim: self.dim,
            values: self.values[places.start * self.dim..places.end * self.dim].to_vec(),
        }
    }

    /// Several populations one after the other, numbered from the first one's number on; `None` if there is none, or if
    /// their vectors differ in length.
    pub fn concat(parts: &[Self]) -> Option<Self> {
        let first = parts.first()?;
        parts.iter().all(|p| p.dim == first.dim).then(|| Self {
            first: first.first,
            particles: parts.iter().map(Self::len).sum(),
            dim: first.dim,
            values: parts.iter().flat_map(|p| &p.values).copied().collect(),
        })
    }

    /// Several populations of the same particles, such as generations of a run, with the vectors of one particle side by side;
    /// `None` if there is none, or if they differ in size.
    pub fn interleave(generations: &[Self]) -> Option<Self> {
        let first = generations.first()?;
        let alike = |g: &Self| (g.particles, g.dim) == (first.particles, first.dim);
        generations.iter().all(alike).then(|| {
            let count = generations.len();
            let mut all = Self::zeros(count * first.particles, first.dim);
            for (k, generation) in generations.iter().enumerate() {
                let places: Vec<usize> = (0..first.particles).map(|i| i * count + k).collect();
                all.scatter(&places, generation);
            }
            all
        })
    }

    /// Vector number `i`, to be read where numbers leave a run.
    pub fn row(&self, i: usize) -> &[f32] {
        &self.values[i * self.dim..(i + 1) * self.dim]
    }

    /// Coordinate number `c` of every vector.
    pub fn coordinate(&self, c: usize) -> Vec<f64> {
        let column = self.values.iter().skip(c).step_by(self.dim.max(1));
        column.take(self.particles).map(|&x| f64::from(x)).collect()
    }

    /// The first number that is NaN or infinite, after the number of its vector and its coordinate.
    pub fn first_not_finite(&self) -> Option<(usize, usize, f32)> {
        let at = self.values.iter().position(|x| !x.is_finite())?;
        Some((at / self.dim, at % self.dim, self.values[at]))
    }

    /// A number that stands for the vectors: two populations that differ have the same one by chance alone.
    pub(crate) fn fingerprint(&self) -> u64 {
        fingerprint(self.values.iter().map(|x| u64::from(x.to_bits())))
    }

    /// All vectors, one after the other.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The vectors in this process's memory, to be written row by row: the business of engines and of simulated data, not of
    /// kernels.
    pub fn on_host(&mut self) -> Host<'_> {
        Host(self)
    }

    /// `f(i, row)` on every vector, where `f` does a few operations per element.
    fn update_rows(&mut self, f: impl Fn(usize, &mut [f32]) + Sync + Send) {
        if self.dim > 0 {
            exec::update_rows(&mut self.values, self.dim, f);
        }
    }

    /// Sets every element to zero.
    pub fn clear(&mut self) {
        self.fill(0.0);
    }

    /// Sets every element to `value`.
    pub fn fill(&mut self, value: f32) {
        self.update_rows(|_, row| row.fill(value));
    }

    /// Multiplies some coordinates of vector i by exp(`each[i]`), and adds `each[i]` to some.
    pub fn rescale(&mut self, each: &[f64], times: &[Range<usize>], plus: &[Range<usize>]) {
        self.update_rows(|i, row| {
            let factor = each[i].exp() as f32;
            for range in times {
                for x in &mut row[range.clone()] {
                    *x *= factor;
                }
            }
            for range in plus {
                for x in &mut row[range.clone()] {
                    *x += each[i] as f32;
                }
            }
        });
    }

    /// Sets some coordinates of every vector to zero.
    pub fn clear_coordinates(&mut self, coordinates: &[Range<usize>]) {
        if coordinates.is_empty() {
            return;
        }
        self.update_rows(|_, row| {
            for range in coordinates {
                row[range.clone()].fill(0.0);
            }
        });
    }

    /// Fills every vector with standard normal numbers, each from its own stream.
    pub fn fill_normal(&mut self, streams: Streams, purpose: Purpose, stage: usize, draw: usize) {
        let first = self.first;
        if self.dim > 0 {
            exec::map_rows(&mut self.values, self.dim, |i, row| {
                let mut stream = streams.stream(purpose, stage, first + i, draw);
                stream.fill_normal(row);
            });
        }
    }

    /// A uniform number for every particle, each from its own stream.
    pub fn uniforms(
        &self,
        streams: Streams,
        purpose: Purpose,
        stage: usize,
        draw: usize,
    ) -> Vec<f64> {
        let numbers = self.first..self.first + self.particles;
        let uniform = |i| streams.stream(purpose, stage, i, draw).uniform();
        numbers.map(uniform).collect()
    }

    /// self += a · scale ∘ x, where `scale` has one number per coordinate.
    pub fn axpy(&mut self, a: f32, scale: &[f32], x: &Self) {
        self.update_rows(|i, row| axpy(row, a, scale, x.row(i)));
    }

    /// self += a · x.
    pub fn add_scaled(&mut self, a: f32, x: &Self) {
        self.update_rows(|i, row| {
            for (y, x) in row.iter_mut().zip(x.row(i)) {
                *y += a * x;
            }
        });
    }

    /// Vector i += a · `each[i]` · scale ∘ x.
    pub fn axpy_each(&mut self, a: f32, each: &[f32], scale: &[f32], x: &Self) {
        self.update_rows(|i, row| axpy(row, a * each[i], scale, x.row(i)));
    }

    /// A kick and a drift of the leapfrog, in one pass: with ε = `each[i]`, momenta += a · ε · scale ∘ gradient and then
    /// self += ε · scale ∘ momenta. The gradient is used up: it becomes zero, ready for the next one to be added.
    pub fn kick_and_drift(
        &mut self,
        a: f32,
        each: &[f32],
        scale: &[f32],
        momenta: &mut Self,
        gradient: &mut Self,
    ) {
        if self.dim == 0 {
            return;
        }
        let arrays = [
            &mut self.values[..],
            &mut momenta.values,
            &mut gradient.values,
        ];
        exec::update_rows_of(arrays, self.dim, |i, [x, v, g]| {
            let (kick, drift) = (a * each[i], each[i]);
            for (((x, v), g), &s) in x.iter_mut().zip(v).zip(g).zip(scale) {
                let moved = *v + kick * s * *g;
                (*x, *v, *g) = (*x + drift * s * moved, moved, 0.0);
            }
        });
    }

    /// A step of Langevin dynamics with friction for every vector, in one pass: momenta ← keep · momenta + kick · scale ∘
    /// gradient + noise · ξ with ξ ~ N(0, I) from each vector's own stream, and then self += scale ∘ momenta. The gradient is used
    /// up: it becomes zero, ready for the next one to be added.
    pub fn langevin(
        &mut self,
        momenta: &mut Self,
        gradient: &mut Self,
        scale: &[f32],
        each: &[LangevinStep],
        (streams, stage, draw): (Streams, usize, usize),
    ) {
        /// Normal numbers that are drawn together: they stay in the nearest cache.
        const TOGETHER: usize = 2048;
        if self.dim == 0 {
            return;
        }
        let first = self.first;
        let arrays = [
            &mut self.values[..],
            &mut momenta.values,
            &mut gradient.values,
        ];
        exec::update_rows_of(arrays, self.dim, |i, [x, v, g]| {
            let LangevinStep { keep, kick, noise } = each[i];
            let mut stream = streams.stream(Purpose::Propose, stage, first + i, draw);
            let mut normal = [0.0f32; TOGETHER];
            let x = x.chunks_mut(TOGETHER).zip(v.chunks_mut(TOGETHER));
            let parts = x.zip(g.chunks_mut(TOGETHER)).zip(scale.chunks(TOGETHER));
            for (((x, v), g), s) in parts {
                if noise != 0.0 {
                    stream.fill_normal(&mut normal[..x.len()]);
                }
                for ((((x, v), g), s), z) in x.iter_mut().zip(v).zip(g).zip(s).zip(&normal) {
                    let moved = keep * *v + kick * s * *g + noise * z;
                    (*x, *v, *g) = (*x + s * moved, moved, 0.0);
                }
            }
        });
    }

    /// One step of Adam uphill for every vector, in one pass: with g = scale · gradient and moments m, v,
    /// m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², self += rate · m / (√v + ε). The gradient is used up: it becomes zero,
    /// ready for the next one to be added.
    pub fn adam(&mut self, moments: &mut [Self; 2], gradient: &mut Self, each: &[AdamStep]) {
        if self.dim == 0 {
            return;
        }
        let [first, second] = moments;
        let arrays = [
            &mut self.values[..],
            &mut first.values,
            &mut second.values,
            &mut gradient.values,
        ];
        exec::update_rows_of(arrays, self.dim, |i, [x, m, v, g]| {
            let AdamStep {
                decay: [b, c],
                scale,
                rate,
                epsilon,
            } = each[i];
            for (((x, m), v), g) in x.iter_mut().zip(m).zip(v).zip(g) {
                let slope = unless_below(1e-18, scale * *g);
                let first = unless_below(1e-36, b * *m + (1.0 - b) * slope);
                let second = unless_below(1e-36, c * *v + (1.0 - c) * slope * slope);
                let moved = *x + rate * first / (second.sqrt() + epsilon);
                (*x, *m, *v, *g) = (moved, first, second, 0.0);
            }
        });
    }

    /// |row|² of every vector, in f64.
    pub fn squared_norms(&self) -> Vec<f64> {
        exec::map_light(self.particles, self.dim, |i| {
            let mut sums = [0.0f64; 8];
            let (chunks, rest) = self.row(i).as_chunks::<8>();
            for chunk in chunks {
                for (s, &x) in sums.iter_mut().zip(chunk) {
                    *s += f64::from(x) * f64::from(x);
                }
            }
            for (s, &x) in sums.iter_mut().zip(rest) {
                *s += f64::from(x) * f64::from(x);
            }
            sums.iter().sum()
        })
    }

    /// row · row of `other` of every vector, in f64.
    pub fn dots(&self, other: &Self) -> Vec<f64> {
        exec::map_light(self.particles, self.dim, |i| {
            let pairs = self.row(i).iter().zip(other.row(i));
            pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        })
    }

    /// Vector i ← `keep[i]` · itself + `add[i]` · its vector in `other`.
    pub fn blend(&mut self, keep: &[f32], add: &[f32], other: &Self) {
        self.update_rows(|i, row| {
            for (x, o) in row.iter_mut().zip(other.row(i)) {
                *x = keep[i] * *x + add[i] * o;
            }
        });
    }

    /// A running mean and, in `spread`, a running variance: self ← (1 − share) · self + share · x, then spread ← (1 − share) · spread +
    /// share · (x − self)².
    pub fn track(&mut self, spread: &mut Self, x: &Self, share: f32) {
        if self.dim == 0 {
            return;
        }
        let arrays = [&mut self.values[..], &mut spread.values];
        exec::update_rows_of(arrays, self.dim, |i, [mean, variance]| {
            for ((m, v), x) in mean.iter_mut().zip(variance).zip(x.row(i)) {
                let mean = *m + share * (x - *m);
                (*m, *v) = (mean, *v + share * ((x - mean).powi(2) - *v));
            }
        });
    }

    /// The root of every element, kept between `least` and `most`.
    pub fn roots_between(&self, least: f32, most: f32) -> Self {
        let mut roots = self.clone();
        roots.update_rows(|_, row| {
            for x in row {
                *x = x.sqrt().clamp(least, most);
            }
        });
        roots
    }

    /// Vector i += `each[i]` · x / `by`, element by element.
    pub fn add_quotients(&mut self, each: &[f32], x: &Self, by: &Self) {
        self.update_rows(|i, row| {
            for ((y, x), by) in row.iter_mut().zip(x.row(i)).zip(by.row(i)) {
                *y += each[i] * x / by;
            }
        });
    }

    /// Σ ((self − other)/scale)² of every vector, in f64.
    pub fn squared_distances(&self, other: &Self, scale: &[f32]) -> Vec<f64> {
        exec::map_light(self.particles, self.dim, |i| {
            let mut sums = [0.0f64; 8];
            let (a, b) = (self.row(i), other.row(i));
            for ((a, b), s) in a.chunks(8).zip(b.chunks(8)).zip(scale.chunks(8)) {
                for (((sum, a), b), s) in sums.iter_mut().zip(a).zip(b).zip(s) {
                    let z = f64::from((a - b) / s);
                    *sum += z * z;
                }
            }
            sums.iter().sum()
        })
    }

    /// Σ ((self − centre)/scale)² of every vector and every vector of `centres`, in f64.
    pub fn squared_distances_to_each(&self, centres: &Self, scale: &[f32]) -> Vec<Vec<f64>> {
        exec::map(self.particles, |i| {
            let square = |m: usize| {
                let pairs = self.row(i).iter().zip(centres.row(m)).zip(scale);
                pairs
                    .map(|((x, c), s)| f64::from((x - c) / s).powi(2))
                    .sum()
            };
            (0..centres.len()).map(square).collect()
        })
    }

    /// Vector i −= Σ_m `shares[i][m]` · (x_i − c_m)/scale²: the gradient of Gaussians around the vectors of `centres`.
    pub fn pull(&mut self, x: &Self, centres: &Self, shares: &[Vec<f64>], scale: &[f32]) {
        self.update_rows(|i, row| {
            for (m, &share) in shares[i].iter().enumerate() {
                let share = share as f32;
                if share == 0.0 {
                    continue;
                }
                let pairs = row.iter_mut().zip(x.row(i)).zip(centres.row(m)).zip(scale);
                for (((g, x), c), s) in pairs {
                    *g -= share * (x - c) / (s * s);
                }
            }
        });
    }

    /// |z|² and z·v of every vector, where z = (self − centre)/scale and v is its vector in `other`; in f64.
    pub fn about(&self, centre: &[f64], scale: &[f32], other: &Self) -> Vec<[f64; 2]> {
        exec::map_light(self.particles, self.dim, |i| {
            let (mut square, mut product) = (0.0, 0.0);
            let coordinates = self.row(i).iter().zip(other.row(i)).zip(centre).zip(scale);
            for (((&x, &v), c), &s) in coordinates {
                let z = (f64::from(x) - c) / f64::from(s);
                square += z * z;
                product += z * f64::from(v);
            }
            [square, product]
        })
    }

    /// Replaces vector i by that of `other` wherever `mask[i]`.
    pub fn select(&mut self, mask: &[bool], other: &Self) {
        self.update_rows(|i, row| {
            if mask[i] {
                row.copy_from_slice(other.row(i));
            }
        });
    }

    /// The vectors of `ancestors`, in that order, numbered from this one's first on.
    pub fn gather(&self, ancestors: &[usize]) -> Self {
        let mut out = Self::zeros(ancestors.len(), self.dim).numbered_from(self.first);
        out.update_rows(|i, row| row.copy_from_slice(self.row(ancestors[i])));
        out
    }

    /// Replaces the vectors numbered `places` by those of `other`, in that order: undoes [`gather`](Self::gather).
    pub fn scatter(&mut self, places: &[usize], other: &Self) {
        for (k, &i) in places.iter().enumerate() {
            self.values[i * self.dim..][..self.dim].copy_from_slice(other.row(k));
        }
    }

    /// Sets the vectors numbered `places` to zero.
    pub fn clear_some(&mut self, places: &[usize]) {
        for &i in places {
            self.values[i * self.dim..][..self.dim].fill(0.0);
        }
    }

    /// The weighted mean square of every coordinate; `weights` sum to 1. Vectors without weight do not count.
    pub fn mean_squares(&self, weights: &[f64]) -> Vec<f64> {
        let mut square = vec![0.0; self.dim];
        for (i, &w) in weights.iter().enumerate().filter(|(_, w)| **w > 0.0) {
            for (s, &x) in square.iter_mut().zip(self.row(i)) {
                *s += w * f64::from(x) * f64::from(x);
            }
        }
        square
    }

    /// The weighted mean of every coordinate; `weights` sum to 1. Vectors without weight do not count.
    pub fn means(&self, weights: &[f64]) -> Vec<f64> {
        let mut mean = vec![0.0; self.dim];
        for (i, &w) in weights.iter().enumerate().filter(|(_, w)| **w > 0.0) {
            for (m, &x) in mean.iter_mut().zip(self.row(i)) {
                *m += w * f64::from(x);
            }
        }
        mean
    }

    /// The weighted variance of every coordinate; `weights` sum to 1.
    pub fn variances(&self, weights: &[f64]) -> Vec<f64> {
        let mean = self.means(weights);
        let mut square = vec![0.0; self.dim];
        for (i, &w) in weights.iter().enumerate() {
            for ((s, m), &x) in square.iter_mut().zip(&mean).zip(self.row(i)) {
                *s += w * (f64::from(x) - m).powi(2);
            }
        }
        square
    }
}

/// The vectors of a [`Population`] in this process's memory.
pub struct Host<'a>(&'a mut Population);

impl<'a> Host<'a> {
    /// Vector number `i`.
    pub fn row_mut(self, i: usize) -> &'a mut [f32] {
        let dim = self.0.dim;
        &mut self.0.values[i * dim..(i + 1) * dim]
    }

    /// All vectors, one after the other.
    pub fn values_mut(self) -> &'a mut [f32] {
        &mut self.0.values
    }

    /// `f(i, row)` on every vector, in parallel; results in order.
    pub fn map_rows<R: Send>(self, f: impl Fn(usize, &mut [f32]) -> R + Sync + Send) -> Vec<R> {
        let Population {
            particles,
            dim,
            values,
            ..
        } = self.0;
        if *dim == 0 {
            return (0..*particles).map(|i| f(i, &mut [])).collect();
        }
        exec::map_rows(values, *dim, f)
    }
}

/// y += a · scale ∘ x.
fn axpy(y: &mut [f32], a: f32, scale: &[f32], x: &[f32]) {
    for ((y, s), x) in y.iter_mut().zip(scale).zip(x) {
        *y += a * s * x;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Streams;

    fn random(draw: usize) -> Population {
        let mut out = Population::zeros(50, 1003);
        out.fill_normal(Streams::new(1), Purpose::User, 0, draw);
        out
    }

    #[test]
    fn a_kick_and_a_drift_are_two_updates() {
        let (mut x, mut v, mut g) = (random(0), random(1), random(2));
        let scale = random(3).row(0).to_vec();
        let each: Vec<f32> = (0..50).map(|i| 0.1 * i as f32).collect();
        let (mut alone, mut momenta) = (x.clone(), v.clone());
        momenta.axpy_each(0.5, &each, &scale, &g);
        alone.axpy_each(1.0, &each, &scale, &momenta);
        x.kick_and_drift(0.5, &each, &scale, &mut v, &mut g);
        assert_eq!((x, v, g), (alone, momenta, Population::zeros(50, 1003)));
    }

    #[test]
    fn scatter_undoes_gather() {
        let all = random(0);
        let places = [3, 0, 49];
        let mut other = random(1);
        other.scatter(&places, &all.gather(&places));
        for i in 0..50 {
            assert_eq!(other.row(i) == all.row(i), places.contains(&i));
        }
    }
}
