//! A run of layers on slices: forwards and backwards for one particle over one tile.

use std::ops::Range;

use crate::model::FieldSpec;
use crate::model::architecture::{Node, Op};
use crate::model::fused::{Activation, FusedLayer, LayerSize};
use crate::model::layout::Layout;
use crate::model::transform::Support;
use crate::numerics::isa::Isa;
use crate::numerics::panel::PANEL;
use crate::numerics::product::{self, Size};

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// y = φ(W x + b).
    Dense(Option<Activation>),
    Layer(&'static dyn FusedLayer),
}

/// One step of the chain, with a dense layer and its activation taken as one.
#[derive(Clone, Debug)]
struct Step {
    kind: Kind,
    inputs: usize,
    outputs: usize,
    /// In the parameter vector.
    parameters: Range<usize>,
}

/// Layers that all have a fused form.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    steps: Vec<Step>,
    /// Panels per tile.
    pub(super) tile: usize,
    pub(super) isa: Isa,
}

/// Working memory of one thread for one tile.
#[derive(Default)]
pub(super) struct Buffers {
    /// Output of every step.
    activations: Vec<Vec<f32>>,
    /// Derivatives with respect to a step's output and input.
    upper: Vec<f32>,
    lower: Vec<f32>,
    /// The packed tile of the first step, whether it is that of the current tile, and of another step.
    first: Vec<f32>,
    first_is_packed: bool,
    packed: Vec<f32>,
}

/// Makes `buffer` at least `len` long.
pub(super) fn grow(buffer: &mut Vec<f32>, len: usize) {
    if buffer.len() < len {
        buffer.resize(len, 0.0);
    }
}

impl Buffers {
    /// Says that the next passes are over another tile.
    pub(super) fn turn_to_next_tile(&mut self) {
        self.first_is_packed = false;
    }

    /// The chain's output as the last forward pass over `panels` left it, and zeros for the derivatives with respect to it.
    pub(super) fn output_and_delta(
        &mut self,
        chain: &Chain,
        panels: usize,
    ) -> (&[f32], &mut [f32]) {
        let len = chain.outputs() * panels * PANEL;
        let delta = &mut self.upper[..len];
        delta.fill(0.0);
        (&self.activations[chain.steps.len() - 1][..len], delta)
    }
}

impl Chain {
    /// The chain of some nodes, or the name of the first that has no fused form.
    pub(super) fn new(
        nodes: &[(&Node, &FieldSpec)],
        layout: &Layout,
        isa: Isa,
    ) -> Result<Self, &'static str> {
        let mut steps: Vec<Step> = Vec::new();
        for (node, field) in nodes {
            let blocks = &layout.blocks()[node.blocks.clone()];
            let activation = match node.op {
                Op::Tanh => Some(Activation::Tanh),
                Op::Relu => Some(Activation::Relu),
                Op::LeakyRelu => Some(Activation::LeakyRelu),
                Op::Sigmoid => Some(Activation::Sigmoid),
                Op::Softplus => Some(Activation::Softplus),
                _ => None,
            };
            if let (Some(activation), Some(last)) = (activation, steps.last_mut())
                && matches!(last.kind, Kind::Dense(None))
            {
                last.kind = Kind::Dense(Some(activation));
                continue;
            }
            let kind = match (node.op, field.fused) {
                (Op::Linear, _) => Kind::Dense(None),
                (_, Some(layer)) if blocks.iter().all(|b| b.support == Support::Real) => {
                    Kind::Layer(layer)
                }
                _ => return Err(node.name),
            };
            steps.push(Step {
                kind,
                inputs: node.inputs,
                outputs: node.outputs,
                parameters: blocks.first().map_or(0, |b| b.range.start)
                    ..blocks.last().map_or(0, |b| b.range.end),
            });
        }
        let tile = tile_panels(&steps);
        Ok(Self { steps, tile, isa })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    pub(super) fn outputs(&self) -> usize {
        self.steps[self.steps.len() - 1].outputs
    }

    fn product(step: &Step, rows: usize) -> Size {
        Size {
            inputs: step.inputs,
            outputs: step.outputs,
            panels: rows.div_ceil(PANEL),
            rows,
        }
    }

    fn size(&self, step: &Step, panels: usize) -> LayerSize {
        LayerSize {
            inputs: step.inputs,
            outputs: step.outputs,
            panels,
            isa: self.isa,
        }
    }

    /// Makes room for so many panels; nothing is allocated where there was room already.
    pub(super) fn prepare(&self, buffers: &mut Buffers, panels: usize, backward: bool) {
        let rows = panels * PANEL;
        if buffers.activations.len() < self.steps.len() {
            buffers.activations.resize_with(self.steps.len(), Vec::new);
        }
        for (step, activation) in self.steps.iter().zip(&mut buffers.activations) {
            grow(activation, step.outputs * rows);
            if backward {
                let widest = step.outputs.max(step.inputs) * rows;
                grow(&mut buffers.upper, widest);
                grow(&mut buffers.lower, widest);
                let packed = Self::product(step, rows).packed_len();
                grow(&mut buffers.packed, packed);
            }
        }
        grow(&mut buffers.upper, self.outputs() * rows);
        if backward {
            let first = Self::product(&self.steps[0], rows).packed_len();
            grow(&mut buffers.first, first);
        }
    }

