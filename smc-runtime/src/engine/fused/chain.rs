//! A run of layers on slices: forwards and backwards for one particle over one tile.

use std::ops::Range;
use std::sync::Arc;

use crate::model::architecture::{Nature, Node};
use crate::model::fused::{FusedLayer, LayerSize, Return};
use crate::model::layout::Layout;
use crate::model::transform::Support;
use crate::numerics::isa::Isa;
use crate::numerics::panel::PANEL;

/// One step of the chain.
#[derive(Clone, Debug)]
struct Link {
    layer: Arc<dyn FusedLayer>,
    /// An activation that is done in place on what the layer gives, while it is near.
    after: Option<Arc<dyn FusedLayer>>,
    inputs: usize,
    outputs: usize,
    /// In the parameter vector.
    parameters: Range<usize>,
    /// The step's number among the affine layers, if it is one.
    affine: Option<usize>,
}

/// Watches a pass go through the affine layers; all numbers lie in panels.
pub(super) trait Hook {
    /// After layer number `layer` has made z of its inputs, which it may change.
    fn forward(&mut self, layer: usize, inputs: (usize, &[f32]), z: (usize, &mut [f32]));

    /// When the derivatives by z are known.
    fn backward(&mut self, layer: usize, inputs: (usize, &[f32]), dz: (usize, &[f32]));
}

/// A pass that nobody watches; compiled away.
pub(super) struct Unwatched;

impl Hook for Unwatched {
    fn forward(&mut self, _: usize, _: (usize, &[f32]), _: (usize, &mut [f32])) {}
    fn backward(&mut self, _: usize, _: (usize, &[f32]), _: (usize, &[f32])) {}
}

