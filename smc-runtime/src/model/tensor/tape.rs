//! A gradient tape that can be cloned, so that an expression may use a tensor twice without ceremony.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use dfdx::tensor::{Gradients, HasErr, Merge, NoneTape, Storage};

/// What the tape of a model expression must offer; [`SharedTape`] and dfdx's `NoneTape` do.
pub trait Tape<E, D: Storage<E>>:
    dfdx::tensor::Tape<E, D> + Clone + std::fmt::Debug + 'static
{
}

impl<E, D: Storage<E>, T: dfdx::tensor::Tape<E, D> + Clone + std::fmt::Debug + 'static> Tape<E, D>
    for T
{
}

type Op<E, D> = Box<dyn FnOnce(&mut Gradients<E, D>) -> Result<(), <D as HasErr>::Err>>;

/// Recorded operations, each with the moment at which it ran.
struct Record<E, D: Storage<E>> {
    ops: RefCell<Vec<(u64, Op<E, D>)>>,
    /// The record that took over these operations.
    joined: RefCell<Option<Rc<Self>>>,
}

impl<E, D: Storage<E>> Default for Record<E, D> {
    fn default() -> Self {
        Self {
            ops: RefCell::default(),
            joined: RefCell::default(),
        }
    }
}

thread_local! {
    static NOW: Cell<u64> = const { Cell::new(0) };
}

/// All tensors of one expression that depend on parameters share one tape; a constant has an empty one.
///
/// dfdx's own operations may start a second tape from a tensor that is already on one (`log_softmax` does), so tapes
/// join where their tensors meet. Operations are put back into the order in which they ran, which is an order of
/// evaluation.
pub struct SharedTape<E, D: Storage<E>>(Option<Rc<Record<E, D>>>);

impl<E, D: Storage<E>> SharedTape<E, D> {
    /// A new, empty tape for the parameters of an expression.
    pub(crate) fn recording() -> Self {
        Self(Some(Rc::default()))
    }

    fn root(&self) -> Option<Rc<Record<E, D>>> {
        let mut record = self.0.clone()?;
        loop {
            let next = record.joined.borrow().clone();
            match next {
                Some(next) => record = next,
                None => return Some(record),
            }
        }
    }

    /// Runs the recorded operations backwards on `gradients`, which hold that of the result.
    pub(crate) fn backward(self, gradients: &mut Gradients<E, D>) -> Result<(), D::Err> {
        let Some(record) = self.root() else {
            return Ok(());
        };
        let mut ops = std::mem::take(&mut *record.ops.borrow_mut());
        ops.sort_by_key(|(moment, _)| *moment);
        ops.into_iter().rev().try_for_each(|(_, op)| op(gradients))
    }
}

impl<E, D: Storage<E>> std::fmt::Debug for SharedTape<E, D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let recorded = self.root().map(|record| record.ops.borrow().len());
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
        let (Some(mine), Some(theirs)) = (self.root(), other.root()) else {
            return Self(self.0.or(other.0));
        };
        if !Rc::ptr_eq(&mine, &theirs) {
            mine.ops.borrow_mut().append(&mut theirs.ops.borrow_mut());
            *theirs.joined.borrow_mut() = Some(mine.clone());
        }
        Self(Some(mine))
    }
}

impl<E: 'static, D: Storage<E>> dfdx::tensor::Tape<E, D> for SharedTape<E, D> {
    const OWNS_TAPE: bool = true;

    fn add_backward_op<F>(&mut self, operation: F)
    where
        F: 'static + FnOnce(&mut Gradients<E, D>) -> Result<(), D::Err>,
    {
        let moment = NOW.replace(NOW.get() + 1);
        let record = self.root().unwrap_or_default();
        record.ops.borrow_mut().push((moment, Box::new(operation)));
        self.0 = Some(record);
    }
}
