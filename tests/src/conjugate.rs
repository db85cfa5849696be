//! Bayesian linear regression with known noise as a model of the engine: posterior and evidence in closed form.

use smc_runtime::layers::{Act, Device, Float, Tape};
use smc_runtime::model::dist::Likelihood;
use smc_runtime::model::nn::{Field, Linear, LinearView};
use smc_runtime::model::prior::Priors;
use smc_runtime::model::tensor::Params;
use smc_runtime::model::{FieldSpec, Model, Views};
use smc_runtime::prelude::*;
use smc_runtime::testing::{Exact, Regression};

use crate::{normals, table};

/// y ~ N(W x + b, [`NOISE`]), every weight and the bias ~ N(0, [`PRIOR`]).
#[derive(Clone, Debug, Default)]
pub struct Line<const D: usize> {
    layer: Linear<D, 1>,
}

/// Standard deviation of the noise.
pub const NOISE: f64 = 0.5;
/// Standard deviation of the prior.
pub const PRIOR: f64 = 1.0;

impl<const D: usize> Model for Line<D> {
    type Draw<'a> = LinearView<'a, D, 1>;

    fn name(&self) -> &'static str {
        "Line"
    }

    fn fields(&self) -> Vec<FieldSpec> {
        vec![FieldSpec::of("layer", "Linear<D, 1>", &self.layer)]
    }

    fn priors(&self, priors: &mut Priors<'_>) {
        priors.of("layer", &[], |_| Normal(0.0.into(), PRIOR.into()));
    }

    fn likelihood(&self) -> impl Likelihood + use<D> {
        Normal::default().mean(self.term("layer")).sd(NOISE)
    }

    fn is_chain(&self) -> bool {
        true
    }

    fn draw<'a>(&self, blocks: Views<'a>) -> Self::Draw<'a> {
        blocks.field(0)
    }

    fn output<E: Float, Dev: Device<E>, T: Tape<E, Dev>>(
        &self,
        parameters: &Params<E, Dev, T>,
        x: Act<E, Dev, T>,
    ) -> Act<E, Dev, T> {
        self.layer.expr(parameters.field(0), x)
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

impl<const D: usize> Infers for Line<D> {}
