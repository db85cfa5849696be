//! What rules share that follow natural gradients of a normal density with independent coordinates in a basis: one draw and one gradient for
//! every batch, and a formula for every coordinate.

use std::sync::Arc;

use super::Fitting;
use super::plan::Passes;
use super::run::{Batch, Fit, Now, Rule};
use super::start::{Start, start};
use crate::base::error::{Error, Result};
use crate::base::rng::Streams;
use crate::base::saved::Saved;
use crate::family::{At, Factors, Turned};
use crate::problem::density::Density;
use crate::problem::{Layered, Problem};

/// Updates from one that also gathers factors to the next, and from one renewal of the basis to the next.
const GATHER: usize = 5;
const RENEW: usize = 10;

/// The share of the rates that is left at the end of a run.
const LEAST: f64 = 0.02;

/// The coordinates of a fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coordinates {
    /// Those of the model: the family is the diagonal one.
    Own,
    /// The eigenbases of Kronecker factors, an error for a network that has none.
    Kronecker,
    /// The same for a network that has some, otherwise those of the model.
    KroneckerIfAny,
    /// The eigenbases of weighted factors, an error for a network that has none.
    WeightedKronecker,
}

impl Coordinates {
    /// The layers that give the bases, if any do, and a word on it where that was a choice.
    fn layered(self, problem: &dyn Problem) -> Result<(Option<&dyn Layered>, Vec<String>)> {
        let layered = match self {
            Self::Own => return Ok((None, Vec::new())),
            Self::Kronecker | Self::WeightedKronecker => {
                return Ok((Some(problem.layered()?), Vec::new()));
            }
            Self::KroneckerIfAny => problem.layered(),
        };
        Ok(match layered {
            Ok(layered) if !layered.layers().is_empty() => (Some(layered), Vec::new()),
            Ok(_) => (
                None,
                vec!["a diagonal covariance: there is no affine layer".to_owned()],
            ),
            Err(why) => (None, vec![format!("a diagonal covariance: {why}")]),
        })
    }

    /// The numbers that a fit begins with, in bases of `layered`, if there are some.
    fn begin(
        self,
        problem: &dyn Problem,
        streams: Streams,
        layered: Option<&dyn Layered>,
    ) -> Turned {
        let Start { mean, sd, widest } = start(problem, streams);
        let rows = problem.rows();
        let kronecker = layered.map(|layered| {
            let factors = match self {
                Self::WeightedKronecker => Factors::weighted(layered, problem.dim(), rows),
                _ => Factors::new(layered, problem.dim(), rows),
            };
            (layered, factors)
        });
        Turned::new(rows, &mean, &sd, widest, kronecker)
    }
}

/// Whether a fit can have these rates of means and precisions, and clip what is so many times its typical size.
pub(super) fn check(rates: [f64; 2], trust: f64) -> Result<()> {
    let named = ["rates, of means", "rates, of precisions"].into_iter();
    for (what, rate) in named.zip(rates) {
        if !(rate > 0.0 && rate <= 1.0) {
            let expected = "a number above 0 and at most 1 is needed";
            return Err(Error::config(what, rate, expected));
        }
    }
    if trust.is_nan() || trust <= 0.0 {
        let expected = "a number above 0 is needed";
        return Err(Error::config("trust", trust, expected));
    }
    Ok(())
}

/// The fit by a formula, before its first step, or as it was when it saved `state`.
pub(super) fn fit<'a>(
    formula: impl Formula + 'a,
    coordinates: Coordinates,
    passes: &Passes,
    problem: Arc<dyn Problem + 'a>,
    streams: Streams,
    state: Option<&Saved>,
) -> Result<Box<dyn Fitting + 'a>> {
    let plan = passes.plan(&*problem)?;
    let (_, mut chosen) = coordinates.layered(&*problem)?;
    let begin = |problem: &dyn Problem| {
        let (layered, _) = coordinates.layered(problem)?;
        Ok(coordinates.begin(problem, streams, layered))
    };
    let fit = Fit::begin(Natural(formula), plan, problem, streams, state, begin)?;
    let lacking = fit.numbers().lacking();
    if lacking > 0 {
        chosen.push(format!(
            "coordinates as they are on {lacking} sides of layers, which have more than 1024 units"
        ));
    }
    Ok(Box::new(fit.saying(chosen)))
}

/// A rule for one coordinate.
pub(super) trait Formula: Copy + Send + Sync {
    /// The new mean, precision and running mean.
    fn coordinate(self, at: At, now: Now) -> (f32, f32, f32);
}

/// A formula as a rule.
struct Natural<F>(F);

impl<F: Formula> Rule for Natural<F> {
    type Numbers = Turned;

    fn dim(numbers: &Turned) -> usize {
        numbers.dim()
    }

    fn update(&self, numbers: &mut Turned, at: &Batch<'_>) -> Result<f64> {
        let problem = at.problem;
        let (theta, noise) = numbers.draw(at.streams, at.number);
        let mut gradient = theta.zeros_like();
        let prior = problem.prior().log_density(&theta, Some(&mut gradient));
        let gathered = if numbers.has_factors() && at.number.is_multiple_of(GATHER) {
            numbers.gather(problem.layered()?, &theta, at.segments, &mut gradient)
        } else {
            None
        };
        let sums = gathered
            .unwrap_or_else(|| problem.log_likelihood(&theta, at.segments, Some(&mut gradient)));
        let (sum, prior) = (sums.totals()[0], prior[0]);
        if !(sum + prior).is_finite() || gradient.first_not_finite().is_some() {
            return Ok(f64::NAN);
        }
        let (rows, now) = (problem.rows() as f64, at.now(LEAST));
        let Self(formula) = *self;
        numbers.update(gradient, &noise, move |coordinate| {
            formula.coordinate(coordinate, now)
        });
        if at.number % RENEW == RENEW - 1 {
            numbers.renew();
        }
        Ok(sum * rows / at.rows as f64)
    }

    fn density(&self, numbers: &Turned) -> Result<Arc<dyn Density>> {
        numbers.density()
    }
}
