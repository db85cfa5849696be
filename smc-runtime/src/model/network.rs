//! Layers applied one after another, where runs of layers that have a fused form become one operation on the tape.

use std::any::{Any, TypeId};
use std::ops::Range;
use std::sync::Arc;

use dfdx::prelude::{Cpu, HasShape, NoneTape, PutTape, ReshapeTo, SplitTape, Storage};

use super::nature::Nature;
use super::nn::Field;
use super::rule::Rule;
use super::tensor::{
    Act, Device, Float, Fusing, Input, Operation, Params, Pass, Tape, for_particles, from_vec,
    narrowed,
};

/// A chain of layers under construction, for an [`output`](crate::model::Model::output) written by hand.
///
/// Consecutive layers that have a fused form are computed by the fused kernels as one operation of the tape, wherever
/// the engine allows it; the result goes on as any tensor does, so that further terms add to it and so do their
/// gradients.
///
/// ```
/// use smc_runtime::layers::*;
/// use smc_runtime::model::nn::{Linear, Tanh};
///
/// struct Residual { hidden: Linear<4, 4>, tanh: Tanh }
///
/// impl Residual {
///     /// x + tanh(W x + b), as a model's `output`.
///     fn output<E: Float, D: Device<E>, T: Tape<E, D>>(
///         &self,
///         parameters: &Params<E, D, T>,
///         x: Act<E, D, T>,
///     ) -> Act<E, D, T> {
///         let inner = Network::new(parameters, x.clone())
///             .then(0, &self.hidden)
///             .then(1, &self.tanh)
///             .output();
///         inner + x
///     }
/// }
/// ```
pub struct Network<'p, E: Float, D: Device<E>, T: Tape<E, D>> {
    parameters: &'p Params<E, D, T>,
    x: Act<E, D, T>,
    /// Whether x is the tile of the data.
    is_data: bool,
    /// Fields that are applied to x at the next opportunity.
    pending: Range<usize>,
}

impl<'p, E: Float, D: Device<E>, T: Tape<E, D>> Network<'p, E, D, T> {
    /// A chain that starts with x, of shape (particles, rows, features), or (1, rows, features) for features that all
    /// particles share.
    pub fn new(parameters: &'p Params<E, D, T>, x: Act<E, D, T>) -> Self {
        Self {
            parameters,
            x,
            is_data: false,
            pending: 0..0,
        }
    }

    /// A chain that starts with the features themselves.
    #[doc(hidden)]
    pub fn from_data(parameters: &'p Params<E, D, T>, x: Act<E, D, T>) -> Self {
        Self {
            is_data: true,
            ..Self::new(parameters, x)
        }
    }

    /// Applies field number `number` of the model, which `field` is. A field that is a parameter changes nothing.
    pub fn then<F: Field>(mut self, number: usize, field: &F) -> Self {
        if field.rule() == Rule::Parameter {
            return self;
        }
        let parameters = self.parameters.field(number);
        if let Some(trial) = &self.parameters.trial {
            let width = self.x.shape().2;
            let gives = field.rule().ends().map_or(width, |(_, gives)| gives.len());
            let y = trial.step(number, gives, self.x, |x| field.expr(parameters, x));
            return Self::new(self.parameters, y);
        }
        let fusing = self.parameters.fusing.as_ref();
        let fusing = fusing.filter(|_| TypeId::of::<(E, D)>() == TypeId::of::<(f32, Cpu)>());
        if let Some(fusing) = fusing {
            let operations = &fusing.operations;
            if !self.pending.is_empty() && operations.follows(number, self.pending.end) {
                self.pending.end = number + 1;
                return self;
            }
            let (all, data) = (self.parameters, self.is_data && self.pending.is_empty());
            self = Self {
                is_data: data,
                ..Self::new(all, self.output())
            };
            if operations.begins(number, self.x.shape().2) {
                self.pending = number..number + 1;
                return self;
            }
        }
        let watch = self.parameters.watch.as_ref();
        let watch = watch.filter(|_| field.nature() == Nature::Affine);
        let inputs = watch.map(|_| narrowed(&self.x.as_vec()));
        let shared = self.is_data || self.x.shape().0 != self.parameters.particles;
        let features = shared.then(|| self.x.retaped::<NoneTape>());
        let of_features =
            features.and_then(|x| field.of_features(self.parameters.field(number), &x));
        let all = self.parameters;
        let mut y = of_features
            .unwrap_or_else(|| field.expr(parameters, for_particles(self.x, all.particles)));
        if let (Some(watch), Some(inputs)) = (watch, inputs) {
            y = watch.pass(number, inputs, y);
        }
        Self::new(all, y)
    }

