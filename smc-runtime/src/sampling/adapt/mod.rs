//! Adaptation: how the step size of a kernel comes about, and where its scales come from. Two axes, any policy of one with
//! any of the other; one policy per file.
//!
//! Settings that depend on the cloud bias an evidence by O(1/J); with [`Adaptation::frozen`] ones and a fixed schedule
//! E\[Ẑ\] = Z exactly.
//!
//! ```
//! use smc_runtime::prelude::*;
//!
//! #[bayes_model]
//! #[likelihood(Normal(mean = output, sd = 0.1))]
//! #[infer(smc(step_size = Follow::to(0.65), metric = Metric::Scores))]
//! struct Line {
//!     output: Linear<1, 1>,
//! }
//!
//! let unbiased = smc().annealing(Tempering::stages(20)).frozen(0.1);
//! ```

mod adaptation;
mod dual_averaging;
mod eigen;
mod esjd;
mod follow;
mod frozen;
mod largest_step;
mod metric;
mod scales;
mod step_size;

pub use adaptation::Adaptation;
pub use dual_averaging::DualAveraging;
pub use esjd::Esjd;
pub use follow::Follow;
pub use frozen::Frozen;
pub use largest_step::LargestStep;
pub use metric::Metric;
pub use scales::Scales;
pub use step_size::StepSize;
