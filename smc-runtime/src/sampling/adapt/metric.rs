//! Scales from the cloud, the prior or the data: a diagonal metric.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::eigen;
use super::scales::Scales;
use crate::base::error::Result;
use crate::model::layout::Layout;
use crate::problem::Problem;
use crate::problem::density::Density;
use crate::problem::population::Population;
use crate::sampling::cloud::{Cloud, Target};
use crate::sampling::information::information;
use crate::sampling::kernel::{InBasis, Kernel, Tuning};
use crate::sampling::reference::{block_means, governing};
use crate::sampling::weights::Weights;

/// Where the scales s of a kernel come from; the metric is diag(1/s²). All are computed from the weighted cloud, whose
/// effective size n decides how far they are trusted: a cloud that has collapsed onto one particle teaches little.
///
/// ```
/// use smc_runtime::prelude::*;
/// let algorithm = smc().metric(Metric::Diagonal);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Metric {
    /// All scales are 1.
    Unit,
    /// Every block (a layer's weights, say) has one scale, the root mean square deviation of its prior.
    Prior,
    /// Every block has one scale, from the variances of the cloud.
    Blocks,
    /// Every coordinate has its own scale, from its variance in the cloud shrunk towards that of its block.
    #[default]
    Diagonal,
    /// Every coordinate has its own scale 1/√E\[(∂ log π)²\], from the gradients at the particles: the expected square of
    /// a posterior's gradient is its precision, given all other coordinates, where it is Gaussian. It tells more than
    /// positions do where particles are few and coordinates many, and it costs nothing: the next move needs these
    /// gradients. No scale is above that of the prior. The default of `smc`: where particles lag behind a posterior that grows
    /// narrow, their gradients say so and their variances do not.
    Scores,
    /// Every coordinate has its own scale, one over the root of the precision β/v + (1 − β)/s² + I: v is the prior's variance
    /// in the block, s² that of a warm start while β < 1, and I the stage's empirical Fisher information at the particles; the
    /// precision of a scale in the prior of others counts what those tell of it beside 1/v.
    /// For networks of tens of thousands of parameters: unlike squared gradients it is right as soon as the run begins,
    /// and wherever the particles are. It costs one gradient of the stage's rows at every stage.
    Information,
    /// The same, but for affine layers, whose coordinates are those of the eigenbases of their Kronecker factors A = E\[x xᵀ\] and H = E\[g gᵀ\] at the particles, in units of
    /// the prior: 1/√(1 + N·h·a) (J. Martens, R. Grosse, *Optimizing neural networks with Kronecker-factored approximate curvature*, ICML 2015). Kernels then move
    /// [in that basis](crate::sampling::kernel::InBasis). For networks whose features go together, such as pixels; the bases cost the cube of a layer's inputs at every stage, and two products with
    /// them at every gradient. Layers of more than 1024 inputs or outputs keep their coordinates on that side's layer.
    Kronecker,
}

/// Pseudo-counts of what was believed before.
const PSEUDO: f64 = 10.0;

/// What [`Metric::Scores`] remembers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Precisions {
    /// That of each coordinate at the last stage; none before the first.
    last: Vec<f64>,
}

impl Scales for Metric {
    fn learn(
        &self,
        tuning: &mut Tuning,
        target: &Target<'_>,
        cloud: &mut Cloud,
        weights: &Weights,
    ) {
        let layout = target.problem.layout();
        let n = weights.ess() * cloud.len() as f64;
        match *self {
            Self::Unit => tuning.scale.fill(1.0),
            Self::Prior => prior(tuning, layout),
            Self::Blocks | Self::Diagonal => {
                let variances = cloud.positions().variances(&weights.normalised());
                let means = block_means(&variances, layout);
                let own = if *self == Self::Diagonal { n } else { 0.0 };
                spread(tuning, layout, &variances, &means, own, n);
            }
            Self::Scores => {
                let weights = weights.normalised();
                let squares = cloud.gradient(target).mean_squares(&weights);
                scores(tuning, layout, squares, n);
            }
            Self::Information => informed(tuning, target, cloud.positions(), weights),
            Self::Kronecker => {
                informed(tuning, target, cloud.positions(), weights);
                eigen::learn(tuning, target, cloud.positions());
            }
        }
    }

