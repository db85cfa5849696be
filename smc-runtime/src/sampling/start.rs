//! Where a run begins, if not at the prior: Gaussians around what another algorithm found.

use std::fmt;

use crate::base::error::{Error, Result};
use crate::base::fingerprint::fingerprint;
use crate::base::rng::{Purpose, Streams};
use crate::base::sums::log_sum_exp;
use crate::problem::Problem;
use crate::problem::density::{Density, Moments};
use crate::problem::population::Population;
use crate::problem::rows::RowSet;
use crate::sampling::information::information;
use crate::sampling::reference::{governing, reference};

/// q0(θ) = (1/M) Σ_m N(θ | c_m, diag s²): equally likely Gaussians around M centres, which share their standard
/// deviations. It is normalised, so a run that begins at it has an evidence.
///
/// ```
/// use smc_runtime::problem::density::Density;
/// use smc_runtime::problem::population::Population;
/// use smc_runtime::sampling::start::Gaussians;
/// let centres = Population::from_values(1, vec![-1.0, 1.0]).unwrap();
/// let start = Gaussians::new(centres, vec![0.5])?;
/// let at_zero = start.log_density(&Population::zeros(1, 1), None)[0];
/// assert!((at_zero - (-2.0 - 0.5 * std::f64::consts::TAU.ln() - 0.5f64.ln())).abs() < 1e-6);
/// # Ok::<(), smc_runtime::Error>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct Gaussians {
    centres: Population,
    sd: Vec<f32>,
}

impl Gaussians {
    /// Gaussians around `centres` with the standard deviation `sd` of every coordinate.
    ///
    /// # Errors
    /// If there is no centre, if the lengths do not fit, if a centre is not finite or an sd not positive and finite.
    pub fn new(centres: Population, sd: Vec<f32>) -> Result<Self> {
        if centres.is_empty() {
            return Err(Error::config("centres", 0, "at least one is needed"));
        }
        if sd.len() != centres.dim() {
            return Err(Error::shape(
                "standard deviations of a warm start",
                format!("{} numbers", centres.dim()),
                format!("{} numbers", sd.len()),
            ));
        }
        if let Some(i) = sd.iter().position(|s| !(*s > 0.0 && s.is_finite())) {
            return Err(Error::config(
                format!("sd[{i}] of a warm start"),
                sd[i],
                "a positive, finite number is needed",
            ));
        }
        if let Some((centre, coordinate, value)) = centres.first_not_finite() {
            return Err(Error::config(
                format!("coordinate {coordinate} of centre {centre}"),
                value,
                "a finite number is needed",
            ));
        }
        Ok(Self { centres, sd })
    }
}

/// Gaussians around `centres`, such as the members of an ensemble, whose precisions are those of the prior plus the
/// diagonal of the empirical Fisher information, its mean over the centres: a diagonal Laplace approximation; all
/// standard deviations times `spread`.
///
/// The information is B/(B−1)·Σ_b (g_b − ḡ)² over the gradients g_b of up to B = 64 blocks of rows, so this costs one
/// gradient of all rows. The prior's precision is one over its variance in the block; a scale's
/// has what the parameters under it tell beside it.
///
/// # Errors
/// As [`Gaussians::new`]; if the centres do not have the problem's parameters; if `spread` is not positive and finite.
pub fn around(problem: &dyn Problem, centres: Population, spread: f64) -> Result<Gaussians> {
    let dim = problem.layout().dim();
    if centres.dim() != dim {
        return Err(Error::shape(
            "centres of a warm start",
            format!("{dim} parameters"),
            format!("{} parameters", centres.dim()),
        ));
    }
    if !(spread > 0.0 && spread.is_finite()) {
        return Err(Error::config(
            "spread",
            spread,
            "a positive, finite number is needed",
        ));
    }
    let (reference, governing) = (reference(problem), governing(problem));
    let all = RowSet::from(0..problem.rows()).segments(1.0);
    let equal = vec![1.0 / centres.len().max(1) as f64; centres.len()];
    let information = information(problem, &all, &centres, &equal);
    let mut sd = vec![0.0; dim];
    for (block, variance) in problem.layout().blocks().iter().zip(reference) {
        let usable = if variance > 0.0 && variance.is_finite() {
            variance
        } else {
            1.0
        };
        for i in block.range.clone() {
            let precision = 1.0 / usable + governing[i] + information[i];
            let own = if precision.is_finite() {
                1.0 / precision
            } else {
                usable
            };
            sd[i] = (spread * own.sqrt()).max(f64::from(f32::MIN_POSITIVE)) as f32;
        }
    }
    Gaussians::new(centres, sd)
}

impl fmt::Debug for Gaussians {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sd = self.sd.iter().map(|s| u64::from(s.to_bits()));
        let print = fingerprint(sd.chain([self.centres.fingerprint()]));
        let (members, dim) = (self.centres.len(), self.dim());
        write!(f, "{members} Gaussians of {dim} coordinates ({print:016x})")
    }
}

impl Density for Gaussians {
    fn dim(&self) -> usize {
        self.centres.dim()
    }

