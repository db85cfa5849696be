//! The contract of what finds the scales.

use std::fmt::Debug;
use std::sync::Arc;

use crate::base::error::Result;
use crate::problem::Problem;
use crate::sampling::cloud::{Cloud, Target};
use crate::sampling::kernel::{Kernel, Tuning};
use crate::sampling::weights::Weights;

/// Finds the scale of every coordinate: the unit of a kernel's step, and the root of its inverse metric.
///
/// Contract. It is a value: what it learns goes into the [`Tuning`], which belongs to the run and is saved with it: scales
/// into `tuning.scale`, one per coordinate, positive and finite whatever the cloud looks like, and what it remembers from stage to
/// stage into `tuning.scale_memory`. The rest of the settings is not its business. Nothing of the cloud changes, but for the
/// gradient that [`Cloud::gradient`] keeps.
///
/// ```
/// use smc_runtime::prelude::*;
/// use smc_runtime::sampling::adapt::Scales;
/// use smc_runtime::sampling::cloud::{Cloud, Target};
/// use smc_runtime::sampling::kernel::Tuning;
/// use smc_runtime::sampling::weights::Weights;
///
/// /// One scale for all coordinates, from the mean of the variances of all stages so far.
/// #[derive(Debug)]
/// struct OneForAll;
///
/// impl Scales for OneForAll {
///     fn learn(&self, tuning: &mut Tuning, _: &Target<'_>, cloud: &mut Cloud, weights: &Weights) {
///         let variances = cloud.positions().variances(&weights.normalised());
///         let found = variances.iter().sum::<f64>() / variances.len() as f64;
///         let (mean, stages) = tuning.scale_memory.of::<(f64, u32)>();
///         *stages += 1;
///         *mean += (found - *mean) / f64::from(*stages);
///         let scale = mean.sqrt().max(1e-6) as f32;
///         tuning.scale.fill(scale);
///     }
/// }
///
/// let algorithm = smc().metric(OneForAll);
/// ```
pub trait Scales: Debug + Send + Sync {
    /// Learns from the weighted cloud at a new stage, before it is resampled.
    fn learn(&self, tuning: &mut Tuning, target: &Target<'_>, cloud: &mut Cloud, weights: &Weights);

    /// How a kernel moves with these scales, where they are those of other coordinates than the parameters.
    fn around(&self, kernel: Arc<dyn Kernel>) -> Arc<dyn Kernel> {
        kernel
    }

    /// Whether they are those of other coordinates than the parameters.
    fn turns(&self) -> bool {
        false
    }

    /// Whether there are such scales for a problem.
    ///
    /// # Errors
    /// Says what it lacks.
    fn fits(&self, problem: &dyn Problem) -> Result<()> {
        let _ = problem;
        Ok(())
    }
}

const _: fn(&dyn Scales) = |_| ();
