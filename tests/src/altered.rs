//! A problem with one of its answers replaced: how a fault is planted, and how rows are made impossible.

use std::fmt;
use std::sync::Arc;

use smc_runtime::base::rng::Streams;
use smc_runtime::prelude::*;
use smc_runtime::problem::density::Density;
use smc_runtime::problem::population::Population;
use smc_runtime::problem::{Counts, Predictor, Problem, RowSampled, Segment, Sums};

type LogDensity<'a> = dyn Fn(&Population, Option<&mut Population>) -> Vec<f64> + Send + Sync + 'a;
type LogLikelihood<'a> =
    dyn Fn(&Population, &[Segment], Option<&mut Population>) -> Sums + Send + Sync + 'a;

/// The problem `inside`, but for its log-prior or its log-likelihood.
pub struct Altered<'a> {
    inside: &'a dyn Problem,
    prior: Prior<'a>,
    likelihood: Box<LogLikelihood<'a>>,
}

/// The prior of `inside`, but for its log-density.
struct Prior<'a> {
    inside: &'a dyn Problem,
    log_density: Box<LogDensity<'a>>,
}

impl fmt::Debug for Prior<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, altered", self.inside.prior())
    }
}

impl Density for Prior<'_> {
    fn dim(&self) -> usize {
        self.inside.dim()
    }
    fn sample(&self, streams: Streams, draw: usize, thetas: &mut Population) {
        self.inside.prior().sample(streams, draw, thetas);
    }
    fn log_density(&self, thetas: &Population, gradient: Option<&mut Population>) -> Vec<f64> {
        (self.log_density)(thetas, gradient)
    }
}

impl<'a> Altered<'a> {
    /// Another log-density of the prior.
    pub fn log_prior(
        inside: &'a dyn Problem,
        prior: impl Fn(&Population, Option<&mut Population>) -> Vec<f64> + Send + Sync + 'a,
    ) -> Self {
        Self {
            inside,
            prior: Prior {
                inside,
                log_density: Box::new(prior),
            },
            likelihood: Box::new(|t, s, g| inside.log_likelihood(t, s, g)),
        }
    }

    /// Another log-likelihood.
    pub fn likelihood(
        inside: &'a dyn Problem,
        likelihood: impl Fn(&Population, &[Segment], Option<&mut Population>) -> Sums + Send + Sync + 'a,
    ) -> Self {
        Self {
            inside,
            prior: Prior {
                inside,
                log_density: Box::new(|t, g| inside.prior().log_density(t, g)),
            },
            likelihood: Box::new(likelihood),
        }
    }
}

impl Problem for Altered<'_> {
    fn predictor(&self) -> Arc<dyn Predictor> {
        self.inside.predictor()
    }
    fn model(&self) -> &dyn Predictor {
        self.inside.model()
    }
    fn order(&self) -> &[usize] {
        self.inside.order()
    }
    fn counts(&self) -> Counts {
        self.inside.counts()
    }
    fn prior(&self) -> &dyn Density {
        &self.prior
    }
    fn log_likelihood(
        &self,
        thetas: &Population,
        segments: &[Segment],
        gradient: Option<&mut Population>,
    ) -> Sums {
        (self.likelihood)(thetas, segments, gradient)
    }
    fn row_log_likelihoods(&self, thetas: &Population) -> Vec<f64> {
        self.inside.row_log_likelihoods(thetas)
    }
    fn row_sampled(&self) -> Result<&dyn RowSampled> {
        self.inside.row_sampled()
    }
}