    /// Particle i is drawn around centre i mod M: stratified, so that every centre has its share.
    fn sample(&self, streams: Streams, draw: usize, thetas: &mut Population) {
        let mut noise = thetas.zeros_like();
        noise.fill_normal(streams, Purpose::Start, 0, draw);
        let members = self.centres.len();
        let numbers = thetas.first()..thetas.first() + thetas.len();
        let centres: Vec<usize> = numbers.map(|i| i % members).collect();
        let first = thetas.first();
        *thetas = self.centres.gather(&centres).numbered_from(first);
        thetas.axpy(1.0, &self.sd, &noise);
    }

    fn log_density(&self, thetas: &Population, gradient: Option<&mut Population>) -> Vec<f64> {
        let (members, dim) = (self.centres.len(), self.dim());
        let constant = -0.5 * dim as f64 * std::f64::consts::TAU.ln()
            - self.sd.iter().map(|s| f64::from(*s).ln()).sum::<f64>()
            - (members as f64).ln();
        let mut logs = thetas.squared_distances_to_each(&self.centres, &self.sd);
        logs.iter_mut().flatten().for_each(|x| *x *= -0.5);
        let totals: Vec<f64> = logs.iter().map(|l| log_sum_exp(l)).collect();
        if let Some(gradient) = gradient {
            for (logs, total) in logs.iter_mut().zip(&totals) {
                for log in logs.iter_mut() {
                    *log = (*log - total).exp();
                }
            }
            gradient.pull(thetas, &self.centres, &logs, &self.sd);
        }
        totals.iter().map(|t| t + constant).collect()
    }

    fn moments(&self) -> Moments {
        let equal = vec![1.0 / self.centres.len() as f64; self.centres.len()];
        let between = self.centres.variances(&equal);
        let within = self.local_variance();
        Moments {
            mean: self.centres.means(&equal),
            variance: between.iter().zip(within).map(|(b, w)| b + w).collect(),
        }
    }

    /// That of one Gaussian.
    fn local_variance(&self) -> Vec<f64> {
        self.sd.iter().map(|s| f64::from(*s).powi(2)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> Gaussians {
        let centres = Population::from_values(2, vec![-1.0, 0.5, 1.0, -0.25]).unwrap();
        Gaussians::new(centres, vec![0.5, 2.0]).unwrap()
    }

    #[test]
    fn the_gradient_is_that_of_the_value() {
        let start = two();
        let at = |x: [f32; 2]| {
            start.log_density(&Population::from_values(2, x.to_vec()).unwrap(), None)[0]
        };
        let x = [0.125f32, -0.75];
        let mut gradient = Population::zeros(1, 2);
        let thetas = Population::from_values(2, x.to_vec()).unwrap();
        start.log_density(&thetas, Some(&mut gradient));
        let h = 1.0 / 256.0;
        for k in 0..2 {
            let (mut up, mut down) = (x, x);
            up[k] += h;
            down[k] -= h;
            let slope = (at(up) - at(down)) / (2.0 * f64::from(h));
            assert!((slope - f64::from(gradient.row(0)[k])).abs() < 1e-3, "{k}");
        }
    }

    #[test]
    fn it_integrates_to_one_and_draws_have_its_moments() {
        let start = two();
        let mut draws = Population::zeros(20_000, 2);
        start.sample(Streams::new(3), 0, &mut draws);
        // E[N(θ | 0, 4²I) / q0(θ)] = 1 under q0, and the mean is that of the centres.
        let log_q = start.log_density(&draws, None);
        let wide = |row: &[f32]| {
            let square: f64 = row.iter().map(|x| f64::from(*x).powi(2)).sum();
            -0.5 * square / 0.16 - (std::f64::consts::TAU * 0.16).ln()
        };
        let ratios: Vec<f64> = (0..draws.len())
            .map(|i| (wide(draws.row(i)) - log_q[i]).exp())
            .collect();
        let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
        assert!((mean - 1.0).abs() < 0.1, "{mean}");
        let moments = start.moments();
        for k in 0..2 {
            let values = draws.coordinate(k);
            let n = values.len() as f64;
            let (mean, variance) = (moments.mean[k], moments.variance[k]);
            // Five standard errors; no fourth moment here is above three squared variances.
            let off = values.iter().sum::<f64>() / n - mean;
            assert!(off.abs() < 5.0 * (variance / n).sqrt(), "{k}: {off}");
            let squares = values.iter().map(|x| (x - mean).powi(2));
            let off = squares.sum::<f64>() / n - variance;
            assert!(off.abs() < 5.0 * variance * (2.0 / n).sqrt(), "{k}: {off}");
        }
    }

    #[test]
    fn impossible_starts_are_named() {
        let centres = Population::zeros(1, 2);
        let text = |sd: Vec<f32>| Gaussians::new(centres.clone(), sd).unwrap_err().to_string();
        assert_eq!(
            text(vec![1.0, 0.0]),
            "sd[1] of a warm start = 0: a positive, finite number is needed"
        );
        assert!(text(vec![1.0]).contains("2 numbers"));
    }
}
