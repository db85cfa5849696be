//! Gradients by kernels that walk the [`Architecture`] tile by tile, forwards and backwards on slices.
//!
//! A tile of rows is stored feature by feature, so that every elementwise loop runs along rows. Work is cut into
//! (group of particles) × (chunk of tiles). How rows are cut follows from the data and the model alone, a particle's sums
//! and gradient are added up chunk by chunk in order, and which routine computes a product does not depend on the group:
//! a particle has the same bits alone, in any group, on any number of threads.

mod head;
mod layer;
mod product;
mod scratch;
// Loops over lanes by index are what the compiler turns into vector instructions.
#[allow(clippy::needless_range_loop, clippy::assign_op_pattern)]
mod simd;

pub use head::FusedHead;
pub use layer::{FusedLayer, LayerSize};
pub(crate) use layer::{FusedLinear, FusedRelu, FusedTanh};

use std::ops::Range;
use std::sync::Mutex;

use self::head::{At, Back, Head};
use self::layer::clear_padding;
use self::product::{Size, Tile};
use self::scratch::Scratch;
use self::simd::LANES;
use super::common::Common;
use crate::architecture::{Architecture, Op};
use crate::data::Dataset;
use crate::dist::{Likelihood, Predictive};
use crate::error::Result;
use crate::exec;
use crate::layout::Layout;
use crate::model::Model;
use crate::population::Population;
use crate::problem::{Arguments, Counts, Part, Problem, RowSums, Segment};
use crate::rng::Streams;
use crate::transform::Support;

/// What follows a dense layer in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Activation {
    None,
    Tanh,
    Relu,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Dense(Activation),
    Layer(&'static dyn FusedLayer),
}

/// One step of the chain, with a dense layer and its activation taken as one.
#[derive(Clone, Debug)]
struct Step {
    kind: Kind,
    inputs: usize,
    outputs: usize,
    /// In the flat vector.
    parameters: Range<usize>,
}

/// The chain and the likelihood as the kernels walk them.
#[derive(Clone, Debug)]
struct Plan {
    steps: Vec<Step>,
    head: Head,
    inputs: usize,
    outputs: usize,
    /// Rows per tile.
    tile: usize,
    /// Blocks that are scalars beside the chain: number, place, support.
    scalars: Vec<(usize, usize, Support)>,
    blocks: usize,
}

/// Particles that share one product with the features.
const GROUP: usize = 4;

/// Sums over rows are added up in at most this many parts, whatever the number of threads.
const CHUNKS: usize = 8;

impl Plan {
    /// The plan of a model, or `None` if a part of it has no fused form.
    fn new<M: Model>(common: &Common<M>) -> Option<Self> {
        if !common.model.is_chain() {
            return None;
        }
        let layout = &common.layout;
        let fields = common.model.fields();
        let chain: Vec<_> = fields
            .iter()
            .filter(|f| f.shape.rule != crate::nn::Rule::Parameter)
            .collect();
        let mut steps: Vec<Step> = Vec::new();
        for (node, field) in common.architecture.nodes.iter().zip(chain) {
            let blocks = &layout.blocks()[node.blocks.clone()];
            if blocks.iter().any(|b| b.support != Support::Real) {
                return None;
            }
            let activation = match node.op {
                Op::Tanh => Some(Activation::Tanh),
                Op::Relu => Some(Activation::Relu),
                _ => None,
            };
            if let (Some(activation), Some(last)) = (activation, steps.last_mut())
                && matches!(last.kind, Kind::Dense(Activation::None))
            {
                last.kind = Kind::Dense(activation);
                continue;
            }
            steps.push(Step {
                kind: if node.op == Op::Linear {
                    Kind::Dense(Activation::None)
                } else {
                    Kind::Layer(field.fused?)
                },
                inputs: node.inputs,
                outputs: node.outputs,
                parameters: blocks.first().map_or(0, |b| b.range.start)
                    ..blocks.last().map_or(0, |b| b.range.end),
            });
        }
        if steps.is_empty() {
            return None;
        }
        let scalar = |field: usize| {
            let first = (0..field).map(|f| layout.of_field(f).len()).sum();
            common.parameters[field].then_some(first)
        };
        let scalars = layout
            .blocks()
            .iter()
            .enumerate()
            .filter(|(_, b)| common.parameters[b.field]);
        let scalars: Vec<_> = scalars
            .map(|(i, b)| (i, b.range.start, b.support))
            .collect();
        Some(Self {
            head: Head::resolve(common.model.likelihood().fused()?, &scalar)?,
            inputs: common.architecture.inputs,
            outputs: common.architecture.outputs(),
            tile: tile_rows(&common.architecture),
            steps,
            scalars,
            blocks: layout.blocks().len(),
        })
    }

