//! Arithmetic on slices: instruction sets, elementary functions on vectors of numbers, products, and rows in panels. It knows
//! nothing of models or data.

// Loops over lanes by index are what the compiler turns into vector instructions, and functions that a kernel calls must
// be compiled with it.
#![allow(clippy::needless_range_loop, clippy::inline_always)]

pub(crate) mod dense;
pub(crate) mod isa;
pub(crate) mod lane;
pub(crate) mod math;
pub(crate) mod panel;
pub(crate) mod product;
pub(crate) mod simd;
pub(crate) mod wide;

pub use isa::Instructions;
pub use panel::PANEL;
