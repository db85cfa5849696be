//! Modes and ensembles of them: what `map` and `ensemble` share is Adam on mini-batches, with early stopping.

mod adam;
mod begin;
mod ensemble;
mod fold;
mod map;
mod schedule;
mod training;
mod update;

pub(super) use begin::{begin, held};
pub use ensemble::{Ensemble, ensemble};
pub use map::{Map, map};
pub(super) use update::{adam_step, cosine, usual_batch, usual_rate};
