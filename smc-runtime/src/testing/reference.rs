//! What a model's own expression gives in `f64`, and how far from it an engine that computes in `f32` may be.

use std::ops::Range;

use dfdx::prelude::Cpu;

use crate::base::error::{Error, Result};
use crate::base::exec;
use crate::base::rng::Streams;
use crate::data::Dataset;
use crate::engine::autodiff::Autodiff;
use crate::engine::{self, Engine, Instructions};
use crate::model::Model;
use crate::problem::population::Population;
use crate::problem::{Problem, Segment};

/// A model bound to data whose expression is evaluated in `f64`, with the gradient by automatic differentiation: what a
/// fused form, or any other engine, is held to.
///
/// Where numbers are moderate (inputs of activations and means within ±10, standard deviations of at least 0.1, nothing
/// within rounding of a kink of the model or of a zero of a row's gradient), [`Reference::check`] allows
///
/// - a row's log-likelihood ℓᵢ to be off by 1e-4·(1 + |ℓᵢ|),
/// - a sum over rows by 1e-4·√Σ(1 + |ℓᵢ|)² + 1e-6·Σ(1 + |ℓᵢ|),
/// - a gradient, in Euclidean norm, by 1e-4·Σ‖gᵢ‖, where gᵢ is row i's share of it, its weight included.
///
/// ```
/// use smc_runtime::engine::{Engine, bind};
/// use smc_runtime::problem::population::Population;
/// use smc_runtime::prelude::*;
/// use smc_runtime::problem::Segment;
/// use smc_runtime::testing::Reference;
///
/// #[bayes_model]
/// #[likelihood(Normal(mean = output, sd = 0.5))]
/// struct Line {
///     #[prior(Normal(0.0, 1.0))]
///     output: Linear<1, 1>,
/// }
///
/// let data = Dataset::new(1, vec![-1.0, 0.0, 2.0], vec![-0.9, 0.3, 1.1])?;
/// let bound = bind(Line::default(), &data, Engine::fused(), 7)?;
/// let reference = Reference::new(Line::default(), &data, 7)?;
/// let thetas = Population::from_values(2, vec![0.5, -0.25]).unwrap();
/// let rows = [Segment { rows: 0..3, weight: 1.0 }];
/// let errors = reference.check(&*bound.problem, &thetas, &rows).unwrap();
/// assert!(errors.sums < 0.1);
/// # Ok::<(), Error>(())
/// ```
pub struct Reference<M> {
    engine: Autodiff<M, Cpu>,
}

/// The log-likelihood of one row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RowReference {
    /// ℓᵢ.
    pub value: f64,
    /// ‖∂ℓᵢ/∂θ‖, on unconstrained coordinates.
    pub slope: f64,
}

/// The largest errors that [`Reference::check`] found, as shares of what it allows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Errors {
    /// Of a row's log-likelihood.
    pub rows: f64,
    /// Of a sum over rows.
    pub sums: f64,
    /// Of a gradient.
    pub gradient: f64,
}

impl<M: Model> Reference<M> {
    /// The model bound to data as [`bind`](crate::engine::bind) would: the same `seed` gives the same order of rows.
    ///
    /// # Errors
    /// Those of [`bind`](crate::engine::bind).
    pub fn new(model: M, data: &Dataset, seed: u64) -> Result<Self> {
        let engine = engine::on_cpu(model, data, seed)?;
        Ok(Self { engine })
    }

    /// The sum over each of the segments at one parameter vector, and the gradient of Σ weight · Σ_segment.
    pub fn sums(&self, theta: &[f32], segments: &[Segment]) -> (Vec<f64>, Vec<f64>) {
        let mut gradient = vec![0.0; theta.len()];
        let sums = self.add(&widened(theta), segments, &mut gradient);
        (sums, gradient)
    }

    /// Every row by itself at one parameter vector, in the bound order.
    pub fn rows(&self, theta: &[f32]) -> Vec<RowReference> {
        let theta = widened(theta);
        exec::map(self.engine.order().len(), |row| {
            let mut gradient = vec![0.0; theta.len()];
            let sums = self.add(&theta, &[segment(row..row + 1, 1.0)], &mut gradient);
            RowReference {
                value: sums[0],
                slope: norm(gradient.into_iter()),
            }
        })
    }

    fn add(&self, theta: &[f64], segments: &[Segment], gradient: &mut [f64]) -> Vec<f64> {
        let sums = self
            .engine
            .evaluate::<f64>(theta.len(), theta, segments, gradient);
        sums.of(0).to_vec()
    }

