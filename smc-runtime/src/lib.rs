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
//! Rooms on floors: a room imports from rooms below it and from none above; a law reads the imports of every file.
//!
//! | floor | room | holds | knows nothing of |
//! |---|---|---|---|
//! | 11 | `testing` (feature) | the conformance kit for layers, models, policies and kernels of one's own | |
//! | 10 | [`run`] | one inference set up step by step; progress; the algorithm that a model names for itself | |
//! | 9 | [`posterior`] | what comes out: typed draws, [predictions](posterior::predict), [summary](posterior::summary), [report](posterior::report) | how it was sampled |
//! | 8 | [`infer`] | [`Inference`](infer::Inference), draws, steps and their [observers](infer::observe); one file or folder for each algorithm | models' types, files |
//! | 7 | [`sampling`] | what particle methods are made of: [weights](sampling::weights), [stages](sampling::stage), [clouds](sampling::cloud), [starts](sampling::start), and policies, one trait each: [`anneal`](sampling::anneal), [`kernel`](sampling::kernel), [`adapt`](sampling::adapt), [`moves`](sampling::moves), [`resample`](sampling::resample) | engines |
//! | 6 | [`engine`] | implementations of the contract: fused kernels, and dfdx on CPU and CUDA | samplers |
//! | 5 | [`family`] | densities that are fitted to posteriors, one file each, and the [Kronecker factors](family::Factors) of a network | engines, samplers |
//! | 4 | [`problem`] | the contracts: a [`Predictor`](problem::Predictor) without data, a [`Problem`](problem::Problem) bound to rows, what only some can do ([`Layered`](problem::Layered), [`RowSampled`](problem::RowSampled)), and [where parameter vectors live](problem::population) | engines, samplers |
//! | 3 | [`model`] | what a user declares and what it offers: [layers and parameters](model::nn), [distributions](model::dist), [priors](model::prior), the [rules](model::check) of the language, the parameters and the network as data ([`layout`](model::layout), [`architecture`](model::architecture)), [tensor expressions](model::tensor) and [fused forms](model::fused) | data files, engines, samplers |
//! | 2 | [`data`] | a table, checked at the door; readers, standardisation and splits | models |
//! | 1 | `numerics` | instruction sets, elementary functions on vectors, products, panels | models, data |
//! | 0 | [`base`] | [errors](base::error), [random streams](base::rng), [threads](base::exec), [diagnostics](base::diagnostics) and [scores](base::scores) of plain numbers | everything |
//!
//! [`prelude`] is what a user imports, [`layers`] what a person who writes a layer does.
//!
//! # Contracts
//!
//! A model is typed; with its sizes it is a [`Predictor`](problem::Predictor), bound to data a
//! [`Problem`](problem::Problem), and no sampler is generic over a model. A posterior keeps the predictor and no rows.
//! Log-prior and log-likelihood stay apart. Parameters and gradients are `f32`; log-densities, weights and evidence are
//! `f64`. A log-density that is not finite counts as −∞, is counted in the report, and never aborts a run. Same seed,
//! same bits, for any number of threads.
#[doc(hidden)]
pub mod __private;
pub mod base;
pub mod data;
pub mod engine;
pub mod family;
pub mod infer;
pub mod layers;
pub mod model;
mod numerics;
pub mod posterior;
pub mod prelude;
pub mod problem;
pub mod run;
pub mod sampling;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use base::error::{Error, Result};
pub use data::Dataset;
pub use smc_macros::bayes_model;
