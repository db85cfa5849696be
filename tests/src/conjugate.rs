//! Bayesian linear regression with known noise as a model that the macro makes: posterior and evidence in closed form.

use std::sync::Arc;

use smc_runtime::engine::{Engine, bind_in_order};
use smc_runtime::prelude::*;
use smc_runtime::problem::Problem;
use smc_runtime::testing::{Exact, Regression};

use crate::{normals, table};

/// y ~ N(W x + b, [`NOISE`]), every weight and the bias ~ N(0, [`PRIOR`]).
#[bayes_model]
#[likelihood(Normal(mean = layer, sd = self::NOISE))]
pub struct Line<const D: usize> {
    #[prior(Normal(0.0, self::PRIOR))]
    layer: Linear<D, 1>,
}

/// Standard deviation of the noise.
pub const NOISE: f64 = 0.5;
/// Standard deviation of the prior.
pub const PRIOR: f64 = 1.0;

/// y ~ N(w·x, 1), every weight ~ N(0, 1): what a [`Regression`] of unit noise and prior is, as a model.
#[bayes_model]
#[likelihood(Normal(mean = weights, sd = 1.0))]
pub struct Weighted<const D: usize> {
    #[prior(Normal(0.0, 1.0))]
    weights: LinearNoBias<D, 1>,
}

/// Forty rows of a [`Regression`] with three weights, on the engine that a user runs on, and in closed form.
pub struct Known {
    /// The model on its engine.
    pub problem: Arc<dyn Problem>,
    /// The same rows in the same order, for kernels that need the answer.
    pub regression: Regression,
    /// The exact log-evidence.
    pub log_evidence: f64,
}

/// [`Known`] on the fused engine.
pub fn known() -> Known {
    known_on(Engine::fused())
}

/// [`Known`] on this engine.
///
/// # Panics
/// Never: the data fit the model.
pub fn known_on(engine: Engine) -> Known {
    let regression = Regression::simulated(40, 3, 1.0, 1.0, 3).expect("some rows");
    let order = (0..40).collect();
    let bound = bind_in_order(Weighted::<3>::default(), regression.data(), engine, order);
    Known {
        problem: bound.expect("data that fit").problem,
        log_evidence: regression.posterior().log_evidence,
        regression,
    }
}

/// `n` rows of `D` features, drawn from the model.
pub fn data<const D: usize>(n: usize, seed: u64) -> Dataset {
    let truth = normals(D + 1, seed + 1);
    let noise = normals(n, seed + 2);
    table(n, D, seed, |i, row| {
        let mean: f32 = row.iter().zip(&truth).map(|(x, w)| x * w).sum();
        mean + truth[D] + NOISE as f32 * noise[i]
    })
}

/// The posterior of [`Line`] given `data`, weights first and then the bias.
///
/// # Panics
/// Never: the table is that of `data` with a column of ones.
pub fn exact(data: &Dataset) -> Exact {
    let rows = (0..data.rows())
        .flat_map(|i| data.row(i).iter().copied().chain([1.0]))
        .collect();
    let with_ones =
        Dataset::new(data.columns() + 1, rows, data.targets().to_vec()).expect("a table");
    Regression::new(with_ones, NOISE, PRIOR).posterior()
}
