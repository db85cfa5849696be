//! A problem with one of its answers replaced: how a fault is planted, and how rows are made impossible.

use smc_runtime::base::rng::Streams;
use smc_runtime::model::architecture::Architecture;
use smc_runtime::model::dist::Predictive;
use smc_runtime::model::layout::Layout;
use smc_runtime::prelude::*;
use smc_runtime::problem::Choice;
use smc_runtime::problem::population::Population;
use smc_runtime::problem::{Arguments, Counts, Problem, RowSums, Segment};

type LogPrior<'a> = dyn Fn(&Population, Option<&mut Population>) -> Vec<f64> + Send + Sync + 'a;
type LogLikelihood<'a> =
    dyn Fn(&Population, &[Segment], Option<&mut Population>) -> Vec<RowSums> + Send + Sync + 'a;

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
        likelihood: impl Fn(&Population, &[Segment], Option<&mut Population>) -> Vec<RowSums>
        + Send
        + Sync
        + 'a,
    ) -> Self {
        Self {
            inside,
            prior: Box::new(|t, g| inside.log_prior(t, g)),
            likelihood: Box::new(likelihood),
        }
    }
}

impl Problem for Altered<'_> {
    fn layout(&self) -> &Layout {
        self.inside.layout()
    }
    fn architecture(&self) -> &Architecture {
        self.inside.architecture()
    }
    fn rows(&self) -> usize {
        self.inside.rows()
    }
    fn order(&self) -> &[usize] {
        self.inside.order()
    }
    fn engine(&self) -> &Choice {
        self.inside.engine()
    }
    fn counts(&self) -> Counts {
        self.inside.counts()
    }
    fn sample_prior(&self, streams: Streams, draw: usize, thetas: &mut Population) {
        self.inside.sample_prior(streams, draw, thetas);
    }
    fn log_prior(&self, thetas: &Population, gradient: Option<&mut Population>) -> Vec<f64> {
        (self.prior)(thetas, gradient)
    }
    fn log_likelihood(
        &self,
        thetas: &Population,
        segments: &[Segment],
        gradient: Option<&mut Population>,
    ) -> Vec<RowSums> {
        (self.likelihood)(thetas, segments, gradient)
    }
    fn row_log_likelihoods(&self, thetas: &Population) -> Vec<f64> {
        self.inside.row_log_likelihoods(thetas)
    }
    fn arguments(&self, thetas: &Population, data: &Features) -> Result<Arguments> {
        self.inside.arguments(thetas, data)
    }
    fn predictive(&self) -> &dyn Predictive {
        self.inside.predictive()
    }
    fn check_targets(&self, data: &Dataset) -> Result<()> {
        self.inside.check_targets(data)
    }
}
