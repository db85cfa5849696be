//! Gradients by automatic differentiation of the model's dfdx expression, on the CPU or on CUDA.
//!
//! A group of particles is one leading axis of every tensor; rows come in tiles of a fixed size, so that the memory of
//! the tape does not depend on N and a particle's bits do not depend on the group. Each thread has a device and a tape
//! of its own.

use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

use dfdx::prelude::{Axis, BroadcastTo, Cpu, Gradients, Merge, NoneTape, PutTape, SplitTape};

use super::common::{Common, keyed};
use super::fused::operation::Operations;
#[cfg(feature = "cuda")]
use crate::base::error::Error;
use crate::base::error::Result;
use crate::base::rng::Streams;
use crate::data::{Dataset, Features};
use crate::model::Model;
use crate::model::architecture::Architecture;
use crate::model::check::Takes;
use crate::model::dist::{Likelihood, Predictive};
use crate::model::layout::Layout;
use crate::model::tensor::{
    Act, Device, Float, Fuses, Fusing, Heads, Leaf, Params, SharedTape, Tape, Targets, from_vec,
    repeated,
};
use crate::model::transform::Support;
use crate::problem::Choice;
use crate::problem::population::Population;
use crate::problem::{Arguments, Counts, Part, Problem, RowSums, Segment};

/// Where the tensors live, and how the work is cut for it.
pub(crate) trait Backend<E: Float>: Device<E> {
    /// Runs `f` on this thread's device.
    fn with<R>(ordinal: usize, f: impl FnOnce(&Self) -> R) -> R;

    /// Particles per expression.
    fn group(particles: usize) -> usize;
}

thread_local! {
    static CALLS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
    static CPU: Cpu = {
        let cpu = Cpu::default();
        dfdx::prelude::Cache::enable_cache(&cpu);
        cpu
    };
}

impl<E: Float> Backend<E> for Cpu
where
    Self: Device<E>,
{
    fn with<R>(_: usize, f: impl FnOnce(&Self) -> R) -> R {
        const EVERY: usize = 256;
        CPU.with(|cpu| {
            // See `Targets::classes`.
            let calls = CALLS.replace(CALLS.get() + 1);
            if calls.is_multiple_of(EVERY) {
                dfdx::prelude::Cache::empty_cache(cpu);
            }
            f(cpu)
        })
    }

    /// One: a thread's tile then stays in its cache, and threads share the particles.
    fn group(_: usize) -> usize {
        1
    }
}

#[cfg(feature = "cuda")]
mod cuda {
    use std::cell::OnceCell;

    use dfdx::prelude::Cuda;

    use super::{Backend, Device, Float};

    thread_local! {
        static CUDA: OnceCell<(usize, Cuda)> = const { OnceCell::new() };
    }

    impl<E: Float> Backend<E> for Cuda
    where
        Self: Device<E>,
    {
        fn with<R>(ordinal: usize, f: impl FnOnce(&Self) -> R) -> R {
            CUDA.with(|cell| {
                let (bound, device) =
                    cell.get_or_init(|| (ordinal, Cuda::seed_from_u64_on(ordinal)));
                assert_eq!(*bound, ordinal, "one thread drives one CUDA device");
                f(device)
            })
        }

        fn group(particles: usize) -> usize {
            particles
        }
    }

    trait OnOrdinal {
        fn seed_from_u64_on(ordinal: usize) -> Self;
    }

    impl OnOrdinal for Cuda {
        fn seed_from_u64_on(ordinal: usize) -> Self {
            Self::try_build(ordinal, 0).expect("the device was there when the model was bound")
        }
    }
}

/// A model bound to data, differentiated by dfdx on device type `D`.
pub(crate) struct Autodiff<M, D> {
    common: Common<M>,
    /// In the bound order.
    data: Dataset,
    choice: Choice,
    /// The fused form of layers that have one, unless the expression alone was asked for.
    operations: Option<Arc<dyn Fuses>>,
    ordinal: usize,
    tile: usize,
    device: PhantomData<fn() -> D>,
}

