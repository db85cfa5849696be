//! What the noise of mini-batches adds to the temperature.

use crate::problem::population::Population;
use crate::sampling::cloud::Target;
use crate::sampling::information::information;

/// The mean over the coordinates of s²·I, s the scales and I the empirical Fisher information of the rows that the target stands
/// for: the variance of the gradient of one row, scaled up to all N of them, is N·I.
pub(super) fn roughness(target: &Target<'_>, positions: &Population, scale: &[f32]) -> f64 {
    let walkers = positions.len().max(1);
    let equal = vec![1.0 / walkers as f64; positions.len()];
    let segments = target.stage.segments();
    let information = information(target.problem, &segments, positions, &equal);
    let each = information.iter().zip(scale);
    let sum: f64 = each.map(|(i, s)| i * f64::from(*s).powi(2)).sum();
    sum / scale.len().max(1) as f64
}
