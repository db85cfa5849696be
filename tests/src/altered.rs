//! A problem with one of its answers replaced: how a fault is planted, and how rows are made impossible.

use std::sync::Arc;

use smc_runtime::prelude::*;
use smc_runtime::problem::population::Population;
use smc_runtime::problem::{Counts, Predictor, Problem, RowSampled, Segment, Sums};

type LogPrior<'a> = dyn Fn(&Population, Option<&mut Population>) -> Vec<f64> + Send + Sync + 'a;
type LogLikelihood<'a> =
    dyn Fn(&Population, &[Segment], Option<&mut Population>) -> Sums + Send + Sync + 'a;

/// The problem `inside`, but for its log-prior or its log-likelihood.
pub struct Altered<'a> {
    inside: &'a dyn Problem,
    prior: Box<LogPrior<'a>>,
    likelihood: Box<LogLikelihood<'a>>,
}

impl<'a> Altered<'a> {
    /// Another log-prior.
    pub fn prior(
        inside: &'a dyn Problem,
        prior: impl Fn(&Population, Option<&mut Population>) -> Vec<f64> + Send + Sync + 'a,
    ) -> Self {
        Self {
            inside,
            prior: Box::new(prior),
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
            prior: Box::new(|t, g| inside.log_prior(t, g)),
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
    fn log_prior(&self, thetas: &Population, gradient: Option<&mut Population>) -> Vec<f64> {
        (self.prior)(thetas, gradient)
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