/// The expression alone.
pub(crate) fn on_cpu<M: Model>(
    common: Common<M>,
    data: Dataset,
    reason: &'static str,
) -> Autodiff<M, Cpu> {
    let choice = Choice {
        name: "autodiff (dfdx, CPU)",
        reason: reason.into(),
    };
    Autodiff::new(common, data, 0, choice)
}

/// The expression, in which runs of layers that have a fused form are one operation each.
pub(crate) fn with_fused_layers<M: Model>(
    common: Common<M>,
    data: Dataset,
    reason: String,
) -> Autodiff<M, Cpu> {
    let fields = common.model.fields();
    let Some(operations) = Operations::new(fields, &common.architecture, &data) else {
        let choice = Choice {
            name: "autodiff (dfdx, CPU)",
            reason: reason.into(),
        };
        return Autodiff::new(common, data, 0, choice);
    };
    let choice = Choice {
        name: "autodiff with fused layers (dfdx, CPU)",
        reason: reason.into(),
    };
    let mut engine = Autodiff::new(common, data, 0, choice);
    engine.tile = engine.tile.max(FUSED_ROWS);
    engine.operations = Some(Arc::new(operations));
    engine
}

/// Rows per tile, at least, where layers are fused: a fused pass over few rows spends its time on the weights.
const FUSED_ROWS: usize = 256;

/// # Errors
/// If there is no such device.
#[cfg(feature = "cuda")]
pub(crate) fn on_cuda<M: Model>(
    common: Common<M>,
    data: Dataset,
    ordinal: usize,
) -> Result<Autodiff<M, dfdx::prelude::Cuda>> {
    dfdx::prelude::Cuda::try_build(ordinal, 0).map_err(|e| Error::Engine {
        engine: "cuda",
        reason: format!("device {ordinal}: {e:?}"),
    })?;
    let choice = Choice {
        name: "autodiff (dfdx, CUDA)",
        reason: "asked for".into(),
    };
    Ok(Autodiff::new(common, data, ordinal, choice))
}

/// Rows per tile: the widest activation of a tile is about 128 KiB. It depends on the model alone.
fn tile_rows(architecture: &Architecture) -> usize {
    let widths = architecture.nodes.iter().map(|n| n.outputs);
    let widest = widths
        .chain([architecture.inputs])
        .max()
        .unwrap_or(1)
        .max(1);
    (32_768 / widest).next_power_of_two().clamp(32, 1024)
}

impl<M: Model, D> Autodiff<M, D> {
    fn new(common: Common<M>, data: Dataset, ordinal: usize, choice: Choice) -> Self {
        Self {
            tile: tile_rows(&common.architecture),
            common,
            data,
            choice,
            operations: None,
            ordinal,
            device: PhantomData,
        }
    }

    /// The parameters of `thetas` as leaves, constrained.
    fn leaves<E: Float>(&self, device: &D, thetas: &[&[E]]) -> Vec<Leaf<E, D, NoneTape>>
    where
        D: Device<E>,
    {
        let leaf = |block: &crate::model::layout::Block| {
            let of = |theta: &&[E]| {
                let values = theta[block.range.clone()].iter();
                values
                    .map(|&u| constrain(block.support, u))
                    .collect::<Vec<_>>()
            };
            let values: Vec<E> = thetas.iter().flat_map(of).collect();
            from_vec(device, &values, (thetas.len(), block.range.len()))
        };
        self.common.layout.blocks().iter().map(leaf).collect()
    }

    /// The parameters, for a tile of bound rows or for features from elsewhere.
    fn params<E: Float, T: Tape<E, D>>(
        &self,
        leaves: &[Leaf<E, D, NoneTape>],
        tape: &T,
        rows: Option<&Range<usize>>,
    ) -> Params<E, D, T>
    where
        D: Device<E>,
    {
        let mut start = 0;
        let fields = (0..self.common.parameters.len()).map(|f| {
            let end = start + self.common.layout.of_field(f).len();
            let range = start..end;
            start = end;
            range
        });
        Params {
            particles: dfdx::prelude::HasShape::shape(&leaves[0]).0,
            fields: fields.collect(),
            blocks: leaves
                .iter()
                .map(|l| l.clone().put_tape(tape.clone()))
                .collect(),
            parameters: self.common.parameters.clone(),
            fixed: (0..self.common.parameters.len())
                .map(|field| self.common.layout.fixed(field))
                .collect(),
            fusing: self.operations.as_ref().map(|operations| Fusing {
                operations: operations.clone(),
                rows: rows.cloned(),
            }),
        }
    }

