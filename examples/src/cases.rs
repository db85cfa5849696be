//! The shapes that speed is measured on: networks from tiny to wide, with synthetic rows.

use std::sync::Arc;

use clap::ValueEnum;
use smc_runtime::base::rng::{Purpose, Streams};
use smc_runtime::engine::bind;
use smc_runtime::prelude::*;
use smc_runtime::problem::Problem;
use smc_runtime::problem::population::Population;

/// 784-H-10, tanh, categorical.
#[bayes_model]
#[likelihood(Categorical(logits = output))]
pub struct Images<const H: usize> {
    #[prior(Normal(0.0, 1.0))]
    hidden: Linear<784, H>,
    activation: Tanh,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<H, 10>,
}

/// 784-512-512-10, relu, categorical.
#[bayes_model]
#[likelihood(Categorical(logits = output))]
pub struct Wide {
    #[prior(Normal(0.0, 1.0))]
    first: Linear<784, 512>,
    relu: Relu,
    #[prior(Normal(0.0, 1.0))]
    second: Linear<512, 512>,
    again: Relu,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<512, 10>,
}

/// 13-50-1, tanh, normal with sd 1.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = 1.0))]
pub struct Small {
    #[prior(Normal(0.0, 1.0))]
    hidden: Linear<13, 50>,
    activation: Tanh,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<50, 1>,
}

/// 5-16-16-2, relu, heteroscedastic normal.
#[bayes_model]
#[likelihood(Normal(mean = output[0], sd = output[1].exp()))]
pub struct Tiny {
    #[prior(Normal(0.0, 1.0))]
    first: Linear<5, 16>,
    relu: Relu,
    #[prior(Normal(0.0, 1.0))]
    second: Linear<16, 16>,
    again: Relu,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<16, 2>,
}

/// A network, a number of particles and a number of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Case {
    /// [`Images`] with 100 hidden units: 32 particles, 1000 rows.
    Big,
    /// [`Small`]: 100 particles, 500 rows.
    Small,
    /// [`Tiny`]: 64 particles, 1200 rows.
    Tiny,
    /// [`Wide`]: 8 particles, 512 rows.
    Wide,
    /// [`Images`] with 50 hidden units: one particle, 60 000 rows.
    One,
}

impl Case {
    /// Every case.
    pub const ALL: [Self; 5] = [Self::Big, Self::Small, Self::Tiny, Self::Wide, Self::One];

    /// Its name on the command line.
    pub fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }

    /// Number of particles J.
    pub fn particles(self) -> usize {
        match self {
            Self::Big => 32,
            Self::Small => 100,
            Self::Tiny => 64,
            Self::Wide => 8,
            Self::One => 1,
        }
    }

    /// Number of rows N.
    pub fn rows(self) -> usize {
        match self {
            Self::Big => 1000,
            Self::Small => 500,
            Self::Tiny => 1200,
            Self::Wide => 512,
            Self::One => 60_000,
        }
    }

    /// Units of the features and of every linear layer.
    pub fn sizes(self) -> &'static [usize] {
        match self {
            Self::Big => &[784, 100, 10],
            Self::Small => &[13, 50, 1],
            Self::Tiny => &[5, 16, 16, 2],
            Self::Wide => &[784, 512, 512, 10],
            Self::One => &[784, 50, 10],
        }
    }

    /// The model bound to its rows.
    ///
    /// # Errors
    /// If the engine is not available.
    pub fn bind(self, engine: Engine) -> Result<Arc<dyn Problem>> {
        let sizes = self.sizes();
        let data = rows(self.rows(), sizes[0], sizes[sizes.len() - 1])?;
        Ok(match self {
            Self::Big => bind(Images::<100>::default(), &data, engine, 1)?.problem,
            Self::Small => bind(Small::default(), &data, engine, 1)?.problem,
            Self::Tiny => bind(Tiny::default(), &data, engine, 1)?.problem,
            Self::Wide => bind(Wide::default(), &data, engine, 1)?.problem,
            Self::One => bind(Images::<50>::default(), &data, engine, 1)?.problem,
        })
    }

    /// Parameters at which nothing saturates: N(0, 0.05²).
    pub fn thetas(self, problem: &dyn Problem) -> Population {
        let mut thetas = Population::zeros(self.particles(), problem.dim());
        thetas.fill_normal(Streams::new(2), Purpose::Simulate, 0, 0);
        thetas
            .on_host()
            .map_rows(|_, row| row.iter_mut().for_each(|x| *x *= 0.05));
        thetas
    }
}

/// Synthetic rows; targets are classes, which are real numbers too.
fn rows(n: usize, columns: usize, classes: usize) -> Result<Dataset> {
    let mut stream = Streams::new(1).stream(Purpose::Simulate, 0, 0, 0);
    let features = (0..n * columns)
        .map(|_| 0.5 * stream.normal() as f32)
        .collect();
    let targets = (0..n)
        .map(|_| (stream.uniform() * classes.max(2) as f64).floor() as f32)
        .collect();
    Dataset::new(columns, features, targets)
}
