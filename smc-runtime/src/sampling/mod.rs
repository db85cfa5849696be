//! What particle methods are made of: weights, intermediate targets, particles with what is known of them, and the policies,
//! one trait each. It knows nothing of engines.

pub mod adapt;
pub mod anneal;
pub mod cloud;
mod information;
pub mod kernel;
pub(crate) mod known;
pub mod moves;
pub(crate) mod reference;
pub mod resample;
pub mod stage;
pub mod start;
pub mod stochastic;
pub mod weights;