    /// Compares sums, gradients and row log-likelihoods of `problem`, the same model bound to the same data with the
    /// same seed, with the reference; see [`Reference`] for what is allowed.
    ///
    /// # Errors
    /// What is too far off, in words.
    pub fn check(
        &self,
        problem: &dyn Problem,
        thetas: &Population,
        segments: &[Segment],
    ) -> std::result::Result<Errors, String> {
        let mut gradient = Population::zeros(thetas.len(), thetas.dim());
        let sums = problem.log_likelihood(thetas, segments, Some(&mut gradient));
        let values = problem.row_log_likelihoods(thetas);
        let mut worst = Errors::default();
        for p in 0..thetas.len() {
            let rows = self.rows(thetas.row(p));
            let (exact, slopes) = self.sums(thetas.row(p), segments);
            for (own, &user) in rows.iter().zip(problem.order()) {
                let (found, exact) = (values[p * rows.len() + user], own.value);
                let share = share((found - exact).abs(), 1e-4 * (1.0 + exact.abs()));
                let what = || format!("row {user} of particle {p}: {found}, in f64 {exact}");
                note(&mut worst.rows, share, what)?;
            }
            for (n, segment) in segments.iter().enumerate() {
                let (found, exact) = (sums.of(p)[n], exact[n]);
                let rows = rows[segment.rows.clone()].iter();
                let sizes: Vec<f64> = rows.map(|r| 1.0 + r.value.abs()).collect();
                let allowed = 1e-4 * norm(sizes.iter().copied()) + 1e-6 * sizes.iter().sum::<f64>();
                let share = share((found - exact).abs(), allowed);
                let what =
                    || format!("sum of segment {n} of particle {p}: {found}, in f64 {exact}");
                note(&mut worst.sums, share, what)?;
            }
            let found = gradient.row(p).iter().zip(&slopes);
            let error = norm(found.map(|(&g, exact)| f64::from(g) - exact));
            let slope = |s: &Segment| -> f64 {
                let slopes = rows[s.rows.clone()].iter().map(|r| r.slope);
                s.weight.abs() * slopes.sum::<f64>()
            };
            let all: f64 = segments.iter().map(slope).sum();
            let what = || format!("gradient of particle {p}: off by {error}, Σ‖gᵢ‖ is {all}");
            note(&mut worst.gradient, share(error, 1e-4 * all), what)?;
        }
        Ok(worst)
    }
}

/// Checks the fused form of a model, and with it those of its layers and its likelihood: at three draws from its prior,
/// on every instruction set that the machine has, against [`Reference`].
///
/// # Errors
/// What is wrong, in words.
// By value, as the other checks take it.
#[allow(clippy::needless_pass_by_value)]
pub fn check_fused<M: Model>(model: M, data: &Dataset) -> std::result::Result<(), String> {
    let reference = Reference::new(model.clone(), data, 1).map_err(|e| e.to_string())?;
    let (n, middle) = (data.rows(), data.rows() / 2);
    let segments = [segment(0..middle, 1.0), segment(middle..n, 0.75)];
    for instructions in [
        Instructions::Portable,
        Instructions::Avx2,
        Instructions::Avx512,
    ] {
        let engine = Engine::fused().instructions(instructions);
        let bound = match engine::bind(model.clone(), data, engine, 1) {
            Ok(bound) => bound,
            // Only an instruction set beyond the portable one can be missing.
            Err(Error::Engine { .. }) if instructions != Instructions::Portable => continue,
            Err(e) => return Err(e.to_string()),
        };
        let mut thetas = Population::zeros(3, bound.problem.dim());
        bound
            .problem
            .prior()
            .sample(Streams::new(31), 0, &mut thetas);
        let found = reference.check(&*bound.problem, &thetas, &segments);
        found.map_err(|e| format!("{instructions:?}: {e}"))?;
    }
    Ok(())
}

fn segment(rows: Range<usize>, weight: f64) -> Segment {
    Segment { rows, weight }
}

fn widened(theta: &[f32]) -> Vec<f64> {
    theta.iter().map(|&x| f64::from(x)).collect()
}

fn norm(x: impl Iterator<Item = f64>) -> f64 {
    x.map(|x| x * x).sum::<f64>().sqrt()
}

/// Nothing is a fair share of nothing.
fn share(error: f64, allowed: f64) -> f64 {
    if error == 0.0 { 0.0 } else { error / allowed }
}

/// Keeps the largest share; NaN is too large.
fn note(
    worst: &mut f64,
    share: f64,
    what: impl FnOnce() -> String,
) -> std::result::Result<(), String> {
    if share <= 1.0 {
        *worst = worst.max(share);
        return Ok(());
    }
    Err(format!("{}; {share:.2} times what is allowed", what()))
}
