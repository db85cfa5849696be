//! What every room stands on: errors, random streams, threads, and statistics of plain numbers.

pub(crate) mod bits;
pub mod diagnostics;
pub mod error;
pub mod exec;
pub mod rng;
pub mod saved;
pub mod scores;
pub mod sums;
