//! What rules share that follow natural gradients of a normal density with independent coordinates in a basis: one draw and one gradient for
//! every batch, and a formula for every coordinate.

use std::sync::Arc;

use super::plan::falling;
use super::run::{Batch, Rule};
use super::start::{start, widest};
use crate::base::error::Result;
use crate::base::rng::Streams;
use crate::family::{At, Factors, Turned};
use crate::problem::density::Density;
use crate::problem::{Layered, Problem};

/// Updates from one that also gathers factors to the next, and from one renewal of the basis to the next.
const GATHER: usize = 5;
const RENEW: usize = 10;

/// What is kept of the running mean of slopes at an update.
pub(super) const KEPT: f32 = 0.9;

/// The share of the rates that is left at the end of a run.
const LEAST: f64 = 0.02;

/// The coordinates of a fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coordinates {
    /// Those of the model: the family is the diagonal one.
    Own,
    /// The eigenbases of Kronecker factors, an error for a network that has none.
    Kronecker,
    /// Those of weighted factors.
    WeightedKronecker,
    /// The same for a network that has some, otherwise those of the model.
    KroneckerIfAny,
}

impl Coordinates {
    /// The layers that give the bases, if any do, and a word on it where that was a choice.
    pub(super) fn layered(
        self,
        problem: &dyn Problem,
    ) -> Result<(Option<&dyn Layered>, Vec<String>)> {
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

    /// The numbers that a fit begins with, what was chosen, and a word of caution.
    pub(super) fn begin(
        self,
        problem: &dyn Problem,
        streams: Streams,
    ) -> Result<(Turned, Vec<String>)> {
        let (layered, mut chosen) = self.layered(problem)?;
        let (mean, sd) = start(problem, streams);
        let rows = problem.rows();
        let kronecker = layered.map(|layered| {
            let factors = match self {
                Self::WeightedKronecker => Factors::weighted(layered, problem.dim(), rows),
                _ => Factors::new(layered, problem.dim(), rows),
            };
            (layered, factors)
        });
        let turned = Turned::new(rows, &mean, &sd, widest(problem), kronecker);
        if turned.lacking() > 0 {
            chosen.push(format!(
                "coordinates as they are on {} sides of layers, which have more than 1024 units",
                turned.lacking()
            ));
        }
        Ok((turned, chosen))
    }
}

/// What is the same for all coordinates at an update.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    /// Rows of the data N.
    pub(super) rows: f32,
    /// √(N/B): how much larger than a whole the noise of a slope from a batch is.
    pub(super) noise: f32,
    /// Share of the rates, which falls.
    pub(super) rate: f32,
    /// One over what the running mean is to be divided by after this update, and before it: there it is 0 at the first.
    pub(super) grown: [f32; 2],
}

/// A rule for one coordinate.
pub(super) trait Formula: Copy + Send + Sync {
    /// The new mean, precision and running mean.
    fn coordinate(self, at: At, now: Now) -> (f32, f32, f32);
}

/// A formula as a rule.
pub(super) struct Natural<F> {
    formula: F,
    coordinates: Coordinates,
}

impl<F: Formula> Natural<F> {
    pub(super) fn new(formula: F, coordinates: Coordinates) -> Self {
        Self {
            formula,
            coordinates,
        }
    }
}

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
        let gathered = if at.number.is_multiple_of(GATHER) {
            let (layered, _) = self.coordinates.layered(problem)?;
            layered.and_then(|l| numbers.gather(l, &theta, at.segments, &mut gradient))
        } else {
            None
        };
        let sums = match gathered {
            Some(sums) => sums,
            None => problem.log_likelihood(&theta, at.segments, Some(&mut gradient)),
        };
        let (sum, prior) = (sums.totals()[0], prior[0]);
        if !(sum + prior).is_finite() || gradient.first_not_finite().is_some() {
            return Ok(f64::NAN);
        }
        let rows = problem.rows() as f64;
        let now = Now {
            rows: rows as f32,
            noise: (rows / at.rows as f64).sqrt() as f32,
            rate: falling(at.done, LEAST) as f32,
            grown: [at.number.saturating_add(1), at.number].map(|updates| {
                let of_all = 1.0 - KEPT.powi(updates.min(1000) as i32);
                if updates == 0 { 0.0 } else { 1.0 / of_all }
            }),
        };
        let formula = self.formula;
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
