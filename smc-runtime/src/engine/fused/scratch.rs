//! Each thread's working memory, kept from call to call.

use std::cell::RefCell;

use super::head::Head;
use super::{Kind, Plan, padded};

/// What a task needs room for.
pub(super) struct Sizes {
    group: usize,
    dim: usize,
    blocks: usize,
    inputs: usize,
    /// Outputs of every step.
    outputs: Vec<usize>,
    padded: usize,
    first_weights: usize,
    shared: bool,
    gradient: bool,
}

impl Plan {
    pub(super) fn sizes(&self, group: usize, dim: usize, gradient: bool) -> Sizes {
        let first = &self.steps[0];
        Sizes {
            group,
            dim,
            blocks: self.blocks,
            inputs: self.inputs,
            outputs: self.steps.iter().map(|s| s.outputs).collect(),
            padded: padded(self.tile),
            first_weights: first.inputs * first.outputs,
            shared: group > 1 && matches!(first.kind, Kind::Dense(_)),
            gradient,
        }
    }
}

/// Buffers of one thread. Names say what is in them; all are as large as the largest tile needs.
#[derive(Default)]
pub(super) struct Scratch {
    /// Outputs of the first step: group × outputs × padded.
    pub(super) first: Vec<f32>,
    pub(super) first_delta: Vec<f32>,
    /// Outputs of step s, of one particle at a time; that of step 0 is empty.
    pub(super) activations: Vec<Vec<f32>>,
    pub(super) deltas: Vec<Vec<f32>>,
    /// Row log-likelihoods.
    pub(super) out: Vec<f32>,
    pub(super) head: Vec<f32>,
    /// Constrained scalars, group × blocks, and the derivatives with respect to them.
    pub(super) scalars: Vec<f32>,
    pub(super) scalar_gradient: Vec<f32>,
    /// group × dim.
    pub(super) gradient: Vec<f32>,
    /// First-layer weights of a group side by side, and their gradients.
    pub(super) shared: Vec<f32>,
    pub(super) shared_gradient: Vec<f32>,
    /// A tile with the stride of activations, where the first step is no dense layer.
    pub(super) copy: Vec<f32>,
}

fn grow(buffer: &mut Vec<f32>, len: usize) {
    if buffer.len() < len {
        buffer.resize(len, 0.0);
    }
}

fn zero(buffer: &mut Vec<f32>, len: usize) {
    grow(buffer, len);
    buffer[..len].fill(0.0);
}

impl Scratch {
    /// Makes room and clears what is summed into.
    pub(super) fn prepare(&mut self, sizes: &Sizes) {
        let Sizes {
            group,
            dim,
            blocks,
            padded,
            ..
        } = *sizes;
        let first = group * sizes.outputs[0] * padded;
        grow(&mut self.first, first);
        grow(&mut self.out, padded);
        grow(&mut self.head, Head::SCRATCH * padded);
        grow(&mut self.scalars, group * blocks);
        grow(&mut self.copy, sizes.inputs.min(1) * padded);
        self.activations
            .resize_with(sizes.outputs.len().max(self.activations.len()), Vec::new);
        self.deltas
            .resize_with(sizes.outputs.len().max(self.deltas.len()), Vec::new);
        for (s, &outputs) in sizes.outputs.iter().enumerate() {
            if s > 0 {
                grow(&mut self.activations[s], outputs * padded);
            }
            if sizes.gradient {
                grow(&mut self.deltas[s], outputs * padded);
            }
        }
        if sizes.shared {
            grow(&mut self.shared, group * sizes.first_weights);
        }
        if sizes.gradient {
            grow(&mut self.first_delta, first);
            zero(&mut self.gradient, group * dim);
            zero(&mut self.scalar_gradient, group * blocks);
            if sizes.shared {
                zero(&mut self.shared_gradient, group * sizes.first_weights);
            }
        }
    }
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Runs `f` with this thread's buffers. They are not re-entered: `f` starts no parallel work.
pub(super) fn with<R>(f: impl FnOnce(&mut Scratch) -> R) -> R {
    SCRATCH.with_borrow_mut(f)
}
