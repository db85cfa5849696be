//! Conformance checks that a third party runs on its own model, kernel, adaptation, annealing policy or
//! resampling scheme: behind the feature `testing`, for dev-dependencies.
//!
//! Each check returns what is wrong, in words, and is deterministic: statistical ones have fixed seeds and tolerances of
//! a few standard errors. [`Regression`] is the problem with a known answer on which they run.
//!
//! ```
//! use smc_runtime::prelude::*;
//! use smc_runtime::sampling::adapt::Adaptation;
//! use smc_runtime::testing;
//!
//! testing::check_resampler(&Systematic).unwrap();
//! testing::check_scales(&Metric::Diagonal).unwrap();
//! let adaptation = Adaptation::new(Follow::aim(), Metric::Diagonal);
//! testing::check_adaptation(&adaptation, &Hmc::leapfrogs(4)).unwrap();
//! testing::check_kernel(&Hmc::leapfrogs(4), &adaptation).unwrap();
//! ```

mod adaptation;
mod annealing;
mod cholesky;
mod kernel;
#[cfg(feature = "autodiff")]
mod model;
mod perfect;
#[cfg(feature = "autodiff")]
mod reference;
mod regression;
mod resampler;
mod statistics;
#[cfg(test)]
mod tests;

pub use adaptation::{check_adaptation, check_scales};
pub use annealing::check_annealing;
pub use kernel::check_kernel;
#[cfg(feature = "autodiff")]
pub use model::check_model;
pub use perfect::Perfect;
#[cfg(feature = "autodiff")]
pub use reference::{Errors, Reference, RowReference, check_fused};
pub use regression::{Exact, Regression};
pub use resampler::check_resampler;
pub use statistics::{mean_se, near};
