//! Looking on as an expression goes through its affine layers, for one particle.

use std::cell::RefCell;

use super::act::{Act, Device, Float, from_vec};
use super::tape::Tape;
use dfdx::prelude::{Gradients, HasShape};

/// Sees a layer, by its field's number, with its inputs and its pre-activations, which it may change; row after row.
type See = Box<dyn FnMut(usize, &[f32], &mut [f32])>;

/// A layer that was seen going forward.
struct Seen<E: Float, D: Device<E>> {
    field: usize,
    inputs: Vec<f32>,
    /// What was added to the pre-activations: the derivative by it is that by them.
    added: Act<E, D, dfdx::prelude::NoneTape>,
}

/// Shows each affine layer of one particle to whoever watches, and remembers it for the way back.
pub(crate) struct Watch<E: Float, D: Device<E>> {
    see: RefCell<See>,
    seen: RefCell<Vec<Seen<E, D>>>,
}

impl<E: Float, D: Device<E>> Watch<E, D> {
    pub(crate) fn new(see: See) -> Self {
        Self {
            see: RefCell::new(see),
            seen: RefCell::default(),
        }
    }

    /// The pre-activations z of field number `field` as they are left.
    pub(crate) fn pass<T: Tape<E, D>>(
        &self,
        field: usize,
        inputs: Vec<f32>,
        z: Act<E, D, T>,
    ) -> Act<E, D, T> {
        let before = narrowed(&z.as_vec());
        let mut after = before.clone();
        self.see.borrow_mut()(field, &inputs, &mut after);
        let changes = after.iter().zip(&before);
        let changes: Vec<E> = changes
            .map(|(after, before)| E::narrow(f64::from(after - before)))
            .collect();
        let added = from_vec(z.device(), &changes, *z.shape());
        let out = z + added.clone().retaped::<T>();
        self.seen.borrow_mut().push(Seen {
            field,
            inputs,
            added,
        });
        out
    }

    /// `see(field, inputs, dz)` for every layer from the last to the first.
    pub(crate) fn back(
        &self,
        gradients: &Gradients<E, D>,
        mut see: impl FnMut(usize, &[f32], Vec<f32>),
    ) {
        for seen in self.seen.borrow_mut().drain(..).rev() {
            let dz = narrowed(&gradients.get(&seen.added).as_vec());
            see(seen.field, &seen.inputs, dz);
        }
    }
}

/// In `f32`.
pub(crate) fn narrowed<E: Float>(values: &[E]) -> Vec<f32> {
    values.iter().map(|x| x.widen() as f32).collect()
}