/// Layers that all have a fused form.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    steps: Vec<Link>,
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
    pub(super) fn new(nodes: &[Node], layout: &Layout, isa: Isa) -> Result<Self, &'static str> {
        let mut steps: Vec<Link> = Vec::new();
        let mut affine = 0;
        for node in nodes {
            let blocks = &layout.blocks()[node.blocks.clone()];
            let real = blocks.iter().all(|b| b.support == Support::Real);
            let layer = node.fused.clone().filter(|_| real).ok_or(node.name)?;
            if let (Some(_), Some(last)) = (layer.in_place(), steps.last_mut())
                && last.after.is_none()
                && !last.layer.needs_output()
            {
                last.after = Some(layer);
                continue;
            }
            let number = (node.nature == Nature::Affine).then_some(affine);
            affine += usize::from(number.is_some());
            steps.push(Link {
                layer,
                after: None,
                inputs: node.takes.len(),
                outputs: node.gives.len(),
                parameters: blocks.first().map_or(0, |b| b.range.start)
                    ..blocks.last().map_or(0, |b| b.range.end),
                affine: number,
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

    /// The numbers of a step where `live` rows are the last that counts.
    fn size(&self, step: &Link, live: usize) -> LayerSize {
        LayerSize {
            inputs: step.inputs,
            outputs: step.outputs,
            panels: live.div_ceil(PANEL),
            live,
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
                let packed = step.layer.packed_len(self.size(step, rows));
                grow(&mut buffers.packed, packed);
            }
        }
        grow(&mut buffers.upper, self.outputs() * rows);
        if backward {
            let first = &self.steps[0];
            let first = first.layer.packed_len(self.size(first, rows));
            grow(&mut buffers.first, first);
        }
    }

    /// Every step of one particle on the tile x, whose last row that counts is number `rows`.
    pub(super) fn forward(
        &self,
        theta: &[f32],
        x: &[f32],
        rows: usize,
        buffers: &mut Buffers,
        hook: &mut impl Hook,
    ) {
        let panels = rows.div_ceil(PANEL);
        for (s, step) in self.steps.iter().enumerate() {
            let (before, after) = buffers.activations.split_at_mut(s);
            let x = match before.last() {
                Some(x) => &x[..step.inputs * panels * PANEL],
                None => x,
            };
            let y = &mut after[0][..step.outputs * panels * PANEL];
            let size = self.size(step, rows);
            step.layer
                .forward(size, &theta[step.parameters.clone()], x, y);
            if let Some(layer) = step.affine {
                hook.forward(layer, (step.inputs, x), (step.outputs, &mut *y));
            }
            if let Some(activation) = step.in_place() {
                activation.apply(size, y);
            }
        }
    }

    /// Back through every step after [`Chain::forward`] on the same tile: adds to `gradient` if there is one. The derivatives
    /// by the output are those of [`Buffers::output_and_delta`]; those by the input are returned if asked for.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn backward<'b>(
        &self,
        theta: &[f32],
        x: &[f32],
        live: &Range<usize>,
        to_input: bool,
        buffers: &'b mut Buffers,
        mut gradient: Option<&mut [f32]>,
        hook: &mut impl Hook,
    ) -> &'b [f32] {
        let rows = live.end.next_multiple_of(PANEL);
        for (s, step) in self.steps.iter().enumerate().rev() {
            let x = match s {
                0 => x,
                _ => &buffers.activations[s - 1][..step.inputs * rows],
            };
            let y = &buffers.activations[s][..step.outputs * rows];
            let dy = &mut buffers.upper[..step.outputs * rows];
            let dx = &mut buffers.lower[..step.inputs * rows];
            let size = self.size(step, live.end);
            if let Some(activation) = step.in_place() {
                activation.back(size, y, dy);
            }
            if let Some(layer) = step.affine {
                hook.backward(layer, (step.inputs, x), (step.outputs, &*dy));
            }
            let gradient = gradient.as_deref_mut();
            let gradient = gradient.map(|g| &mut g[step.parameters.clone()]);
            let mut packed: &[f32] = &[];
            if gradient.is_some() && step.layer.packed_len(size) > 0 {
                // After the forward pass, so that x comes from the cache.
                if s > 0 {
                    step.layer.pack(size, x, &mut buffers.packed);
                    packed = &buffers.packed;
                } else {
                    if !buffers.first_is_packed {
                        step.layer.pack(size, x, &mut buffers.first);
                        buffers.first_is_packed = true;
                    }
                    packed = &buffers.first;
                }
            }
            let wanted = s > 0 || to_input;
            let back = Return {
                parameters: &theta[step.parameters.clone()],
                x,
                packed,
                y,
                dy,
                dx: wanted.then_some(&mut *dx),
                gradient,
            };
            step.layer.backward(size, back);
            if wanted {
                clear_padding(dx, step.inputs, live);
            }
            std::mem::swap(&mut buffers.upper, &mut buffers.lower);
        }
        &buffers.upper[..self.steps[0].inputs * rows]
    }
}

impl Link {
    fn in_place(&self) -> Option<&dyn crate::model::fused::InPlace> {
        self.after.as_ref()?.in_place()
    }
}

/// Sets the rows that are not live to zero; the first and the last panel alone have any.
fn clear_padding(x: &mut [f32], features: usize, live: &Range<usize>) {
    let panels = x.as_chunks_mut::<PANEL>().0;
    let last = panels.len() / features.max(1) - 1;
    let mut clear = |panel: usize, lanes: Range<usize>| {
        for x in &mut panels[panel * features..(panel + 1) * features] {
            x[lanes.clone()].fill(0.0);
        }
    };
    if live.start > 0 {
        clear(0, 0..live.start);
    }
    if live.end < (last + 1) * PANEL {
        clear(last, live.end - last * PANEL..PANEL);
    }
}

/// Panels per tile: enough to add to a gradient seldom, few enough that what a thread works on stays near it.
fn tile_panels(steps: &[Link]) -> usize {
    let widest = steps.iter().map(|s| s.outputs.max(s.inputs / 2)).max();
    (8192 / widest.unwrap_or(1).max(1)).clamp(4, 16)
}
