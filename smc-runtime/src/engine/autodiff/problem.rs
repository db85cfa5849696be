//! A model bound to data, differentiated by dfdx.

use std::ops::Range;
use std::sync::Arc;

use dfdx::prelude::{Gradients, HasShape, Merge, NoneTape, SplitTape};

use super::backend::{Backend, Place, Sizes};
use super::predictor::{AutodiffPredictor, Looks, features, slope};
use crate::base::error::Result;
use crate::base::exec;
use crate::data::Dataset;
use crate::model::Model;
use crate::model::dist::Likelihood;
use crate::model::tensor::{
    Constant, Device, Float, Fuses, Heads, Kept, Leaf, Params, Rows, SharedTape, Tape, Targets,
};
use crate::problem::population::Population;
use crate::problem::{Counts, Layer, Layered, Predictor, Problem, RowSampled, Segment, Sums};

/// A model bound to data on device type `D`.
pub(crate) struct Autodiff<M, D> {
    pub(super) predictor: Arc<AutodiffPredictor<M, D>>,
    pub(super) place: Place,
    /// In the bound order.
    pub(super) data: Dataset,
    pub(super) order: Vec<usize>,
    /// The fused form of layers, with the data.
    pub(super) operations: Option<Arc<dyn Fuses>>,
    /// The layers, or the name of a field that is no affine layer.
    pub(super) layers: Result<Vec<Layer>, &'static str>,
}

impl<M: Model, D> Autodiff<M, D> {
    /// What a tape does at a tile of bound rows.
    pub(super) fn looks<E: Float>(&self, rows: &Range<usize>) -> Looks<'_, E, D>
    where
        D: Device<E>,
    {
        Looks {
            operations: self.operations.as_ref(),
            rows: Some(rows.clone()),
            watch: None,
        }
    }

    /// log p(y | x, θ) at a tile of bound rows, each times its weight.
    pub(super) fn tile<E: Float, T: Tape<E, D>>(
        &self,
        (device, kept): (&D, Option<&Kept<E, D>>),
        params: &Params<E, D, T>,
        tile: Range<usize>,
    ) -> Leaf<E, D, T>
    where
        D: Device<E>,
    {
        let common = &self.predictor.common;
        let rows = Rows {
            device: device.clone(),
            tile,
            all: self.data.rows(),
            particles: params.particles,
            kept,
        };
        let features = features::<E, D, T>(&rows, self.data.inputs());
        let output = self.predictor.output(params, &features);
        let heads = Heads {
            params,
            features: &features,
            output: &output,
            rows: &rows,
            offset: self.data.inputs().offset(),
        };
        let targets = Targets {
            rows: &rows,
            values: self.data.targets(),
        };
        let density = common.model.likelihood().expr(&heads, &targets);
        match self.data.weights() {
            None => density.into_tensor(),
            Some(weights) => {
                let weights = rows.column(Constant::Weights, |rows| {
                    let weights = weights[rows].iter();
                    weights.map(|&w| E::narrow(f64::from(w))).collect()
                });
                (density * weights).into_tensor()
            }
        }
    }

    /// The numbers of [`Autodiff::tile`]. A row of weight 0 does not count, whatever its density.
    pub(super) fn numbers<E: Float, T: Tape<E, D>>(
        &self,
        tile: &Leaf<E, D, T>,
        rows: &Range<usize>,
    ) -> Vec<E>
    where
        D: Device<E>,
    {
        let mut numbers = tile.as_vec();
        if let Some(weights) = self.data.weights() {
            let weights = weights[rows.clone()].iter().cycle();
            for (number, &weight) in numbers.iter_mut().zip(weights) {
                if weight == 0.0 {
                    *number = E::narrow(0.0);
                }
            }
        }
        numbers
    }

    /// The sums of one group, and the gradient with respect to unconstrained parameters added to `gradient`, one row
    /// of `dim` per particle.
    pub(super) fn group<E: Float>(
        &self,
        (device, kept): (&D, Option<&Kept<E, D>>),
        thetas: &[&[E]],
        segments: &[Segment],
        sums: &mut [f64],
        gradient: &mut [E],
    ) where
        D: Backend<E>,
    {
        let leaves = self.predictor.leaves(device, thetas);
        let mut add = |segment: usize, rows: &[E]| {
            let each = rows.chunks(rows.len() / thetas.len());
            for (sums, rows) in sums.chunks_mut(segments.len()).zip(each) {
                sums[segment] += rows.iter().map(|l| l.widen()).sum::<f64>();
            }
        };
        for (number, segment) in segments.iter().enumerate() {
            let rows = segment.rows.clone();
            for rows in self.predictor.tiles::<E>(rows, thetas.len()) {
                let looks = self.looks(&rows);
                if gradient.is_empty() || segment.weight == 0.0 {
                    let params = self.predictor.params(&leaves, &NoneTape, &looks);
                    let value = self.tile((device, kept), &params, rows.clone());
                    add(number, &self.numbers(&value, &rows));
                    continue;
                }
                let tape = SharedTape::recording();
                let params = self.predictor.params(&leaves, &tape, &looks);
                let value = self.tile((device, kept), &params, rows.clone());
                let (value, tape_out) = value.split_tape();
                drop(params);
                add(number, &self.numbers(&value, &rows));
                let gradients = backward(&leaves, &value, tape.merge(tape_out));
                self.add_gradient(&leaves, &gradients, thetas, segment.weight, gradient);
            }
        }
    }