    /// log p(y | x, θ) at a tile of bound rows, each times its weight.
    fn tile<E: Float, T: Tape<E, D>>(
        &self,
        device: &D,
        params: &Params<E, D, T>,
        rows: Range<usize>,
    ) -> Leaf<E, D, T>
    where
        D: Device<E>,
    {
        let common = &self.common;
        let features =
            features::<E, D, T>(device, self.data.inputs(), rows.clone(), params.particles);
        let output = common.model.output(params, features.clone());
        let heads = Heads {
            params,
            features: &features,
            output: &output,
            offset: &offset(self.data.inputs(), &rows),
        };
        let targets = Targets {
            particles: params.particles,
            device: device.clone(),
            values: self.data.targets()[rows.clone()].to_vec(),
            marker: PhantomData,
        };
        let density = common.model.likelihood().expr(&heads, &targets);
        match self.data.weights() {
            None => density.into_tensor(),
            Some(weights) => {
                let weights: Vec<f64> = weights[rows].iter().map(|&w| f64::from(w)).collect();
                density.into_tensor() * repeated(device, &weights, params.particles)
            }
        }
    }

    /// The numbers of [`Autodiff::tile`]. A row of weight 0 does not count, whatever its density.
    fn numbers<E: Float, T: Tape<E, D>>(&self, tile: &Leaf<E, D, T>, rows: &Range<usize>) -> Vec<E>
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

    fn tiles(&self, rows: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let (start, end, tile) = (rows.start, rows.end, self.tile);
        (start..end)
            .step_by(tile)
            .map(move |a| a..(a + tile).min(end))
    }

    /// The sums of one group, and the gradient with respect to unconstrained parameters added to `gradient`, one row
    /// of `dim` per particle.
    fn group<E: Float>(
        &self,
        device: &D,
        thetas: &[&[E]],
        segments: &[Segment],
        mut gradient: Option<&mut [E]>,
    ) -> Vec<RowSums>
    where
        D: Device<E>,
    {
        let leaves = self.leaves(device, thetas);
        let mut sums = vec![RowSums::default(); thetas.len()];
        let mut add = |part: Part, rows: &[E]| {
            for (sum, rows) in sums.iter_mut().zip(rows.chunks(rows.len() / thetas.len())) {
                let total: f64 = rows.iter().map(|l| l.widen()).sum();
                match part {
                    Part::Full => sum.full += total,
                    Part::Ramp => sum.ramp += total,
                }
            }
        };
        for segment in segments {
            for rows in self.tiles(segment.rows.clone()) {
                match gradient.as_deref_mut() {
                    Some(gradient) if segment.weight != 0.0 => {
                        let tape = SharedTape::recording();
                        let params = self.params(&leaves, &tape, Some(&rows));
                        let (value, tape_out) =
                            self.tile(device, &params, rows.clone()).split_tape();
                        drop(params);
                        add(segment.part, &self.numbers(&value, &rows));
                        self.backward(
                            &leaves,
                            &value,
                            tape.merge(tape_out),
                            thetas,
                            segment.weight,
                            gradient,
                        );
                    }
                    _ => {
                        let params = self.params(&leaves, &NoneTape, Some(&rows));
                        let value = self.tile(device, &params, rows.clone());
                        add(segment.part, &self.numbers(&value, &rows));
                    }
                }
            }
        }
        sums
    }