    /// Particles per task: those that share the first product, where sharing pays.
    fn group(&self) -> usize {
        let first = &self.steps[0];
        let size = size_of(first, self.tile);
        if matches!(first.kind, Kind::Dense(_)) && size.is_large() {
            GROUP
        } else {
            1
        }
    }
}

/// Rows per tile, a multiple of [`LANES`], small enough for the second-level cache.
fn tile_rows(architecture: &Architecture) -> usize {
    let widths = architecture.nodes.iter().map(|n| n.outputs);
    let widest = widths
        .chain([architecture.inputs / 4])
        .max()
        .unwrap_or(1)
        .max(1);
    (65_536 / widest / LANES * LANES).clamp(128, 512)
}

fn padded(rows: usize) -> usize {
    rows.next_multiple_of(LANES)
}

fn size_of(step: &Step, rows: usize) -> Size {
    Size {
        inputs: step.inputs,
        outputs: step.outputs,
        rows,
        padded: padded(rows),
    }
}

/// Rows stored feature by feature, with room for a padded tile behind the last row.
struct Columns {
    stride: usize,
    features: Vec<f32>,
    targets: Vec<f32>,
}

impl Columns {
    fn new(data: &Dataset) -> Self {
        let (rows, columns) = (data.rows(), data.columns());
        let stride = padded(rows) + LANES;
        let mut features = vec![0.0; columns * stride];
        for i in 0..rows {
            for (c, &x) in data.row(i).iter().enumerate() {
                features[c * stride + i] = x;
            }
        }
        Self {
            stride,
            features,
            targets: data.targets().to_vec(),
        }
    }

    fn tile(&self, start: usize) -> Tile<'_> {
        Tile {
            values: self.features.get(start..).unwrap_or_default(),
            stride: self.stride,
        }
    }
}

/// A model bound to data, computed by fused kernels.
pub(crate) struct Fused<M> {
    common: Common<M>,
    plan: Plan,
    columns: Columns,
}

/// A tile of a segment.
#[derive(Clone, Debug)]
struct Piece {
    rows: Range<usize>,
    weight: f64,
    part: Part,
}

impl<M: Model> Fused<M> {
    /// The model on this engine.
    ///
    /// # Errors
    /// The model itself if it has no fused form.
    pub(crate) fn new(common: Common<M>) -> std::result::Result<Self, Box<Common<M>>> {
        match Plan::new(&common) {
            Some(plan) => Ok(Self {
                columns: Columns::new(&common.data),
                plan,
                common,
            }),
            None => Err(Box::new(common)),
        }
    }

    fn pieces(&self, segments: &[Segment]) -> Vec<Piece> {
        let tile = self.plan.tile;
        let cut = |s: &Segment| {
            let (end, weight, part) = (s.rows.end, s.weight, s.part);
            s.rows.clone().step_by(tile).map(move |start| Piece {
                rows: start..(start + tile).min(end),
                weight,
                part,
            })
        };
        segments.iter().flat_map(cut).collect()
    }