    /// The outputs, of shape (particles, rows, features).
    pub fn output(self) -> Act<E, D, T> {
        let made = self.parameters.fusing.as_ref().and_then(|fusing| {
            let pending = !self.pending.is_empty();
            let operation = pending.then(|| fusing.operations.operation(&self.pending))?;
            Some((fusing, operation?))
        });
        match made {
            Some((fusing, operation)) => apply(&operation, fusing, self),
            // Layers wait only where `Fuses` has found that they have a fused form.
            None => for_particles(self.x, self.parameters.particles),
        }
    }
}

/// The numbers behind a tensor's storage, where it is known that they are `f32` on the CPU.
fn numbers<V: 'static>(storage: &mut V) -> &mut Vec<f32> {
    let storage: &mut dyn Any = storage;
    storage
        .downcast_mut::<<Cpu as Storage<f32>>::Vec>()
        .expect("fused operations are taken for f32 on the CPU alone")
}

/// A vector of E, known to be f32.
fn same<A: 'static, B: 'static>(values: Vec<A>) -> Vec<B> {
    let values: Box<dyn Any> = Box::new(values);
    *values
        .downcast()
        .expect("fused operations are taken for f32 alone")
}

fn apply<E: Float, D: Device<E>, T: Tape<E, D>>(
    operation: &Arc<dyn Operation>,
    fusing: &Fusing,
    network: Network<'_, E, D, T>,
) -> Act<E, D, T> {
    let Network {
        parameters,
        x,
        is_data,
        pending,
    } = network;
    let shape = *x.shape();
    let (particles, rows, _) = shape;
    let place = fusing.rows.as_ref().filter(|_| is_data);
    let is_data = place.is_some();
    // A view becomes a tensor whose numbers lie in order.
    let x = if is_data { x } else { x.reshape_like(&shape) };
    let (x, mut tape) = x.split_tape();
    let device = x.device().clone();
    let mut blocks = Vec::new();
    for field in pending {
        if parameters.parameters[field] {
            continue;
        }
        for block in &parameters.blocks[parameters.fields[field].clone()] {
            let (block, other) = block.clone().split_tape();
            tape = tape.merge(other);
            blocks.push(block);
        }
    }
    let mut thetas = vec![Vec::with_capacity(operation.dim()); particles];
    for block in &blocks {
        let values: Vec<f32> = same(block.as_vec());
        let each = values.len() / particles;
        for (theta, values) in thetas.iter_mut().zip(values.chunks(each)) {
            theta.extend_from_slice(values);
        }
    }
    let values: Vec<f32> = if is_data {
        Vec::new()
    } else {
        same(x.as_vec())
    };
    let each = values.len() / particles;
    let mut outputs: Vec<f32> = Vec::new();
    let mut passes: Vec<Box<dyn Pass>> = Vec::new();
    for (p, theta) in thetas.iter().enumerate() {
        let input = match place {
            Some(rows) => Input::Data(rows.clone()),
            None => Input::Values(&values[p * each..(p + 1) * each]),
        };
        let (rows, pass) = operation.forward(theta, input, T::OWNS_TAPE);
        outputs.extend(rows);
        passes.push(pass);
    }
    let width = outputs.len() / (particles * rows);
    let out = from_vec(&device, &same::<f32, E>(outputs), (particles, rows, width));
    if !T::OWNS_TAPE {
        return out.put_tape(tape);
    }
    let dim = operation.dim();
    let (out_ghost, x_ghost) = (out.ghost(), (!is_data).then(|| x.ghost()));
    let block_ghosts: Vec<_> = blocks.iter().map(|b| (b.ghost(), b.shape().1)).collect();
    tape.add_backward_op(move |gradients| {
        let dy = numbers(gradients.get_or_alloc_mut(&out_ghost)?).clone();
        let mut dx = vec![0.0; each * particles];
        let mut found = vec![vec![0.0; dim]; particles];
        let each_dy = dy.len() / particles;
        for (p, pass) in passes.into_iter().enumerate() {
            let dx = x_ghost.is_some().then(|| &mut dx[p * each..(p + 1) * each]);
            let dy = &dy[p * each_dy..(p + 1) * each_dy];
            pass.backward(&thetas[p], dy, &mut found[p], dx);
        }
        let mut first = 0;
        for (ghost, len) in &block_ghosts {
            let into = numbers(gradients.get_or_alloc_mut(ghost)?);
            for (into, found) in into.chunks_mut(*len).zip(&found) {
                for (g, f) in into.iter_mut().zip(&found[first..]) {
                    *g += f;
                }
            }
            first += len;
        }
        if let Some(ghost) = &x_ghost {
            let into = numbers(gradients.get_or_alloc_mut(ghost)?);
            for (g, d) in into.iter_mut().zip(&dx) {
                *g += d;
            }
        }
        Ok(())
    });
    out.put_tape(tape)
}
