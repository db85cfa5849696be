//! Trying a network's fields one after the other, and what is found wrong with the first that is.

use std::cell::RefCell;

use dfdx::prelude::HasShape;

use super::act::{Act, Device, Float, from_vec};
use super::tape::Tape;
use crate::base::caught::caught;

/// What a field did in place of what it declares.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fault {
    /// It panicked, with these words.
    Panic(String),
    /// It gave a tensor of another shape: (particles, rows, features).
    Gave([usize; 3]),
}

/// The first field that is wrong, if one is. Behind it nothing is tried.
#[derive(Debug, Default)]
pub(crate) struct Trial(RefCell<Option<(usize, Fault)>>);

impl Trial {
    /// What `step` makes of `x`, which field number `field` declares to have `gives` features; zeros in its place once a field
    /// was wrong.
    pub(crate) fn step<E: Float, D: Device<E>, T: Tape<E, D>>(
        &self,
        field: usize,
        gives: usize,
        x: Act<E, D, T>,
        step: impl FnOnce(Act<E, D, T>) -> Act<E, D, T>,
    ) -> Act<E, D, T> {
        let &(particles, rows, _) = x.shape();
        let (device, shape) = (x.device().clone(), (particles, rows, gives));
        if self.0.borrow().is_none() {
            let fault = match caught(|| step(x)) {
                Ok(y) if *y.shape() == shape => return y,
                Ok(y) => {
                    let &(p, r, f) = y.shape();
                    Fault::Gave([p, r, f])
                }
                Err(said) => Fault::Panic(said),
            };
            *self.0.borrow_mut() = Some((field, fault));
        }
        let zeros = vec![E::narrow(0.0); particles * rows * gives];
        from_vec(&device, &zeros, shape).retaped::<T>()
    }

    /// What was found.
    pub(crate) fn fault(&self) -> Option<(usize, Fault)> {
        self.0.borrow().clone()
    }
}
