//! The posterior mode: one vector, by Adam.

use std::sync::Arc;

use super::adam::{Adam, adam_setters};
use super::training::Trained;
use crate::base::error::Result;
use crate::base::rng::Streams;
use crate::base::saved::Saved;
use crate::infer::{Cost, Draws, Inference, Outcome, Stepwise};
use crate::problem::Problem;

/// The maximum a posteriori: one vector of unconstrained coordinates that maximises log p(θ) + Σ ℓᵢ(θ), by
/// [Adam](https://arxiv.org/abs/1412.6980) on mini-batches, stopped early by a tenth of the rows;
/// without [`validation`](Map::validation), the mode itself.
///
/// The density is that with respect to unconstrained coordinates, log-Jacobians included: the mode of a positive
/// parameter is that of its logarithm. A scale that stands in the priors of other parameters alone stays where it begins, at the
/// third quartile of its prior: together with the weights under it, the density has no maximum (it grows without bound as both
/// go to zero). The report names such scales.
///
/// ```
/// use smc_runtime::prelude::*;
///
/// #[bayes_model]
/// #[likelihood(Normal(mean = output, sd = 1.0))]
/// #[infer(map(validation = 0.0))]
/// struct Line {
///     #[prior(Normal(0.0, 1.0))]
///     output: Linear<1, 1>,
/// }
///
/// let data = Dataset::new(1, vec![-1.0, 1.0], vec![-3.0, 3.0])?;
/// let mode = Line::infer(&data).seed(1).run()?;
/// assert_eq!((mode.len(), mode.log_evidence()), (1, None));
/// // Xᵀy / (XᵀX + 1) = 6 / 3.
/// assert!((mode.draw(0).output.weight[0][0] - 2.0).abs() < 1e-4);
/// # Ok::<(), Error>(())
/// ```
pub fn map() -> Map {
    Map::default()
}

/// The settings of the search for the mode; see [`map`].
#[derive(Clone, Debug, Default)]
pub struct Map {
    adam: Adam,
}

impl Map {
    adam_setters!();
}

impl Inference for Map {
    fn name(&self) -> &'static str {
        "map"
    }

    fn cost(&self, problem: &dyn Problem) -> Option<Cost> {
        self.adam.cost(1, problem, "a smaller network")
    }

    fn begin<'a>(
        &self,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
    ) -> Result<Box<dyn Stepwise + 'a>> {
        self.adam.begin(1, problem, streams, leave)
    }

    fn resume<'a>(
        &self,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
        state: &Saved,
    ) -> Result<Box<dyn Stepwise + 'a>> {
        self.adam.resume(1, problem, streams, leave, state)
    }
}

fn leave(trained: Trained) -> Outcome {
    let mut cautions = vec![
        "one point near the mode and no draw from the posterior: predictions lack the uncertainty of the parameters"
            .to_owned(),
    ];
    cautions.extend(trained.caution_of_held());
    Outcome {
        draws: Draws::points(trained.positions),
        cautions,
    }
}
