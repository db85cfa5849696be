//! A problem in the coordinates of a basis: what a kernel with a scale for each coordinate sees where the metric is a Kronecker product.

use std::sync::Arc;

use super::basis::Basis;
use super::factors::Factors;
use crate::base::error::Result;
use crate::base::rng::Streams;
use crate::problem::density::Density;
use crate::problem::population::Population;
use crate::problem::{Counts, Layered, Predictor, Problem, RowSampled, Segment, Sums};

/// The same problem by other coordinates. Densities are those of the parameters, at the coordinates: the basis is fixed, and its volume is a constant.
pub struct InBasis<'a> {
    inside: &'a dyn Problem,
    basis: &'a Basis,
    prior: DensityInBasis<'a>,
}

impl<'a> InBasis<'a> {
    /// `problem` in the coordinates of `basis`.
    pub fn new(problem: &'a dyn Problem, basis: &'a Basis) -> Self {
        Self {
            prior: DensityInBasis::new(problem.prior(), basis),
            inside: problem,
            basis,
        }
    }
}

/// The diagonals of the factors of a layer's inputs, the bias counted as one, and outputs in the coordinates of a basis.
pub type Along = (Vec<f32>, Vec<f32>);

/// A density of parameters, at coordinates.
#[derive(Clone, Copy, Debug)]
pub struct DensityInBasis<'a> {
    inside: &'a dyn Density,
    basis: &'a Basis,
}

impl<'a> DensityInBasis<'a> {
    /// `density` in the coordinates of `basis`.
    pub fn new(density: &'a dyn Density, basis: &'a Basis) -> Self {
        Self {
            inside: density,
            basis,
        }
    }
}

impl Basis {
    /// Parameters as coordinates, every vector, in place.
    pub fn enter_all(&self, thetas: &mut Population) {
        thetas.on_host().map_rows(|_, theta| self.enter(theta));
    }

    /// Coordinates as parameters again.
    pub fn leave_all(&self, coordinates: &mut Population) {
        coordinates.on_host().map_rows(|_, theta| self.leave(theta));
    }

    /// Gradients by parameters as those by coordinates.
    pub fn enter_gradients(&self, gradients: &mut Population) {
        gradients
            .on_host()
            .map_rows(|_, gradient| self.enter_gradient(gradient));
    }

    /// Gradients by coordinates as those by parameters.
    pub fn leave_gradients(&self, gradients: &mut Population) {
        gradients
            .on_host()
            .map_rows(|_, gradient| self.leave_gradient(gradient));
    }

    /// What `f` gives at the parameters of some coordinates; the gradient that it leaves is added to one by coordinates.
    fn at<T>(
        &self,
        coordinates: &Population,
        gradient: Option<&mut Population>,
        f: impl FnOnce(&Population, Option<&mut Population>) -> T,
    ) -> T {
        let mut thetas = coordinates.clone();
        self.leave_all(&mut thetas);
        let Some(gradient) = gradient else {
            return f(&thetas, None);
        };
        let mut own = thetas.zeros_like();
        let found = f(&thetas, Some(&mut own));
        self.enter_gradients(&mut own);
        gradient.add_scaled(1.0, &own);
        found
    }

    /// The eigenbasis of the factors of a network's layers in units of the prior, whose standard deviations of weights and biases are `scales`, layer by layer; and for every
    /// layer what the factors of its inputs and outputs are along the coordinates. What one real output tells is read from the likelihood at `theta`. `None` where a side has no factor: such a layer keeps its coordinates.
    pub fn eigen(
        problem: &dyn Problem,
        layered: &dyn Layered,
        mut factors: Factors,
        (theta, scales): (&Population, &[(f32, f32)]),
    ) -> (Self, Vec<Option<Along>>) {
        if factors.are_by_output() {
            factors.ask(problem.model(), layered.layers(), theta.row(0), &[]);
        }
        let mut basis = Self::of(layered.layers());
        for (number, (layer, (weight, bias))) in layered.layers().iter().zip(scales).enumerate() {
            let mut own = vec![*weight; layer.inputs];
            own.extend(layer.bias.iter().map(|_| *bias));
            *basis.scale(number) = Some(own);
        }
        factors.of_features(&mut basis);
        factors.renew(&mut basis, usize::MAX);
        let of = |number: usize, basis: &mut Self| {
            let inputs = factors.along(number, 0, basis)?;
            Some((inputs, factors.along(number, 1, basis)?))
        };
        let mut all = Vec::new();
        for number in 0..basis.len() {
            let along = of(number, &mut basis);
            if along.is_none() {
                for side in basis.sides(number) {
                    *side = None;
                }
                *basis.scale(number) = None;
            }
            all.push(along);
        }
        (basis, all)
    }
}

impl Density for DensityInBasis<'_> {
    fn dim(&self) -> usize {
        self.inside.dim()
    }

    fn sample(&self, streams: Streams, draw: usize, thetas: &mut Population) {
        self.inside.sample(streams, draw, thetas);
        self.basis.enter_all(thetas);
    }

    fn log_density(&self, thetas: &Population, gradient: Option<&mut Population>) -> Vec<f64> {
        let inside = self.inside;
        self.basis.at(thetas, gradient, |thetas, gradient| {
            inside.log_density(thetas, gradient)
        })
    }
}

impl Problem for InBasis<'_> {
    fn predictor(&self) -> Arc<dyn Predictor> {
        self.inside.predictor()
    }

    fn model(&self) -> &dyn Predictor {
        self.inside.model()
    }

    fn order(&self) -> &[usize] {
        self.inside.order()
    }

    fn counts(&self) -> Counts {
        self.inside.counts()
    }

    fn log_likelihood(
        &self,
        thetas: &Population,
        segments: &[Segment],
        gradient: Option<&mut Population>,
    ) -> Sums {
        let inside = self.inside;
        self.basis.at(thetas, gradient, |thetas, gradient| {
            inside.log_likelihood(thetas, segments, gradient)
        })
    }

    fn row_log_likelihoods(&self, thetas: &Population) -> Vec<f64> {
        let inside = self.inside;
        self.basis
            .at(thetas, None, |thetas, _| inside.row_log_likelihoods(thetas))
    }

    fn prior(&self) -> &dyn Density {
        &self.prior
    }

    fn row_sampled(&self) -> Result<&dyn RowSampled> {
        self.inside.row_sampled()
    }
}
