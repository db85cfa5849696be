//! Each thread's working memory, kept from call to call.

use std::cell::RefCell;

use super::chain::Buffers;

/// Buffers of one thread.
#[derive(Default)]
pub(super) struct Scratch {
    pub(super) chain: Buffers,
    /// Row log-likelihoods of a tile.
    pub(super) out: Vec<f32>,
    /// Constrained parameters that the likelihood names.
    pub(super) scalars: Vec<f32>,
    /// Derivatives with respect to them, one line for each particle of a group.
    pub(super) scalar_gradient: Vec<f64>,
    /// The gradients and the sums of a group over one chunk of rows.
    pub(super) gradient: Vec<f32>,
    pub(super) sums: Vec<f64>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Runs `f` with this thread's buffers. They are not re-entered: `f` starts no parallel work.
pub(super) fn with<R>(f: impl FnOnce(&mut Scratch) -> R) -> R {
    SCRATCH.with_borrow_mut(f)
}