    fn evaluate(
        &self,
        thetas: &Population,
        segments: &[Segment],
        gradient: Option<&mut Population>,
    ) -> Vec<RowSums> {
        let (particles, dim) = (thetas.len(), thetas.dim());
        let wanted = gradient.is_some();
        self.common.count_pass(particles, segments, wanted);

        let pieces = self.pieces(segments);
        let chunks = CHUNKS.min(pieces.len());
        let chunk = |c: usize| &pieces[pieces.len() * c / chunks..pieces.len() * (c + 1) / chunks];
        let group = self.plan.group();
        let groups = particles.div_ceil(group);
        let members = |g: usize| g * group..((g + 1) * group).min(particles);

        // Many groups: one task each, chunk after chunk. Few: one task per (group, chunk), added up in the same order.
        let homes: Vec<Mutex<&mut [f32]>> = gradient
            .into_iter()
            .flat_map(|g| g.values_mut().chunks_mut(group * dim))
            .map(Mutex::new)
            .collect();
        let add = |g: usize, part: &[f32]| {
            // Each group has one task at a time, so the lock is never waited for. There is no home if no gradient is wanted.
            if let Some(home) = homes.get(g) {
                let mut home = home
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner);
                simd::add_into(&mut home, part);
            }
        };
        let own = |g: usize| if wanted { members(g).len() * dim } else { 0 };
        if groups >= 2 * CHUNKS || chunks <= 1 {
            let tasks = exec::map(groups, |g| {
                scratch::with(|scratch| {
                    let mut sums = vec![RowSums::default(); members(g).len()];
                    for c in 0..chunks {
                        let part = self.chunk(thetas, members(g), chunk(c), wanted, scratch);
                        add(g, &scratch.gradient[..own(g)]);
                        sums = plus(&sums, &part);
                    }
                    sums
                })
            });
            return tasks.concat();
        }
        let tasks = exec::map(groups * chunks, |task| {
            scratch::with(|scratch| {
                let g = task / chunks;
                let sums = self.chunk(thetas, members(g), chunk(task % chunks), wanted, scratch);
                (sums, scratch.gradient[..own(g)].to_vec())
            })
        });
        let mut sums = Vec::with_capacity(particles);
        for (g, parts) in tasks.chunks(chunks).enumerate() {
            let mut total = vec![RowSums::default(); members(g).len()];
            for (part, part_gradient) in parts {
                total = plus(&total, part);
                add(g, part_gradient);
            }
            sums.extend(total);
        }
        sums
    }

    /// Sums over the pieces of one chunk for a group of particles; the gradients go to `scratch.gradient`.
    fn chunk(
        &self,
        thetas: &Population,
        members: Range<usize>,
        pieces: &[Piece],
        wanted: bool,
        scratch: &mut Scratch,
    ) -> Vec<RowSums> {
        let (dim, group) = (thetas.dim(), members.len());
        scratch.prepare(&self.plan.sizes(group, dim, wanted));
        self.constrain(thetas, members.clone(), scratch);
        let shared = self.share(thetas, members.clone(), scratch);
        let mut sums = vec![RowSums::default(); group];
        for piece in pieces {
            let backward = wanted && piece.weight != 0.0;
            self.first_forward(thetas, members.clone(), piece, shared, scratch);
            for (p, sum) in sums.iter_mut().enumerate() {
                let theta = thetas.row(members.start + p);
                self.particle(theta, p, piece, backward, scratch);
                let total: f64 = scratch.out[..piece.rows.len()]
                    .iter()
                    .map(|&l| f64::from(l))
                    .sum();
                match piece.part {
                    Part::Full => sum.full += total,
                    Part::Ramp => sum.ramp += total,
                }
            }
            if backward {
                self.first_backward(thetas, members.clone(), piece, shared, scratch);
            }
        }
        if wanted {
            self.finish(group, dim, shared, scratch);
        }
        sums
    }

    /// The scalars beside the chain, constrained.
    fn constrain(&self, thetas: &Population, members: Range<usize>, scratch: &mut Scratch) {
        for (p, i) in members.enumerate() {
            for &(block, place, support) in &self.plan.scalars {
                let value = support.constrain(f64::from(thetas.row(i)[place])) as f32;
                scratch.scalars[p * self.plan.blocks + block] = value;
            }
        }
    }

    /// Copies the first layer's weights of a group side by side; `false` if every particle has its own product.
    fn share(&self, thetas: &Population, members: Range<usize>, scratch: &mut Scratch) -> bool {
        let first = &self.plan.steps[0];
        if self.plan.group() == 1 || members.len() == 1 {
            return false;
        }
        let n = first.inputs * first.outputs;
        for (p, i) in members.enumerate() {
            let weights = &thetas.row(i)[first.parameters.start..][..n];
            scratch.shared[p * n..(p + 1) * n].copy_from_slice(weights);
        }
        true
    }

    fn first_forward(
        &self,
        thetas: &Population,
        members: Range<usize>,
        piece: &Piece,
        shared: bool,
        scratch: &mut Scratch,
    ) {
        let first = &self.plan.steps[0];
        let size = size_of(first, piece.rows.len());
        let x = self.columns.tile(piece.rows.start);
        let one = first.outputs * size.padded;
        match first.kind {
            // A remainder of few rows has a product of its own per particle, as it would have alone.
            Kind::Dense(_) if shared && size.is_large() => {
                let together = Size {
                    outputs: first.outputs * members.len(),
                    ..size
                };
                product::forward(together, &scratch.shared, x, &mut scratch.first);
            }
            Kind::Dense(_) => {
                for (p, i) in members.enumerate() {
                    let w = &thetas.row(i)[first.parameters.clone()];
                    product::forward(size, w, x, &mut scratch.first[p * one..(p + 1) * one]);
                }
            }
            Kind::Layer(layer) => {
                let copy = self.copied_tile(piece, scratch);
                for (p, i) in members.enumerate() {
                    let parameters = &thetas.row(i)[first.parameters.clone()];
                    layer.forward(
                        layer_size(first, piece),
                        parameters,
                        &copy,
                        &mut scratch.first[p * one..][..one],
                    );
                }
                scratch.copy = copy;
            }
        }
    }

    /// The features of a tile with the stride of activations.
    fn copied_tile(&self, piece: &Piece, scratch: &mut Scratch) -> Vec<f32> {
        let padded = padded(piece.rows.len());
        let x = self.columns.tile(piece.rows.start);
        let mut copy = std::mem::take(&mut scratch.copy);
        copy.clear();
        for c in 0..self.plan.inputs {
            copy.extend_from_slice(&x.values[c * x.stride..][..padded]);
        }
        copy
    }

    /// The rest of the chain for one particle of the group, forwards and, if asked for, back to the first layer.
    fn particle(
        &self,
        theta: &[f32],
        p: usize,
        piece: &Piece,
        backward: bool,
        scratch: &mut Scratch,
    ) {
        let plan = &self.plan;
        let rows = piece.rows.len();
        let padded = padded(rows);
        let first = &plan.steps[0];
        let one = first.outputs * padded;
        let Scratch {
            first: first_out,
            activations,
            deltas,
            first_delta,
            out,
            head,
            scalars,
            scalar_gradient,
            gradient,
            ..
        } = scratch;
        let first_out = &mut first_out[p * one..(p + 1) * one];
        activate(first, theta, first_out, padded);
        for s in 1..plan.steps.len() {
            let (before, after) = activations.split_at_mut(s);
            let x: &[f32] = if s == 1 {
                first_out
            } else {
                &before[s - 1][..plan.steps[s - 1].outputs * padded]
            };
            step_forward(
                &plan.steps[s],
                theta,
                piece,
                x,
                &mut after[0][..plan.steps[s].outputs * padded],
            );
        }
        let last = plan.steps.len() - 1;
        let output: &[f32] = if last == 0 {
            first_out
        } else {
            &activations[last][..plan.outputs * padded]
        };
        let x = self.columns.tile(piece.rows.start);
        let at = At {
            rows,
            padded,
            output,
            features: x.values,
            stride: x.stride,
            targets: &self.columns.targets[piece.rows.clone()],
            scalars: &scalars[p * plan.blocks..(p + 1) * plan.blocks],
        };
        if !backward {
            plan.head.evaluate(&at, out, head, None);
            return;
        }
        let delta = &mut deltas[last][..plan.outputs * padded];
        delta.fill(0.0);
        let back = Back {
            weight: piece.weight as f32,
            output: delta,
            scalars: &mut scalar_gradient[p * plan.blocks..(p + 1) * plan.blocks],
        };
        plan.head.evaluate(&at, out, head, Some(back));
        let dim = theta.len();
        let gradient = &mut gradient[p * dim..(p + 1) * dim];
        for s in (1..plan.steps.len()).rev() {
            let step = &plan.steps[s];
            let (before, after) = deltas.split_at_mut(s);
            let x: &[f32] = if s == 1 {
                first_out
            } else {
                &activations[s - 1][..step.inputs * padded]
            };
            let y = &activations[s][..step.outputs * padded];
            let dy = &mut after[0][..step.outputs * padded];
            step_backward(
                step,
                theta,
                piece,
                x,
                y,
                dy,
                &mut before[s - 1][..step.inputs * padded],
                gradient,
            );
        }
        let dy = &mut deltas[0][..one];
        deactivate(first, first_out, dy);
        first_delta[p * one..(p + 1) * one].copy_from_slice(dy);
    }

    /// The first layer's gradients of a group, from the derivatives with respect to its outputs.
    fn first_backward(
        &self,
        thetas: &Population,
        members: Range<usize>,
        piece: &Piece,
        shared: bool,
        scratch: &mut Scratch,
    ) {
        let (group, dim) = (members.len(), thetas.dim());
        let first = &self.plan.steps[0];
        let size = size_of(first, piece.rows.len());
        let (one, weights) = (first.outputs * size.padded, first.inputs * first.outputs);
        let x = self.columns.tile(piece.rows.start);
        for (p, i) in members.enumerate() {
            let dy = &mut scratch.first_delta[p * one..(p + 1) * one];
            let g = &mut scratch.gradient[p * dim..][first.parameters.clone()];
            match first.kind {
                Kind::Dense(_) => {
                    let (gw, gb) = g.split_at_mut(weights);
                    for (g, d) in gb.iter_mut().zip(dy.chunks(size.padded)) {
                        *g += simd::sum(d);
                    }
                    if !(shared && size.is_large()) {
                        product::gradient(size, dy, x, gw);
                    }
                }
                Kind::Layer(layer) => {
                    let y = &scratch.first[p * one..(p + 1) * one];
                    let parameters = &thetas.row(i)[first.parameters.clone()];
                    let size = layer_size(first, piece);
                    layer.backward(size, parameters, &scratch.copy, y, dy, None, g);
                }
            }
        }
        if matches!(first.kind, Kind::Dense(_)) && shared && size.is_large() {
            let together = Size {
                outputs: first.outputs * group,
                ..size
            };
            product::gradient(
                together,
                &scratch.first_delta,
                x,
                &mut scratch.shared_gradient,
            );
        }
    }

    /// Brings shared gradients home and applies the transforms of the scalars.
    fn finish(&self, group: usize, dim: usize, shared: bool, scratch: &mut Scratch) {
        let first = &self.plan.steps[0];
        let n = first.inputs * first.outputs;
        for p in 0..group {
            let gradient = &mut scratch.gradient[p * dim..(p + 1) * dim];
            if shared {
                let own = &scratch.shared_gradient[p * n..(p + 1) * n];
                simd::add_into(&mut gradient[first.parameters.start..][..n], own);
            }
            for &(block, place, support) in &self.plan.scalars {
                let at = p * self.plan.blocks + block;
                let slope = support.slope(f64::from(scratch.scalars[at]));
                gradient[place] += (f64::from(scratch.scalar_gradient[at]) * slope) as f32;
            }
        }
    }

    /// `visit(particle, rows, at)` at every tile of `columns`, forwards only.
    fn forward<R: Send>(
        &self,
        thetas: &Population,
        columns: &Columns,
        rows: usize,
        visit: impl Fn(&Self, Range<usize>, &At<'_>, &mut [f32], &mut [f32], &mut R) + Sync,
        start: impl Fn() -> R + Sync,
    ) -> Vec<R> {
        let plan = &self.plan;
        exec::map(thetas.len(), |i| {
            scratch::with(|scratch| {
                scratch.prepare(&plan.sizes(1, thetas.dim(), false));
                self.constrain(thetas, i..i + 1, scratch);
                let mut result = start();
                for begin in (0..rows).step_by(plan.tile) {
                    let piece = Piece {
                        rows: begin..(begin + plan.tile).min(rows),
                        weight: 0.0,
                        part: Part::Full,
                    };
                    let padded = padded(piece.rows.len());
                    let theta = thetas.row(i);
                    let x = columns.tile(begin);
                    let mut input: Vec<f32> = Vec::with_capacity(plan.inputs * padded);
                    for c in 0..plan.inputs {
                        input.extend_from_slice(&x.values[c * x.stride..][..padded]);
                    }
                    for step in &plan.steps {
                        let mut y = vec![0.0; step.outputs * padded];
                        step_forward(step, theta, &piece, &input, &mut y);
                        input = y;
                    }
                    let at = At {
                        rows: piece.rows.len(),
                        padded,
                        output: &input,
                        features: x.values,
                        stride: x.stride,
                        targets: &columns.targets[piece.rows.clone()],
                        scalars: &scratch.scalars[..plan.blocks],
                    };
                    visit(
                        self,
                        piece.rows.clone(),
                        &at,
                        &mut scratch.out,
                        &mut scratch.head,
                        &mut result,
                    );
                }
                result
            })
        })
    }
}

