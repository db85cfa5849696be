//! Features and targets, checked when they are made: no NaN, no ragged rows, no empty table.
//!
//! Readers have one file for each format; what they cannot read ends in an error that names the file and the place.

mod align;
#[cfg(feature = "ndarray")]
mod arrays;
mod check;
mod class;
mod dataset;
mod features;
mod finite;
mod idx;
mod levels;
mod moments;
mod origin;
mod records;
mod seen;
mod shift;
mod source;
mod split;
mod standardise;
mod table;
mod target_scale;
mod view;
mod weights;
mod words;

pub use check::{Constant, Extreme, Findings, Merged};
pub use dataset::Dataset;
pub use features::Features;
pub use idx::{read_idx, read_idx_bytes};
pub use records::Separator;
pub(crate) use seen::Seen;
pub use shift::Shift;
pub use source::read_text;
pub use standardise::Standardise;
pub use table::{Column, Schema, Table};
pub use target_scale::TargetScale;
pub(crate) use view::DataView;
