//! Normal densities around a mode by the curvature there.

use std::sync::Arc;

use super::strength::learned as learned_strength;
use super::{DiagonalNormal, FullNormal, check};
use crate::base::error::{Error, Result};
use crate::numerics::dense::of_symmetric;
use crate::problem::density::Density;
use crate::problem::population::Population;
use crate::problem::rows::RowSet;
use crate::problem::{LayerVisitor, Layered, Problem, Tile, Way, visit};

/// Largest dimension of a full covariance.
const MOST: usize = 5000;

/// The normal density around `mode`, one vector, with the covariance `heat` times the inverse of the negative second derivatives of the
/// log-density there: central differences of its gradient over all rows. Along eigenvectors where that is less than `least`, the
/// least precision, it is that.
///
/// # Errors
/// If there are more than 5000 parameters, or if a gradient is not finite.
pub fn around(
    problem: &dyn Problem,
    mode: &Population,
    least: f64,
    heat: f64,
) -> Result<Arc<dyn Density>> {
    const H: f32 = 0.01;
    const TOGETHER: usize = 32;
    let n = mode.dim();
    if n > MOST {
        let expected = format!("at most {MOST} are possible");
        return Err(Error::config(
            "parameters of a full covariance",
            n,
            expected,
        ));
    }
    let all = RowSet::from(0..problem.rows()).segments(1.0);
    let mut hessian = vec![0.0; n * n];
    for from in (0..n).step_by(TOGETHER) {
        let some = TOGETHER.min(n - from);
        let mut thetas = Population::zeros(2 * some, n);
        for k in 0..2 * some {
            let theta = thetas.on_host().row_mut(k);
            theta.copy_from_slice(mode.row(0));
            theta[from + k / 2] += if k % 2 == 0 { H } else { -H };
        }
        let mut gradient = thetas.zeros_like();
        problem.prior().log_density(&thetas, Some(&mut gradient));
        problem.log_likelihood(&thetas, &all, Some(&mut gradient));
        for i in 0..some {
            // The step that was made, in f32.
            let at = from + i;
            let width = f64::from(thetas.row(2 * i)[at]) - f64::from(thetas.row(2 * i + 1)[at]);
            let slopes = gradient.row(2 * i).iter().zip(gradient.row(2 * i + 1));
            for (j, (up, down)) in slopes.enumerate() {
                let bend = (f64::from(*down) - f64::from(*up)) / width;
                hessian[at * n + j] += 0.5 * bend;
                hessian[j * n + at] += 0.5 * bend;
            }
        }
    }
    let inverse = of_symmetric(&hessian, n, |precision| heat / precision.max(least));
    let covariance = inverse.ok_or_else(|| Error::Diverged {
        what: "the curvature at the mode is not finite".to_owned(),
        advice: "try smaller prior scales or standardised data",
    })?;
    Ok(Arc::new(FullNormal::new(
        mode.row(0).to_vec(),
        &covariance,
    )?))
}

/// Σ over rows of the squares of ∂ℓ/∂W, for every layer: rows × columns of it in one.
struct Squares {
    sums: Vec<Vec<f32>>,
    bias: Vec<bool>,
}

impl LayerVisitor for Squares {
    fn backward(&mut self, at: &Tile, inputs: &[f32], dz: &[f32]) {
        let rows = at.rows.len().max(1);
        let (own, outputs) = (inputs.len() / rows, dz.len() / rows);
        let columns = own + usize::from(self.bias[at.layer]);
        let sums = &mut self.sums[at.layer];
        sums.resize(outputs * columns, 0.0);
        for (x, g) in inputs.chunks(own.max(1)).zip(dz.chunks(outputs)) {
            for (sums, g) in sums.chunks_mut(columns).zip(g) {
                let square = g * g;
                for (sum, x) in sums.iter_mut().zip(x) {
                    *sum += square * x * x;
                }
                if columns > own {
                    sums[own] += square;
                }
            }
        }
    }
}

/// The normal density with independent coordinates around `mode`, one vector, whose precisions are those of `prior` and, for the weights of
/// layers, the sums over rows of the squares of ∂ℓ/∂W, the empirical information; its variances times `heat`. Where the prior is to be `learned`, its
/// precision of every layer is first multiplied with the number by which the evidence is largest ([`strength`](super::strength())): these, and what they add to the
/// prior's log-density at the mode, come with it.
///
/// # Errors
/// If a number is not finite.
pub fn squares(
    layered: &dyn Layered,
    rows: usize,
    mode: &Population,
    prior: &[f32],
    heat: f32,
    learned: bool,
) -> Result<(Arc<dyn Density>, Vec<f64>, f64)> {
    check("prior's precisions", prior, mode.dim(), true)?;
    let mut precision = information(layered, rows, mode);
    let mut prior = prior.to_vec();
    let (mut all, mut adds) = (Vec::new(), 0.0);
    for layer in layered.layers().iter().filter(|_| learned) {
        let own = layer.weight.clone();
        let own: Vec<usize> = own.chain(layer.bias.clone().unwrap_or_default()).collect();
        let curvature: Vec<f32> = own.iter().map(|&k| precision[k] / prior[k]).collect();
        let square = |&k: &usize| f64::from(prior[k]) * f64::from(mode.row(0)[k]).powi(2);
        let squares: f64 = own.iter().map(square).sum();
        let (c, added) = learned_strength(&curvature, squares);
        for &k in &own {
            prior[k] *= c as f32;
        }
        adds += added;
        all.push(c);
    }
    for (precision, prior) in precision.iter_mut().zip(prior) {
        *precision += prior;
    }
    let sd = precision.iter().map(|p| (heat / p).sqrt()).collect();
    let density = DiagonalNormal::new(mode.row(0).to_vec(), sd)?;
    Ok((Arc::new(density), all, adds))
}

/// Σ over rows of the squares of ∂ℓ/∂W at `mode`, for the weights of layers; 0 for all else.
fn information(layered: &dyn Layered, rows: usize, mode: &Population) -> Vec<f32> {
    let layers = layered.layers();
    let visitor = || Squares {
        sums: vec![Vec::new(); layers.len()],
        bias: layers.iter().map(|l| l.bias.is_some()).collect(),
    };
    let all = RowSet::from(0..rows).segments(1.0);
    let visitors = (0..4).map(|_| visitor()).collect();
    let (_, seen) = visit(layered, mode, &all, Way::Back, visitors);
    let mut precision = vec![0.0; mode.dim()];
    for seen in seen {
        for (layer, sums) in layers.iter().zip(seen.sums) {
            let columns = layer.inputs + usize::from(layer.bias.is_some());
            for (o, row) in sums.chunks(columns).enumerate() {
                let own = layer.weight.start + o * layer.inputs;
                for (p, x) in precision[own..].iter_mut().zip(&row[..layer.inputs]) {
                    *p += x;
                }
                if let Some(bias) = &layer.bias {
                    precision[bias.start + o] += row[layer.inputs];
                }
            }
        }
    }
    precision
}
