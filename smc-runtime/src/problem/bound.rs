//! A model bound to rows: the only thing that a sampler sees of a model and its data.

use std::sync::Arc;

use super::batches::RowSampled;
use super::counts::Counts;
use super::density::Density;
use super::layered::Layered;
use super::population::Population;
use super::predictor::{Choice, Predictor};
use super::segment::{Segment, Sums};
use crate::base::error::{Error, Result};
use crate::model::architecture::Architecture;
use crate::model::layout::Layout;

/// A [`Predictor`] bound to N rows: a posterior up to its evidence, on unconstrained coordinates.
///
/// Contract. Everything that the predictor's contract says of values, gradients and bits. Rows were put into a random order
/// when the model was bound ([`Problem::order`]), so that a run of them is a random set; a segment is a run of bound rows, and
/// segments may overlap. The cost of an evaluation follows the rows of the segments and not N.
///
/// A problem of one's own is a predictor and four methods; what else there is asks the predictor. One that counts a second model's rows twice, say:
///
/// ```
/// use std::sync::Arc;
/// use smc_runtime::problem::population::Population;
/// use smc_runtime::problem::{Counts, Predictor, Problem, Segment, Sums};
///
/// struct Twice(Arc<dyn Problem>);
///
/// impl Problem for Twice {
///     fn predictor(&self) -> Arc<dyn Predictor> {
///         self.0.predictor()
///     }
///     fn model(&self) -> &dyn Predictor {
///         self.0.model()
///     }
///     fn order(&self) -> &[usize] {
///         self.0.order()
///     }
///     fn counts(&self) -> Counts {
///         self.0.counts()
///     }
///     fn log_likelihood(&self, thetas: &Population, segments: &[Segment], gradient: Option<&mut Population>) -> Sums {
///         let doubled: Vec<Segment> = segments.iter().map(|s| Segment { weight: 2.0 * s.weight, ..s.clone() }).collect();
///         let mut sums = self.0.log_likelihood(thetas, &doubled, gradient);
///         sums.values_mut().iter_mut().for_each(|sum| *sum *= 2.0);
///         sums
///     }
///     fn row_log_likelihoods(&self, thetas: &Population) -> Vec<f64> {
///         self.0.row_log_likelihoods(thetas).iter().map(|l| 2.0 * l).collect()
///     }
/// }
/// ```
pub trait Problem: Send + Sync {
    /// The model, to keep when the problem is gone.
    fn predictor(&self) -> Arc<dyn Predictor>;

    /// The same model, to look at.
    fn model(&self) -> &dyn Predictor;

    /// Bound row i is the user's row `order()[i]`; it has the length N.
    fn order(&self) -> &[usize];

    /// What has been computed so far.
    fn counts(&self) -> Counts;

    /// Σ log p(y_i | x_i, θ) over every segment, for every vector. The gradient is that of Σ weight · Σ_segment.
    fn log_likelihood(
        &self,
        thetas: &Population,
        segments: &[Segment],
        gradient: Option<&mut Population>,
    ) -> Sums;

    /// log p(y_i | x_i, θ) of every vector and row: particles × rows, in the *user's* order of rows.
    fn row_log_likelihoods(&self, thetas: &Population) -> Vec<f64>;

    /// Number of rows N.
    fn rows(&self) -> usize {
        self.order().len()
    }

    /// Names, shapes and places of the parameters.
    fn layout(&self) -> &Layout {
        self.model().layout()
    }

    /// Number of parameters d.
    fn dim(&self) -> usize {
        self.layout().dim()
    }

    /// The network as data.
    fn architecture(&self) -> &Architecture {
        self.model().architecture()
    }

    /// The engine, and why it was chosen.
    fn engine(&self) -> &Choice {
        self.model().engine()
    }

    /// p(θ).
    fn prior(&self) -> &dyn Density {
        self.model().prior()
    }

    /// The capability to walk layer by layer; `Err` says which part of the model lacks it.
    ///
    /// # Errors
    /// [`Error::Lacks`], naming the part.
    fn layered(&self) -> Result<&dyn Layered> {
        Err(Error::lacks(
            "a walk through affine layers",
            "this problem does not offer one",
        ))
    }

    /// The capability to give random mini-batches; `Err` says why there are none.
    ///
    /// # Errors
    /// [`Error::Lacks`], with the reason.
    fn row_sampled(&self) -> Result<&dyn RowSampled> {
        Err(Error::lacks(
            "mini-batches",
            "this problem does not offer any",
        ))
    }
}

const _: fn(&dyn Problem) = |_| ();

/// A problem that is borrowed is one.
impl<P: Problem + ?Sized> Problem for &P {
    fn predictor(&self) -> Arc<dyn Predictor> {
        (**self).predictor()
    }

    fn model(&self) -> &dyn Predictor {
        (**self).model()
    }

    fn order(&self) -> &[usize] {
        (**self).order()
    }

    fn counts(&self) -> Counts {
        (**self).counts()
    }

    fn log_likelihood(
        &self,
        thetas: &Population,
        segments: &[Segment],
        gradient: Option<&mut Population>,
    ) -> Sums {
        (**self).log_likelihood(thetas, segments, gradient)
    }

    fn row_log_likelihoods(&self, thetas: &Population) -> Vec<f64> {
        (**self).row_log_likelihoods(thetas)
    }

    fn prior(&self) -> &dyn Density {
        (**self).prior()
    }

    fn layered(&self) -> Result<&dyn Layered> {
        (**self).layered()
    }

    fn row_sampled(&self) -> Result<&dyn RowSampled> {
        (**self).row_sampled()
    }
}
