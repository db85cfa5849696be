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
/// NeurIPS 2017): 16 members unless set or limited by a [budget](Ensemble::gradients), each a [`map`](super::map()) from its own start, stopped for itself, equally weighted.
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
#[derive(Clone, Debug, Default)]
pub struct Ensemble {
    members: Option<usize>,
    gradients: Option<u64>,
    adam: Adam,
}

impl Ensemble {
    /// Number of members.
    pub fn members(mut self, members: usize) -> Self {
        self.members = Some(members);
        self
    }

    /// About so many row-gradients of all members together, in place of a number of epochs; at least one epoch of each. Members are then fewer than 16 unless they are
    /// set: 0.45 times the root of the passes over the rows that this buys for one network, but at least 4, since a few networks trained to
    /// the end are better than many that are not.
    ///
    /// ```
    /// use smc_runtime::infer::ensemble;
    ///
    /// let of = |passes: u64| ensemble().gradients(passes * 60_000).size(60_000);
    /// assert_eq!((of(80), of(300), of(2000)), (4, 8, 16));
    /// ```
    pub fn gradients(mut self, row_gradients: u64) -> Self {
        self.gradients = Some(row_gradients);
        self
    }

    /// Members of an ensemble on so many rows.
    pub fn size(&self, rows: usize) -> usize {
        /// The best of 4, 8 and 16 members for 88, 300 and 700 passes over the images of MNIST, held-out rows, lie on a root.
        const SLOPE: f64 = 0.45;
        const LEAST: usize = 4;
        let by_passes = |all: u64| {
            let passes = all as f64 / rows.max(1) as f64;
            ((SLOPE * passes.sqrt()).round() as usize).clamp(LEAST, MOST)
        };
        self.members
            .unwrap_or_else(|| self.gradients.map_or(MOST, by_passes))
    }

    adam_setters!();
}

/// Members unless a number or a budget is set.
const MOST: usize = 16;

impl Ensemble {
    fn check(&self) -> Result<()> {
        match (self.members, self.gradients) {
            (Some(0), _) => Err(Error::config("members", 0, "at least 1 is needed")),
            (_, Some(0)) => Err(Error::config("gradients", 0, "at least 1 is needed")),
            (_, Some(_)) if self.adam.epochs.is_some() => Err(Error::config(
                "epochs",
                self.adam.epochs.unwrap_or_default(),
                "`gradients` sets the epochs: one of the two",
            )),
            _ => Ok(()),
        }
    }

    /// The members, and Adam with the epochs that the budget allows.
    fn planned(&self, problem: &dyn Problem) -> (usize, Adam) {
        let (rows, mut adam) = (problem.rows(), self.adam.clone());
        let members = self.size(rows);
        if let Some(all) = self.gradients {
            let learned = rows as f64 * (1.0 - adam.validation.clamp(0.0, 0.99));
            let epochs = all as f64 / (learned * members as f64).max(1.0);
            adam.epochs = Some((epochs as usize).max(1));
        }
        (members, adam)
    }
}

impl Inference for Ensemble {
    fn name(&self) -> &'static str {
        "ensemble"
    }

    fn cost(&self, problem: &dyn Problem) -> Option<Cost> {
        self.check().ok()?;
        let (members, adam) = self.planned(problem);
        adam.cost(members, problem, "fewer members")
    }

    fn begin<'a>(
        &self,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
    ) -> Result<Box<dyn Stepwise + 'a>> {
        self.check()?;
        let (members, adam) = self.planned(&*problem);
        adam.begin(members, problem, streams, leave)
    }

    fn resume<'a>(
        &self,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
        state: &Saved,
    ) -> Result<Box<dyn Stepwise + 'a>> {
        self.check()?;
        let (members, adam) = self.planned(&*problem);
        adam.resume(members, problem, streams, leave, state)
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
