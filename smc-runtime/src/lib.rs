//! Posteriors of neural networks.
#[doc(hidden)]
pub mod __private;
pub mod algebra;
pub mod architecture;
pub mod data;
pub mod dist;
pub mod engine;
pub mod error;
pub mod exec;
pub mod infer;
pub mod layers;
pub mod layout;
pub mod model;
pub mod nn;
pub mod population;
pub mod posterior;
pub mod prelude;
pub mod prior;
pub mod problem;
pub mod rng;
pub mod run;
pub mod transform;

pub use data::Dataset;
pub use error::{Error, Result};
pub use smc_macros::bayes_model;
