//! Posteriors of neural networks: declare a network, its priors and its likelihood as one struct, and sample.
//!
//! ```
//! use smc_runtime::prelude::*;
//!
//! /// A line through points.
//! #[bayes_model]
//! #[likelihood(Normal(mean = output, sd = noise))]
//! #[infer(smc(particles = 64))]
//! pub struct Line {
//!     #[prior(Normal(0.0, 1.0))]
//!     output: Linear<1, 1>,
//!     #[prior(HalfNormal(1.0))]
//!     noise: Scale,
//! }
//!
//! # fn main() -> Result<()> {
//! let data = Dataset::new(1, vec![-1.0, 0.0, 1.0], vec![-0.9, 0.1, 1.1])?;
//! let posterior = Line::infer(&data).seed(1).run()?;
//! println!("{}", posterior.predict(&data)?.summary());
//! println!("log-evidence {:?}, first slope {}", posterior.log_evidence(), posterior.draw(0).output.weight[0][0]);
//! # Ok(())
//! # }
//! ```
//!
//! # The map
//!
//! In the order in which data flow:
//!
//! | room | holds |
//! |---|---|
//! | [`data`] | a table, checked at the door; readers, standardisation and splits |
//! | [`nn`], [`layers`] | layers and parameters; what you import to write one |
//! | [`dist`], [`algebra`], [`transform`] | priors and likelihoods, written once, and where parameters live |
//! | [`model`] | what `#[bayes_model]` implements; [`prior`] walks its priors |
//! | [`layout`], [`architecture`] | the parameters and the network as data |
//! | [`problem`], [`engine`] | a model bound to data, type erased, and how it is computed |
//! | [`population`], [`weights`], [`stage`], [`cloud`] | particles, their weights, the intermediate targets |
//! | [`start`] | warm starts, in place of the prior |
//! | [`anneal`], [`resample`], [`kernel`], [`adapt`], [`moves`] | policies: one trait each, one file for each policy |
//! | [`infer`] | the algorithms |
//! | [`run`], [`posterior`], [`summary`], [`predict`], [`scores`], [`diagnostics`], [`report`] | one inference and what comes of it |
//! | [`observe`] | progress |
//! | [`rng`], [`exec`], [`error`] | streams, threads, errors |
//!
//! # Contracts
//!
//! A model is typed; bound to data it is a [`Problem`](problem::Problem), and no sampler is generic over a model.
//! Log-prior and log-likelihood stay apart. Parameters and gradients are `f32`; log-densities, weights and evidence are
//! `f64`. A log-density that is not finite counts as −∞, is counted in the report, and never aborts a run. Same seed,
//! same bits, for any number of threads.
#[doc(hidden)]
pub mod __private;
pub mod base;
pub mod data;
pub mod engine;
pub mod infer;
pub mod layers;
pub mod model;
mod numerics;
pub mod posterior;
pub mod prelude;
pub mod problem;
pub mod run;
pub mod sampling;
pub mod testing;

pub use base::error::{Error, Result};
pub use data::Dataset;
pub use smc_macros::bayes_model;
