//! Posteriors of neural networks.
#[doc(hidden)]
pub mod __private;
pub mod algebra;
pub mod anneal;
pub mod architecture;
pub mod cloud;
pub mod data;
pub mod diagnostics;
pub mod dist;
pub mod engine;
pub mod error;
pub mod exec;
pub mod infer;
pub mod kernel;
pub mod layers;
pub mod layout;
pub mod model;
pub mod nn;
pub mod observe;
pub mod population;
pub mod posterior;
pub mod predict;
pub mod prelude;
pub mod prior;
pub mod problem;
pub mod report;
pub mod resample;
pub mod rng;
pub mod run;
pub mod stage;
pub mod testing;
pub mod transform;
pub mod weights;

pub use data::Dataset;
pub use error::{Error, Result};
pub use smc_macros::bayes_model;
