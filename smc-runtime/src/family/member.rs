//! A member of a family while it is fitted by reparametrised gradients.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Family;
use crate::base::error::Result;
use crate::base::rng::{Purpose, Streams};
use crate::problem::density::Density;
use crate::problem::population::Population;

/// Coordinates that one stream draws the noise of.
pub(super) const TOGETHER: usize = 4096;

/// The numbers φ of a member, one vector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Member {
    dim: usize,
    numbers: Population,
}

impl Member {
    /// The member around `mean`, one vector, with about the standard deviation `sd` in every coordinate.
    ///
    /// # Errors
    /// If the family has no such member.
    pub fn new(family: &dyn Family, mean: &Population, sd: &[f32]) -> Result<Self> {
        let numbers = family.begin(mean.row(0), sd)?;
        let mut held = Population::zeros(1, numbers.len());
        held.on_host().row_mut(0).copy_from_slice(&numbers);
        Ok(Self {
            dim: mean.dim(),
            numbers: held,
        })
    }

    /// Number of coordinates.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// φ.
    pub fn numbers(&mut self) -> &mut Population {
        &mut self.numbers
    }

    /// A draw, one vector, and the noise that it was made of.
    pub fn draw(
        &self,
        family: &dyn Family,
        streams: Streams,
        number: usize,
    ) -> (Population, Population) {
        let mut noise = Population::zeros(family.noise(self.dim).div_ceil(TOGETHER), TOGETHER);
        noise.fill_normal(streams, Purpose::Propose, number, 0);
        let mut theta = Population::zeros(1, self.dim);
        family.draw(
            self.numbers.row(0),
            &noise.values()[..family.noise(self.dim)],
            theta.on_host().row_mut(0),
        );
        (theta, noise)
    }

    /// An estimate of the derivative of E_q\[log p − log q\] by φ, from the gradient of log p at the draw that `noise` made: along the
    /// path alone, without the derivative of log q at a fixed draw, whose expectation is zero; so it has no noise
    /// where q is p (G. Roeder, Y. Wu, D. Duvenaud, *Sticking the landing*, NeurIPS 2017).
    pub fn slope(
        &self,
        family: &dyn Family,
        noise: &Population,
        gradient: &Population,
    ) -> Population {
        let numbers = self.numbers.row(0);
        let z = &noise.values()[..family.noise(self.dim)];
        let mut score = vec![0.0; self.dim];
        family.score(numbers, z, &mut score);
        let slope: Vec<f32> = gradient
            .row(0)
            .iter()
            .zip(score)
            .map(|(g, s)| g - s)
            .collect();
        let mut out = self.numbers.zeros_like();
        family.pull(numbers, z, &slope, out.on_host().row_mut(0));
        out
    }

    /// The density.
    ///
    /// # Errors
    /// If the numbers are not those of one.
    pub fn density(&self, family: &dyn Family) -> Result<Arc<dyn Density>> {
        family.density(self.numbers.row(0), self.dim)
    }
}