    fn backward<E: Float>(
        &self,
        leaves: &[Leaf<E, D, NoneTape>],
        value: &Leaf<E, D, NoneTape>,
        tape: SharedTape<E, D>,
        thetas: &[&[E]],
        weight: f64,
        gradient: &mut [E],
    ) where
        D: Device<E>,
    {
        // An operation on the CPU fails only where allocation aborts; on CUDA, where the device is lost.
        let lost = "the device computes";
        let mut gradients = Gradients::leaky();
        for leaf in leaves {
            gradients.get_or_alloc_mut(&leaf.ghost()).expect(lost);
        }
        let seed = gradients.get_or_alloc_mut(&value.ghost()).expect(lost);
        value.device().try_fill_with_ones(seed).expect(lost);
        tape.backward(&mut gradients).expect(lost);
        let dim = self.common.layout.dim();
        let weight = E::narrow(weight);
        for (block, leaf) in self.common.layout.blocks().iter().zip(leaves) {
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

    /// Sums and gradients of every vector in element type `E`; thetas and gradient are (particles × dim).
    pub(crate) fn evaluate<E: Float>(
        &self,
        dim: usize,
        thetas: &[E],
        segments: &[Segment],
        gradient: Option<&mut [E]>,
    ) -> Vec<RowSums>
    where
        D: Backend<E>,
    {
        use rayon::prelude::*;
        let particles = thetas.len() / dim;
        let group = D::group(particles).max(1);
        self.common
            .count_pass(particles, segments, gradient.is_some());
        let run = |thetas: &[E], gradient: Option<&mut [E]>| {
            let thetas: Vec<&[E]> = thetas.chunks(dim).collect();
            D::with(self.ordinal, |device| {
                self.group(device, &thetas, segments, gradient)
            })
        };
        let sums: Vec<Vec<RowSums>> = match gradient {
            Some(gradient) => thetas
                .par_chunks(group * dim)
                .zip(gradient.par_chunks_mut(group * dim))
                .map(|(t, g)| run(t, Some(g)))
                .collect(),
            None => thetas
                .par_chunks(group * dim)
                .map(|t| run(t, None))
                .collect(),
        };
        sums.concat()
    }

    /// `f(device, particles, leaves)` for every group of particles, in order.
    fn forward<R: Send>(
        &self,
        thetas: &Population,
        f: impl Fn(&D, usize, &[Leaf<f32, D, NoneTape>]) -> R + Sync,
    ) -> Vec<R>
    where
        D: Backend<f32>,
    {
        let group = D::group(thetas.len()).max(1);
        crate::base::exec::map(thetas.len().div_ceil(group), |g| {
            let end = ((g + 1) * group).min(thetas.len());
            let thetas: Vec<&[f32]> = (g * group..end).map(|i| thetas.row(i)).collect();
            D::with(self.ordinal, |device| {
                f(device, thetas.len(), &self.leaves(device, &thetas))
            })
        })
    }
}

/// The features of some rows, the same for every particle.
fn features<E: Float, D: Device<E>, T: Tape<E, D>>(
    device: &D,
    data: &Features,
    rows: Range<usize>,
    particles: usize,
) -> Act<E, D, T> {
    let shape = (rows.len(), data.columns());
    let values = data.values()[rows.start * shape.1..rows.end * shape.1].iter();
    let values: Vec<E> = values.map(|&x| E::narrow(f64::from(x))).collect();
    let x = from_vec(device, &values, shape);
    x.broadcast_like::<_, Axis<0>>(&(particles, shape.0, shape.1))
        .retaped::<T>()
}

/// The offset of some rows, if the data have one.
fn offset(data: &Features, rows: &Range<usize>) -> Vec<f64> {
    let offset = data.offset().map(|offset| &offset[rows.clone()]);
    let offset = offset.unwrap_or_default().iter();
    offset.map(|&x| f64::from(x)).collect()
}

fn constrain<E: Float>(support: Support, u: E) -> E {
    match support {
        Support::Real => u,
        _ => E::narrow(support.constrain(u.widen())),
    }
}

fn slope<E: Float>(support: Support, u: E) -> E {
    match support {
        Support::Real => E::narrow(1.0),
        _ => E::narrow(support.slope(u.widen())),
    }
}

impl<M: Model, D: Backend<f32>> Problem for Autodiff<M, D> {
    fn layout(&self) -> &Layout {
        &self.common.layout
    }

    fn architecture(&self) -> &Architecture {
        &self.common.architecture
    }

    fn rows(&self) -> usize {
        self.data.rows()
    }

    fn order(&self) -> &[usize] {
        &self.common.order
    }

    fn engine(&self) -> &Choice {
        &self.choice
    }

    fn counts(&self) -> Counts {
        self.common.counts()
    }

    fn sample_prior(&self, streams: Streams, draw: usize, thetas: &mut Population) {
        self.common.sample_prior(streams, draw, thetas);
    }

    fn log_prior(&self, thetas: &Population, gradient: Option<&mut Population>) -> Vec<f64> {
        self.common.log_prior(thetas, gradient)
    }

    fn log_likelihood(
        &self,
        thetas: &Population,
        segments: &[Segment],
        gradient: Option<&mut Population>,
    ) -> Vec<RowSums> {
        self.evaluate(
            thetas.dim(),
            thetas.values(),
            segments,
            gradient.map(Population::values_mut),
        )
    }

    fn row_log_likelihoods(&self, thetas: &Population) -> Vec<f64> {
        let rows = self.rows();
        let order = &self.common.order;
        let groups = self.forward(thetas, |device, particles, leaves| {
            let mut out = vec![0.0; particles * rows];
            for tile in self.tiles(0..rows) {
                let params = self.params(leaves, &NoneTape, Some(&tile));
                let values = self.tile(device, &params, tile.clone());
                let values = self.numbers(&values, &tile);
                for (p, values) in values.chunks(tile.len()).enumerate() {
                    for (i, value) in tile.clone().zip(values) {
                        out[p * rows + order[i]] = f64::from(*value);
                    }
                }
            }
            out
        });
        self.common.count(thetas.len(), rows, false);
        groups.concat()
    }

    fn arguments(&self, thetas: &Population, data: &Features) -> Result<Arguments> {
        self.common.check_inputs(data)?;
        let likelihood = self.common.model.likelihood();
        let terms = keyed(&likelihood);
        let outputs = self.common.architecture.outputs();
        let widths: Vec<usize> = terms
            .iter()
            .map(|((_, takes), _)| if *takes == Takes::Row { outputs } else { 1 })
            .collect();
        let (rows, width) = (data.rows(), widths.iter().sum::<usize>());
        let groups = self.forward(thetas, |device, particles, leaves| {
            let params = &self.params(leaves, &NoneTape, None);
            let mut out = vec![0.0; particles * rows * width];
            for tile in self.tiles(0..rows) {
                let features = features::<f32, D, NoneTape>(device, data, tile.clone(), particles);
                let output = self.common.model.output(params, features.clone());
                let heads = Heads {
                    params,
                    features: &features,
                    output: &output,
                    offset: &offset(data, &tile),
                };
                let mut first = 0;
                for (((_, takes), term), &w) in terms.iter().zip(&widths) {
                    let values = match takes {
                        Takes::Column => heads.column(term).into_tensor().as_vec(),
                        Takes::Row => heads.row(term).as_vec(),
                    };
                    for (at, numbers) in values.chunks(w).enumerate() {
                        let (p, row) = (at / tile.len(), tile.start + at % tile.len());
                        let slot = &mut out[(p * rows + row) * width + first..][..w];
                        for (slot, &x) in slot.iter_mut().zip(numbers) {
                            *slot = f64::from(x);
                        }
                    }
                    first += w;
                }
            }
            out
        });
        self.common.count(thetas.len(), rows, false);
        Ok(Arguments {
            rows,
            width,
            values: groups.concat(),
        })
    }

    fn predictive(&self) -> &dyn Predictive {
        &*self.common.predictive
    }

    fn check_targets(&self, data: &Dataset) -> Result<()> {
        self.common.check_targets(data)
    }
}
