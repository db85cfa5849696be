//! The cloud's parameter vectors and the bulk operations on them. Kernels speak this vocabulary, never a loop over one
//! particle's slice, so that the same kernel can later run where the particles are.

use serde::{Deserialize, Serialize};

use crate::base::exec;
use crate::base::rng::{Purpose, Streams};

/// J vectors of length d, row-major, `f32`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Population {
    particles: usize,
    dim: usize,
    values: Vec<f32>,
}

/// The numbers of one vector's step in [`Population::adam`]; bias corrections are part of `rate` and `epsilon`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamStep {
    /// β₁ and β₂.
    pub decay: [f32; 2],
    /// Factor of the gradient.
    pub scale: f32,
    /// Length of a step whose direction is certain.
    pub rate: f32,
    /// ε.
    pub epsilon: f32,
}

impl Population {
    /// `particles` vectors of `dim` zeros.
    pub fn zeros(particles: usize, dim: usize) -> Self {
        Self {
            particles,
            dim,
            values: vec![0.0; particles * dim],
        }
    }

    /// The vectors in `values`, or `None` if its length is not a multiple of `dim`.
    pub fn from_values(dim: usize, values: Vec<f32>) -> Option<Self> {
        (dim > 0 && values.len().is_multiple_of(dim)).then(|| Self {
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

    /// Vector number `i`.
    pub fn row(&self, i: usize) -> &[f32] {
        &self.values[i * self.dim..(i + 1) * self.dim]
    }

    /// Vector number `i`, writable.
    pub fn row_mut(&mut self, i: usize) -> &mut [f32] {
        &mut self.values[i * self.dim..(i + 1) * self.dim]
    }

    /// All vectors, one after the other.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// All vectors, writable.
    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// `f(i, row)` on every vector, in parallel; results in order.
    pub fn map_rows<R: Send>(
        &mut self,
        f: impl Fn(usize, &mut [f32]) -> R + Sync + Send,
    ) -> Vec<R> {
        if self.dim == 0 {
            return (0..self.particles).map(|i| f(i, &mut [])).collect();
        }
        exec::map_rows(&mut self.values, self.dim, f)
    }

    /// `f(i, row)` on every vector, where `f` does a few operations per element.
    fn update_rows(&mut self, f: impl Fn(usize, &mut [f32]) + Sync + Send) {
        if self.dim > 0 {
            exec::update_rows(&mut self.values, self.dim, f);
        }
    }

    /// Sets every element to zero.
    pub fn clear(&mut self) {
        self.update_rows(|_, row| row.fill(0.0));
    }

    /// Fills every vector with standard normal numbers, each from its own stream.
    pub fn fill_normal(&mut self, streams: Streams, purpose: Purpose, stage: usize, draw: usize) {
        self.update_rows(|i, row| streams.stream(purpose, stage, i, draw).fill_normal(row));
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
        exec::update_rows_of_three(arrays, self.dim, |i, [x, v, g]| {
            let (kick, drift) = (a * each[i], each[i]);
            for (((x, v), g), &s) in x.iter_mut().zip(v).zip(g).zip(scale) {
                *v += kick * s * *g;
                *x += drift * s * *v;
                *g = 0.0;
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
        exec::update_rows_of_four(arrays, self.dim, |i, [x, m, v, g]| {
            let AdamStep {
                decay: [b, c],
                scale,
                rate,
                epsilon,
            } = each[i];
            for (((x, m), v), g) in x.iter_mut().zip(m).zip(v).zip(g) {
                let slope = scale * *g;
                *m = b * *m + (1.0 - b) * slope;
                *v = c * *v + (1.0 - c) * slope * slope;
                *x += rate * *m / (v.sqrt() + epsilon);
                *g = 0.0;
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

    /// The vectors of `ancestors`, in that order.
    pub fn gather(&self, ancestors: &[usize]) -> Self {
        let mut out = Self::zeros(ancestors.len(), self.dim);
        out.update_rows(|i, row| row.copy_from_slice(self.row(ancestors[i])));
        out
    }

    /// Replaces the vectors numbered `places` by those of `other`, in that order: undoes [`gather`](Self::gather).
    pub fn scatter(&mut self, places: &[usize], other: &Self) {
        for (k, &i) in places.iter().enumerate() {
            self.row_mut(i).copy_from_slice(other.row(k));
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