fn plus(a: &[RowSums], b: &[RowSums]) -> Vec<RowSums> {
    let sum = |(a, b): (&RowSums, &RowSums)| RowSums {
        full: a.full + b.full,
        ramp: a.ramp + b.ramp,
    };
    a.iter().zip(b).map(sum).collect()
}

fn layer_size(step: &Step, piece: &Piece) -> LayerSize {
    LayerSize {
        inputs: step.inputs,
        outputs: step.outputs,
        rows: piece.rows.len(),
        padded: padded(piece.rows.len()),
    }
}

/// Bias and activation of a dense step, in place.
fn activate(step: &Step, theta: &[f32], z: &mut [f32], padded: usize) {
    let Kind::Dense(activation) = step.kind else {
        return;
    };
    let bias = &theta[step.parameters.clone()][step.inputs * step.outputs..];
    for (z, &b) in z.chunks_mut(padded).zip(bias) {
        match activation {
            Activation::None => simd::add_bias(z, b),
            Activation::Tanh => simd::tanh_bias(z, b),
            Activation::Relu => simd::relu_bias(z, b),
        }
    }
}

/// Back through the activation of a dense step, in place.
fn deactivate(step: &Step, y: &[f32], dy: &mut [f32]) {
    match step.kind {
        Kind::Dense(Activation::Tanh) => simd::tanh_back(dy, y),
        Kind::Dense(Activation::Relu) => simd::relu_back(dy, y),
        Kind::Dense(Activation::None) | Kind::Layer(_) => {}
    }
}

