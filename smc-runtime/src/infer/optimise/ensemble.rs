//! Deep ensembles: independently trained vectors, equally weighted.

use std::sync::Arc;

use super::adam::{Adam, adam_setters};
use super::training::Trained;
use crate::base::error::{Error, Result};
use crate::base::rng::Streams;
use crate::base::saved::Saved;
use crate::infer::{Cost, Draws, Inference, Outcome, Stepwise};
use crate::problem::Problem;

/// A deep ensemble (B. Lakshminarayanan, A. Pritzel, C. Blundell, *Simple and scalable predictive uncertainty estimation*,
/// NeurIPS 2017): 16 members unless set, each a [`map`](super::map()) from its own start, stopped for itself, equally weighted.
///
/// Members begin at a size from which a network trains, whatever its prior's: weights with a standard deviation of fan_in^−½ (times
/// √2 before `Relu`), biases at zero, everything else at a draw of the prior. They are dealt to ten parts of the rows (by
/// [`validation`](Ensemble::validation)), each of which holds out its own to stop early. A member whose
/// log-density is not finite goes back to its best vector and on with half the rate; the report counts that.
///
/// ```
/// use smc_runtime::prelude::*;
///
/// #[bayes_model]
/// #[likelihood(Normal(mean = output, sd = 0.1))]
/// #[infer(ensemble(members = 4, epochs = 200))]
/// struct Curve {
///     #[prior(Normal(0.0, 1.0))]
///     hidden: Linear<1, 8>,
///     activation: Tanh,
///     #[prior(Normal(0.0, 1.0))]
///     output: Linear<8, 1>,
/// }
///
/// let x: Vec<f32> = (0..60).map(|i| i as f32 / 10.0 - 3.0).collect();
/// let y = x.iter().map(|x| x.sin()).collect();
/// let data = Dataset::new(1, x, y)?;
/// let members = Curve::infer(&data).seed(1).run()?;
/// assert_eq!((members.len(), members.weights()), (4, vec![0.25; 4]));
/// assert!(members.predict(&data)?.summary().rmse < Some(0.2));
/// # Ok::<(), Error>(())
/// ```
pub fn ensemble() -> Ensemble {
    Ensemble::default()
}

/// The settings of a deep ensemble; see [`ensemble`].
#[derive(Clone, Debug)]
pub struct Ensemble {
    members: usize,
    adam: Adam,
}

impl Default for Ensemble {
    fn default() -> Self {
        Self {
            members: 16,
            adam: Adam::default(),
        }
    }
}

impl Ensemble {
    /// Number of members.
    pub fn members(mut self, members: usize) -> Self {
        self.members = members;
        self
    }

    adam_setters!();
}

impl Ensemble {
    fn check(&self) -> Result<()> {
        match self.members {
            0 => Err(Error::config("members", 0, "at least 1 is needed")),
            _ => Ok(()),
        }
    }
}

impl Inference for Ensemble {
    fn name(&self) -> &'static str {
        "ensemble"
    }

    fn cost(&self, problem: &dyn Problem) -> Option<Cost> {
        self.adam.cost(self.members, problem, "fewer members")
    }

    fn begin<'a>(
        &self,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
    ) -> Result<Box<dyn Stepwise + 'a>> {
        self.check()?;
        self.adam.begin(self.members, problem, streams, leave)
    }

    fn resume<'a>(
        &self,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
        state: &Saved,
    ) -> Result<Box<dyn Stepwise + 'a>> {
        self.check()?;
        let members = self.members;
        self.adam.resume(members, problem, streams, leave, state)
    }
}

fn leave(trained: Trained) -> Outcome {
    let held = trained.caution_of_held();
    let Trained {
        positions,
        asked,
        to_the_end,
        epochs,
        ..
    } = trained;
    let members = positions.len();
    let mut cautions = vec![format!(
        "{members} points, each near a mode, and no draws from the posterior: their spread is that of where training ends"
    )];
    cautions.extend(held);
    if to_the_end > 0 {
        cautions.push(format!(
            "{to_the_end} of {asked} members were ended by the last of {epochs} epochs, not by rows held out: more epochs may fit better"
        ));
    }
    if members < asked {
        cautions.push(format!(
            "{} of {asked} members never had a finite log-density and are left out",
            asked - members
        ));
    }
    Outcome {
        draws: Draws::points(positions),
        cautions,
    }
}
