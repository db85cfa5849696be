//! Draws from the prior in the place of a posterior's.

use std::fmt;
use std::sync::Arc;

use super::{DrawnFrom, Draws, Inference, Outcome, Stepwise, at_once};
use crate::base::error::{Error, Result};
use crate::base::rng::Streams;
use crate::problem::density::{Density, Moments};
use crate::problem::population::Population;
use crate::problem::{Predictor, Problem};

/// Independent draws from the prior; the rows are not looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FromPrior {
    pub(crate) draws: usize,
}

impl Inference for FromPrior {
    fn name(&self) -> &'static str {
        "prior"
    }

    fn begin<'a>(
        &self,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
    ) -> Result<Box<dyn Stepwise + 'a>> {
        if self.draws == 0 {
            return Err(Error::config("draws", 0, "at least 1 is needed"));
        }
        let prior = Arc::new(Kept(problem.predictor()));
        Ok(at_once(Outcome {
            draws: Draws::of(prior, streams, self.draws).meant_for(DrawnFrom::Prior),
            cautions: vec!["these are draws from the prior; the targets were not used".to_owned()],
        }))
    }
}

/// The prior of a model, to keep.
struct Kept(Arc<dyn Predictor>);

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.prior().fmt(f)
    }
}

impl Density for Kept {
    fn dim(&self) -> usize {
        self.0.prior().dim()
    }

    fn sample(&self, streams: Streams, draw: usize, thetas: &mut Population) {
        self.0.prior().sample(streams, draw, thetas);
    }

    fn log_density(&self, thetas: &Population, gradient: Option<&mut Population>) -> Vec<f64> {
        self.0.prior().log_density(thetas, gradient)
    }

    fn moments(&self) -> Moments {
        self.0.prior().moments()
    }
}
