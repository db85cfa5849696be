//! What every room stands on: errors, random streams, threads, and statistics of plain numbers.

pub mod archive;
#[cfg(feature = "autodiff")]
pub(crate) mod caught;
pub mod diagnostics;
pub mod error;
pub mod exec;
pub(crate) mod fingerprint;
pub(crate) mod interrupt;
pub mod nodes;
pub mod psis;
pub mod ranks;
pub mod rng;
pub mod saved;
pub mod scores;
pub mod sums;
pub(crate) mod zarr;