fn step_forward(step: &Step, theta: &[f32], piece: &Piece, x: &[f32], y: &mut [f32]) {
    let parameters = &theta[step.parameters.clone()];
    match step.kind {
        Kind::Dense(_) => {
            let size = size_of(step, piece.rows.len());
            let x = Tile {
                values: x,
                stride: size.padded,
            };
            product::forward(size, parameters, x, y);
            activate(step, theta, y, size.padded);
        }
        Kind::Layer(layer) => layer.forward(layer_size(step, piece), parameters, x, y),
    }
}

#[allow(clippy::too_many_arguments)]
fn step_backward(
    step: &Step,
    theta: &[f32],
    piece: &Piece,
    x: &[f32],
    y: &[f32],
    dy: &mut [f32],
    dx: &mut [f32],
    gradient: &mut [f32],
) {
    deactivate(step, y, dy);
    let (parameters, gradient) = (
        &theta[step.parameters.clone()],
        &mut gradient[step.parameters.clone()],
    );
    let size = layer_size(step, piece);
    match step.kind {
        Kind::Dense(_) => FusedLinear.backward(size, parameters, x, y, dy, Some(dx), gradient),
        Kind::Layer(layer) => {
            layer.backward(size, parameters, x, y, dy, Some(dx), gradient);
            clear_padding(dx, size.rows, size.padded);
        }
    }
}

