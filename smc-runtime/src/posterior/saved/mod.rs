//! A posterior in a file: [`Posterior::save`](super::Posterior::save), [`Load::load`], and [`inspect`] for whoever does not know the model.
//!
//! The file is a `safetensors` one, which many tools read: its header says in JSON what the model, the algorithm and the settings were; its blocks are the draws or
//! the arrays of a density, their weights, numbers that stand for the training rows, and the account of the run.

mod content;
mod described;
mod display;
mod read;
mod write;

pub use content::{Content, Parts};
pub use described::Described;
pub use read::{Load, inspect};
pub use write::{Saving, Written};
