//! Variational inference: a density fitted to the posterior, from mini-batches at the cost of training. One file for each rule; what
//! they share is a run that goes pass by pass.

mod bali;
mod bam;
mod boosted;
mod bound;
mod gsm;
mod ivon;
mod judge;
mod laplace;
mod matrix;
mod mean_field;
mod modes;
mod natural;
mod plan;
mod run;
mod score_vi;
mod start;
mod swag;

pub(super) use bali::begin as begin_layerwise;
pub use bali::{Bali, bali};
pub use bam::{Bam, bam};
pub use boosted::{Boosted, boosted};
pub use gsm::{Gsm, gsm};
pub use ivon::{Ivon, evon, ivon};
pub use laplace::{Curvature, LaplaceApproximation, laplace};
pub use mean_field::{MeanField, mean_field};
pub use modes::{Modes, modes};
pub use score_vi::{ScoreVi, score_vi};
pub use swag::{Swag, swag};

use std::sync::Arc;

use super::{Inference, Stepwise};
use crate::base::error::Result;
use crate::base::rng::Streams;
use crate::base::saved::Saved;
use crate::problem::Problem;
use crate::problem::density::Density;

/// An algorithm that fits a density: what [`modes`] and [`boosted`] take.
pub trait Variational: Inference {
    /// A fit, before its first step, or as it was when it saved `state`.
    ///
    /// # Errors
    /// Those of [`Inference::begin`] and [`Inference::resume`].
    fn fit<'a>(
        &self,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
        state: Option<&Saved>,
    ) -> Result<Box<dyn Fitting + 'a>>;

    /// The same fit planned for so many passes over the rows; `None` if it is not planned in passes. What a [budget](Modes::seconds) of
    /// several fits needs.
    fn planned_for(&self, passes: usize) -> Option<Arc<dyn Variational>> {
        let _ = passes;
        None
    }
}

const _: fn(&dyn Variational) = |_| ();

/// A fit under way.
pub trait Fitting: Stepwise {
    /// The density that it has come to.
    ///
    /// # Errors
    /// If its numbers are no longer those of a density.
    fn density(&self) -> Result<Arc<dyn Density>>;

    /// What is to be said of it.
    fn cautions(&self) -> Vec<String> {
        Vec::new()
    }

    /// Updates of a pass over the rows, if it makes passes.
    fn updates_of_a_pass(&self) -> Option<usize> {
        None
    }

    /// Seconds of a pass, by some updates that are forgotten, if it makes passes.
    ///
    /// # Errors
    /// Those of an update.
    fn seconds_of_a_pass(&self) -> Result<Option<f64>> {
        Ok(None)
    }
}

const _: fn(&dyn Fitting) = |_| ();

/// What an algorithm has that fits one density: `begin` and `resume` are those of the fit.
macro_rules! inference_of_a_fit {
    ($name:literal, $cost:expr) => {
        fn name(&self) -> &'static str {
            $name
        }

        fn cost(&self, problem: &dyn Problem) -> Option<Cost> {
            let cost: fn(&Self, &dyn Problem) -> Option<Cost> = $cost;
            cost(self, problem)
        }

        fn begin<'a>(
            &self,
            problem: Arc<dyn Problem + 'a>,
            streams: Streams,
        ) -> Result<Box<dyn Stepwise + 'a>> {
            Ok(self.fit(problem, streams, None)?)
        }

        fn resume<'a>(
            &self,
            problem: Arc<dyn Problem + 'a>,
            streams: Streams,
            state: &Saved,
        ) -> Result<Box<dyn Stepwise + 'a>> {
            Ok(self.fit(problem, streams, Some(state))?)
        }
    };
}
use inference_of_a_fit;