    /// Adds what the tape found, with respect to unconstrained parameters.
    pub(super) fn add_gradient<E: Float>(
        &self,
        leaves: &[Leaf<E, D, NoneTape>],
        gradients: &Gradients<E, D>,
        thetas: &[&[E]],
        weight: f64,
        gradient: &mut [E],
    ) where
        D: Device<E>,
    {
        let layout = &self.predictor.common.layout;
        let dim = layout.dim();
        let weight = E::narrow(weight);
        for (block, leaf) in layout.blocks().iter().zip(leaves) {
            let by_x = gradients.get(leaf).as_vec();
            for (p, by_x) in by_x.chunks(block.range.len()).enumerate() {
                let theta = &thetas[p][block.range.clone()];
                let g = &mut gradient[p * dim..][block.range.clone()];
                for ((g, &by_x), &u) in g.iter_mut().zip(by_x).zip(theta) {
                    *g += weight * by_x * slope(block.support, u);
                }
            }
        }
    }

    /// Value and gradient at the first row, at the origin: what a device is asked for at each pass.
    #[cfg(feature = "cuda")]
    pub(super) fn on_first_row(&self)
    where
        D: Backend<f32>,
    {
        let theta = vec![0.0; self.predictor.common.layout.dim()];
        let (mut sums, mut gradient) = ([0.0], theta.clone());
        let first = [Segment {
            rows: 0..1,
            weight: 1.0,
        }];
        let sizes = Sizes {
            particles: 1,
            rows: 1,
        };
        D::with(&self.place, sizes, |device, kept| {
            self.group((device, kept), &[&theta], &first, &mut sums, &mut gradient);
        });
    }

    /// Sums and gradients of every vector in element type `E`; thetas and gradient are (particles × dim), the gradient empty
    /// if nobody asks for it.
    pub(crate) fn evaluate<E: Float>(
        &self,
        dim: usize,
        thetas: &[E],
        segments: &[Segment],
        gradient: &mut [E],
    ) -> Sums
    where
        D: Backend<E>,
    {
        let particles = thetas.len() / dim;
        let mut sums = Sums::zeros(particles, segments.len());
        if segments.is_empty() {
            return sums;
        }
        let group = D::group(particles, dim).max(1);
        let rows = segments.iter().map(|segment| segment.rows.len()).sum();
        self.predictor
            .common
            .count_pass(particles, segments, !gradient.is_empty());
        let (each, size) = (group * segments.len(), group * dim);
        exec::for_chunks(
            sums.values_mut(),
            each,
            gradient,
            size,
            |g, sums, gradient| {
                let members = thetas[g * size..].chunks(dim).take(group);
                let members: Vec<&[E]> = members.collect();
                let sizes = Sizes {
                    particles: members.len(),
                    rows,
                };
                D::with(&self.place, sizes, |device, kept| {
                    self.group((device, kept), &members, segments, sums, gradient);
                });
            },
        );
        sums
    }
}

/// The derivatives of the sum of `value`.
pub(super) fn backward<E: Float, D: Device<E>>(
    leaves: &[Leaf<E, D, NoneTape>],
    value: &Leaf<E, D, NoneTape>,
    tape: SharedTape<E, D>,
) -> Gradients<E, D> {
    // An operation on the CPU fails only where allocation aborts; on CUDA, where the device is lost.
    let lost = "the device computes";
    let mut gradients = Gradients::leaky();
    for leaf in leaves {
        gradients.get_or_alloc_mut(&leaf.ghost()).expect(lost);
    }
    let seed = gradients.get_or_alloc_mut(&value.ghost()).expect(lost);
    value.device().try_fill_with_ones(seed).expect(lost);
    tape.backward(&mut gradients).expect(lost);
    gradients
}

impl<M: Model, D: Backend<f32>> Problem for Autodiff<M, D> {
    fn predictor(&self) -> Arc<dyn Predictor> {
        self.predictor.clone()
    }

    fn model(&self) -> &dyn Predictor {
        &*self.predictor
    }

    fn order(&self) -> &[usize] {
        &self.order
    }

    fn counts(&self) -> Counts {
        self.predictor.common.counts()
    }

    fn log_likelihood(
        &self,
        thetas: &Population,
        segments: &[Segment],
        gradient: Option<&mut Population>,
    ) -> Sums {
        let home = gradient.map_or(&mut [][..], |g| g.on_host().values_mut());
        self.evaluate(thetas.dim(), thetas.values(), segments, home)
    }

    fn row_log_likelihoods(&self, thetas: &Population) -> Vec<f64> {
        let (rows, order) = (self.order.len(), &self.order);
        let predictor = &self.predictor;
        let groups = predictor.forward(&self.place, thetas, rows, |device, kept, leaves| {
            let &(particles, _) = leaves[0].shape();
            let mut out = vec![0.0; particles * rows];
            for tile in predictor.tiles::<f32>(0..rows, particles) {
                let params = predictor.params(leaves, &NoneTape, &self.looks(&tile));
                let values = self.tile((device, kept), &params, tile.clone());
                let values = self.numbers(&values, &tile);
                for (p, values) in values.chunks(tile.len()).enumerate() {
                    for (i, value) in tile.clone().zip(values) {
                        out[p * rows + order[i]] = f64::from(*value);
                    }
                }
            }
            out
        });
        self.predictor.common.count(thetas.len(), rows, false);
        groups.concat()
    }

    fn layered(&self) -> Result<&dyn Layered> {
        if !self.predictor.common.model.is_chain() {
            return Err(self.predictor.common.not_layered_by_hand());
        }
        match self.layers {
            Ok(_) => Ok(self),
            Err(field) => Err(self.predictor.common.not_layered(field)),
        }
    }

    fn row_sampled(&self) -> Result<&dyn RowSampled> {
        Ok(self)
    }
}

impl<M: Model, D: Backend<f32>> RowSampled for Autodiff<M, D> {
    /// That of the fused engine, so that both see the same batches.
    fn grain(&self) -> usize {
        crate::numerics::PANEL
    }
}
