//! What an inference is set up with.

use crate::data::{Dataset, Standardise};
use crate::engine::Engine;
use crate::infer::Inference;
use crate::infer::observe::Observer;

/// Everything that decides a run, and what watches it.
pub(super) struct Setup<'a, M> {
    pub(super) model: M,
    pub(super) data: &'a Dataset,
    pub(super) algorithm: Box<dyn Inference>,
    pub(super) engine: Engine,
    pub(super) seed: u64,
    pub(super) threads: Option<usize>,
    pub(super) observers: Vec<Box<dyn Observer>>,
    pub(super) order: Option<Vec<usize>>,
    pub(super) scale: Option<Standardise>,
}
