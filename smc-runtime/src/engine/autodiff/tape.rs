//! A gradient tape that can be cloned, so that an expression may use a tensor twice without ceremony.

use std::cell::RefCell;
use std::rc::Rc;

use dfdx::tensor::{Gradients, HasErr, Merge, NoneTape, Storage};

/// What the tape of a model expression must offer; [`SharedTape`] and dfdx's `NoneTape` do.
pub trait Tape<E, D: Storage<E>>: dfdx::tensor::Tape<E, D> + Clone + std::fmt::Debug + 'static {}

impl<E, D: Storage<E>, T: dfdx::tensor::Tape<E, D> + Clone + std::fmt::Debug + 'static> Tape<E, D> for T {}

type Op<E, D> = Box<dyn FnOnce(&mut Gradients<E, D>) -> Result<(), <D as HasErr>::Err>>;

/// All tensors of one expression that depend on parameters share one tape; a constant has none and records nothing.
///
/// Operations are recorded as they run, so their order is an order of evaluation.
pub struct SharedTape<E, D: Storage<E>>(Option<Rc<RefCell<Vec<Op<E, D>>>>>);

impl<E, D: Storage<E>> SharedTape<E, D> {
    /// A new, empty tape for the parameters of an expression.
    pub(crate) fn recording() -> Self {
        Self(Some(Rc::default()))
    }

    /// Runs the recorded operations backwards on `gradients`, which hold that of the result.
    pub(crate) fn backward(self, gradients: &mut Gradients<E, D>) -> Result<(), D::Err> {
        let Some(ops) = self.0 else { return Ok(()) };
        let ops = std::mem::take(&mut *ops.borrow_mut());
        ops.into_iter().rev().try_for_each(|op| op(gradients))
    }
}

impl<E, D: Storage<E>> std::fmt::Debug for SharedTape<E, D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let recorded = self.0.as_ref().map(|ops| ops.borrow().len());
        f.debug_tuple("SharedTape").field(&recorded).finish()
    }
}

impl<E, D: Storage<E>> Clone for SharedTape<E, D> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<E, D: Storage<E>> Default for SharedTape<E, D> {
    fn default() -> Self {
        Self(None)
    }
}

impl<E, D: Storage<E>> Merge<NoneTape> for SharedTape<E, D> {
    fn merge(self, _: NoneTape) -> Self {
        self
    }
}

impl<E, D: Storage<E>> Merge<Self> for SharedTape<E, D> {
    fn merge(self, other: Self) -> Self {
        debug_assert!(
            !matches!((&self.0, &other.0), (Some(a), Some(b)) if !Rc::ptr_eq(a, b)),
            "an expression has one tape"
        );
        Self(self.0.or(other.0))
    }
}

impl<E: 'static, D: Storage<E>> dfdx::tensor::Tape<E, D> for SharedTape<E, D> {
    const OWNS_TAPE: bool = true;

    fn add_backward_op<F>(&mut self, operation: F)
    where
        F: 'static + FnOnce(&mut Gradients<E, D>) -> Result<(), D::Err>,
    {
        if let Some(ops) = &self.0 {
            ops.borrow_mut().push(Box::new(operation));
        }
    }
}