    /// Every step of one particle on the tile x, whose last row that counts is number `rows`.
    pub(super) fn forward(&self, theta: &[f32], x: &[f32], rows: usize, buffers: &mut Buffers) {
        let panels = rows.div_ceil(PANEL);
        for (s, step) in self.steps.iter().enumerate() {
            let (before, after) = buffers.activations.split_at_mut(s);
            let x = match before.last() {
                Some(x) => &x[..step.inputs * panels * PANEL],
                None => x,
            };
            let y = &mut after[0][..step.outputs * panels * PANEL];
            let parameters = &theta[step.parameters.clone()];
            match step.kind {
                Kind::Dense(activation) => {
                    let (w, b) = parameters.split_at(step.inputs * step.outputs);
                    product::forward(self.isa, Self::product(step, rows), w, b, x, y);
                    if let Some(activation) = activation {
                        activation.apply(self.isa, y);
                    }
                }
                Kind::Layer(layer) => layer.forward(self.size(step, panels), parameters, x, y),
            }
        }
    }

    /// Back through every step after [`Chain::forward`] on the same tile: adds to `gradient`. The derivatives with
    /// respect to the output are those of [`Buffers::output_and_delta`]; those with respect to the input are returned if
    /// asked for.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn backward<'b>(
        &self,
        theta: &[f32],
        x: &[f32],
        live: &Range<usize>,
        to_input: bool,
        buffers: &'b mut Buffers,
        gradient: &mut [f32],
    ) -> &'b [f32] {
        let panels = live.end.div_ceil(PANEL);
        let rows = panels * PANEL;
        for (s, step) in self.steps.iter().enumerate().rev() {
            let x = match s {
                0 => x,
                _ => &buffers.activations[s - 1][..step.inputs * rows],
            };
            let y = &buffers.activations[s][..step.outputs * rows];
            let dy = &mut buffers.upper[..step.outputs * rows];
            let dx = &mut buffers.lower[..step.inputs * rows];
            let parameters = &theta[step.parameters.clone()];
            let gradient = &mut gradient[step.parameters.clone()];
            let dx = (s > 0 || to_input).then_some(dx);
            match step.kind {
                Kind::Dense(activation) => {
                    if let Some(activation) = activation {
                        activation.back(self.isa, y, dy);
                    }
                    let size = Self::product(step, live.end);
                    let (gw, gb) = gradient.split_at_mut(step.inputs * step.outputs);
                    product::gradient_bias(self.isa, step.outputs, dy, gb);
                    if !size.packs() {
                        product::gradient_plain(self.isa, size, dy, x, gw);
                    } else if s == 0 {
                        // After the forward pass, so that x comes from the cache.
                        if !buffers.first_is_packed {
                            product::pack(self.isa, size, x, &mut buffers.first);
                            buffers.first_is_packed = true;
                        }
                        product::gradient_packed(self.isa, size, dy, &buffers.first, gw);
                    } else {
                        product::pack(self.isa, size, x, &mut buffers.packed);
                        product::gradient_packed(self.isa, size, dy, &buffers.packed, gw);
                    }
                    if let Some(dx) = dx {
                        let w = &parameters[..step.inputs * step.outputs];
                        product::backward(self.isa, size, w, dy, dx);
                    }
                }
                Kind::Layer(layer) => {
                    let size = self.size(step, panels);
                    match dx {
                        Some(dx) => {
                            layer.backward(size, parameters, x, y, dy, Some(dx), gradient);
                            clear_padding(dx, step.inputs, live);
                        }
                        None => layer.backward(size, parameters, x, y, dy, None, gradient),
                    }
                }
            }
            std::mem::swap(&mut buffers.upper, &mut buffers.lower);
        }
        &buffers.upper[..self.steps[0].inputs * rows]
    }
}

/// Sets the rows that are not live to zero.
fn clear_padding(x: &mut [f32], features: usize, live: &Range<usize>) {
    for (i, x) in x.as_chunks_mut::<PANEL>().0.iter_mut().enumerate() {
        let first = i / features * PANEL;
        for (l, x) in x.iter_mut().enumerate() {
            if !live.contains(&(first + l)) {
                *x = 0.0;
            }
        }
    }
}

/// Panels per tile: enough to add to a gradient seldom, few enough that what a thread works on stays near it.
fn tile_panels(steps: &[Step]) -> usize {
    let widest = steps.iter().map(|s| s.outputs.max(s.inputs / 2)).max();
    (8192 / widest.unwrap_or(1).max(1)).clamp(4, 16)
}