    fn around(&self, kernel: Arc<dyn Kernel>) -> Arc<dyn Kernel> {
        match self {
            Self::Kronecker => InBasis::around(kernel),
            _ => kernel,
        }
    }

    fn turns(&self) -> bool {
        *self == Self::Kronecker
    }

    fn fits(&self, problem: &dyn Problem) -> Result<()> {
        match self {
            Self::Kronecker => eigen::layers(problem).map(|_| ()),
            _ => Ok(()),
        }
    }
}

fn prior(tuning: &mut Tuning, layout: &Layout) {
    for (block, variance) in layout.blocks().iter().zip(tuning.reference()) {
        set(&mut tuning.scale[block.range.clone()], |_| variance);
    }
}

/// A variance is shrunk towards the mean v̄ of its block as (own·v + 10·v̄)/(own + 10), then towards the square of the
/// scale before as (n·v + 10·s²)/(n + 10); its floor is 10⁻⁴ of the block's variance before any data.
fn spread(
    tuning: &mut Tuning,
    layout: &Layout,
    variances: &[f64],
    means: &[f64],
    own: f64,
    n: f64,
) {
    let towards = |n: f64, v: f64, target: f64| (n * v + PSEUDO * target) / (n + PSEUDO);
    let blocks = layout.blocks().iter().zip(means).zip(tuning.reference());
    for ((block, &mean), reference) in blocks {
        let variances = &variances[block.range.clone()];
        let scale = &mut tuning.scale[block.range.clone()];
        for (scale, &variance) in scale.iter_mut().zip(variances) {
            let before = f64::from(*scale).powi(2);
            let variance = towards(n, towards(own, variance, mean), before).max(1e-4 * reference);
            set(std::slice::from_mut(scale), |_| variance);
        }
    }
}

/// Precisions from mean squared gradients. Their level in a block is that of now; a coordinate's share of it is shrunk
/// towards its share before. None is below that of the prior.
fn scores(tuning: &mut Tuning, layout: &Layout, squares: Vec<f64>, n: f64) {
    let means = block_means(&squares, layout);
    let before = std::mem::take(&mut tuning.scale_memory.of::<Precisions>().last);
    let levels = (!before.is_empty()).then(|| block_means(&before, layout));
    let reference = tuning.reference();
    let mut precisions = squares;
    for (b, block) in layout.blocks().iter().enumerate() {
        let range = block.range.clone();
        if let Some(levels) = &levels
            && levels[b] > 0.0
            && means[b].is_finite()
        {
            let ratio = means[b] / levels[b];
            for (now, before) in precisions[range.clone()]
                .iter_mut()
                .zip(&before[range.clone()])
            {
                *now = (n * *now + PSEUDO * before * ratio) / (n + PSEUDO);
            }
        }
        let floor = 1.0 / reference[b];
        set(&mut tuning.scale[range.clone()], |i| {
            1.0 / precisions[range.start + i].max(floor)
        });
    }
    tuning.scale_memory.of::<Precisions>().last = precisions;
}

/// Scales from precisions that are known where the particles are.
fn informed(tuning: &mut Tuning, target: &Target<'_>, positions: &Population, weights: &Weights) {
    let (problem, stage) = (target.problem, target.stage);
    let rows = stage.segments();
    let information = information(problem, &rows, positions, &weights.normalised());
    let governing = governing(problem);
    let bridge = target.start.filter(|_| stage.beta() < 1.0);
    let start = bridge.map(Density::local_variance);
    let blocks = problem.layout().blocks().iter().zip(tuning.reference());
    for (block, reference) in blocks {
        let range = block.range.clone();
        set(&mut tuning.scale[range.clone()], |i| {
            let i = range.start + i;
            let start = start.as_ref().map_or(0.0, |variance| 1.0 / variance[i]);
            let prior = stage.beta() * (1.0 / reference + governing[i]);
            1.0 / (prior + (1.0 - stage.beta()) * start + information[i])
        });
    }
}

/// Scales from variances; one that is not finite changes nothing.
fn set(scale: &mut [f32], variance: impl Fn(usize) -> f64) {
    for (i, scale) in scale.iter_mut().enumerate() {
        let variance = variance(i);
        if variance.is_finite() {
            *scale = variance.sqrt().max(f64::from(f32::MIN_POSITIVE)) as f32;
        }
    }
}