impl<M: Model> Problem for Fused<M> {
    fn layout(&self) -> &Layout {
        &self.common.layout
    }

    fn architecture(&self) -> &Architecture {
        &self.common.architecture
    }

    fn rows(&self) -> usize {
        self.common.data.rows()
    }

    fn order(&self) -> &[usize] {
        &self.common.order
    }

    fn engine(&self) -> &'static str {
        "fused (CPU)"
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
        self.evaluate(thetas, segments, gradient)
    }

    fn row_log_likelihoods(&self, thetas: &Population) -> Vec<f64> {
        let rows = self.rows();
        self.common.count(thetas.len(), rows, false);
        let all = self.forward(
            thetas,
            &self.columns,
            rows,
            |this, range, at, out, head, result: &mut Vec<f64>| {
                this.plan.head.evaluate(at, out, head, None);
                for (i, &l) in range.zip(out.iter()) {
                    result[this.common.order[i]] = f64::from(l);
                }
            },
            || vec![0.0; rows],
        );
        all.concat()
    }

    fn arguments(&self, thetas: &Population, data: &Dataset) -> Result<Arguments> {
        self.common.check_columns(data)?;
        let columns = Columns::new(data);
        let (rows, width) = (data.rows(), self.plan.head.width(self.plan.outputs));
        self.common.count(thetas.len(), rows, false);
        let all = self.forward(
            thetas,
            &columns,
            rows,
            |this, range, at, _, head, result: &mut Vec<f64>| {
                this.plan.head.arguments(at, head, |row, slot, x| {
                    result[(range.start + row) * width + slot] = f64::from(x);
                });
            },
            || vec![0.0; rows * width],
        );
        Ok(Arguments {
            rows,
            width,
            values: all.concat(),
        })
    }

    fn predictive(&self) -> &dyn Predictive {
        &*self.common.predictive
    }

    fn check_targets(&self, data: &Dataset) -> Result<()> {
        self.common.check_targets(data)
    }
}
