//! Weights of a training that goes on at a constant rate, as a normal density.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::plan::{Passes, Usual, passes_draws, passes_setters};
use super::run::{Batch, Fit, Rule};
use super::{Fitting, Variational, inference_of_a_fit};
use crate::base::error::{Error, Result};
use crate::base::rng::Streams;
use crate::base::saved::Saved;
use crate::family::Trail;
use crate::infer::optimise::{adam_step, begin, cosine, held, usual_batch, usual_rate};
use crate::infer::{Cost, Inference, Stepwise};
use crate::problem::Problem;
use crate::problem::density::Density;
use crate::problem::population::Population;

/// SWAG: after a training, whose rate falls, the updates go on at a constant rate, and the normal density is left that has the mean of the weights that
/// they come through, half of their variance, and half of their covariance in the directions of the last twenty (W. J. Maddox et al., *A simple
/// baseline for Bayesian uncertainty in deep learning*, NeurIPS 2019). Three quarters of the passes are the training.
///
/// The updates are Adam's in the place of those of the paper's stochastic gradients with momentum, so that one rate serves networks and data of any
/// size. How wide the density is follows from rate and batch and not from the posterior: it is a baseline.
///
/// ```
/// use smc_runtime::prelude::*;
///
/// #[bayes_model]
/// #[likelihood(Normal(mean = output, sd = 0.1))]
/// #[infer(swag().passes(400))]
/// struct Curve {
///     #[prior(Normal(0.0, 2.0))]
///     hidden: Linear<1, 8>,
///     activation: Tanh,
///     #[prior(Normal(0.0, 1.0))]
///     output: Linear<8, 1>,
/// }
///
/// let x: Vec<f32> = (0..400).map(|i| i as f32 / 66.0 - 3.0).collect();
/// let y = x.iter().map(|x| x.sin()).collect();
/// let data = Dataset::new(1, x, y)?;
/// let fit = Curve::infer(&data).seed(1).run()?;
/// assert!(fit.predict(&data)?.summary().rmse < Some(0.1));
/// # Ok::<(), Error>(())
/// ```
pub fn swag() -> Swag {
    Swag {
        passes: Passes {
            usual: Usual {
                batch: |rows, _| usual_batch(rows),
                ..Passes::default().usual
            },
            ..Passes::default()
        },
        rate: None,
        constant: CONSTANT,
        rank: 20,
    }
}

/// The share of the run that is the training.
const TRAINED: f64 = 0.75;

/// The constant rate, as a share of the first one, unless it is set.
const CONSTANT: f64 = 0.3;

/// How often weights are looked at while the rate is constant.
const LOOKS: f64 = 100.0;

/// The settings of SWAG; see [`swag`].
#[derive(Clone, Copy, Debug)]
pub struct Swag {
    passes: Passes,
    rate: Option<f64>,
    constant: f64,
    rank: usize,
}

impl Swag {
    passes_setters!(
        "what gives 14000 updates, but at least 20",
        "A 32nd of the rows, but between 32 and 128"
    );

    /// Learning rate of Adam at the start of the training, over which it falls along half a cosine; by the number of parameters as that of
    /// [`map`](crate::infer::map()) unless set.
    pub fn rate(mut self, rate: f64) -> Self {
        self.rate = Some(rate);
        self
    }

    /// The constant rate after the training, as a share of the first: 0.3 unless set. The density is the wider the larger it is.
    pub fn constant(mut self, share: f64) -> Self {
        self.constant = share;
        self
    }

    /// Directions of the covariance: 20 unless set.
    pub fn rank(mut self, rank: usize) -> Self {
        self.rank = rank;
        self
    }

    fn check(&self) -> Result<()> {
        for (what, value) in [("rate", self.rate), ("constant", Some(self.constant))] {
            if let Some(value) = value
                && !(value > 0.0 && value.is_finite())
            {
                let expected = "a positive, finite number is needed";
                return Err(Error::config(what, value, expected));
            }
        }
        if (2..=LOOKS as usize).contains(&self.rank) {
            return Ok(());
        }
        let expected = format!("between 2 and {LOOKS}");
        Err(Error::config("rank", self.rank, expected))
    }
}

struct Averaged {
    rate: f64,
    constant: f64,
    rank: usize,
    held: Vec<std::ops::Range<usize>>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Numbers {
    theta: Population,
    moments: [Population; 2],
    /// Updates since the moments were zero.
    updates: i32,
    trail: Trail,
}

impl Rule for Averaged {
    type Numbers = Numbers;

    fn dim(numbers: &Numbers) -> usize {
        numbers.theta.dim()
    }

    fn update(&self, numbers: &mut Numbers, at: &Batch<'_>) -> Result<f64> {
        let problem = at.problem;
        let mut gradient = numbers.theta.zeros_like();
        let prior = problem
            .prior()
            .log_density(&numbers.theta, Some(&mut gradient))[0];
        let sums = problem.log_likelihood(&numbers.theta, at.segments, Some(&mut gradient));
        let sum = sums.totals()[0];
        if !(sum + prior).is_finite() || gradient.first_not_finite().is_some() {
            return Ok(f64::NAN);
        }
        gradient.clear_coordinates(&self.held);
        numbers.updates = numbers.updates.saturating_add(1);
        let rows = problem.rows();
        let trained = at.done / TRAINED;
        let floor = self.constant * self.rate;
        let rate = if trained < 1.0 {
            cosine(self.rate, trained).max(floor)
        } else {
            floor
        };
        let step = adam_step(rate, numbers.updates, rows);
        numbers
            .theta
            .adam(&mut numbers.moments, &mut gradient, &[step]);
        let due = LOOKS * (at.done - TRAINED) / (1.0 - TRAINED);
        if due >= numbers.trail.looks() as f64 {
            numbers.trail.look(&numbers.theta, self.rank);
        }
        Ok(sum * rows as f64 / at.rows as f64)
    }

    fn cautions(&self) -> Vec<String> {
        let rate = self.constant * self.rate;
        vec![format!(
            "how wide the density is follows from the rate {rate:.1e} of its updates and their batches, not from the posterior"
        )]
    }

    fn density(&self, numbers: &Numbers) -> Result<Arc<dyn Density>> {
        numbers.trail.density(&numbers.theta)
    }
}

impl Inference for Swag {
    inference_of_a_fit!("swag", |swag, problem| swag.passes.cost(problem));
}

impl Variational for Swag {
    fn planned_for(&self, passes: usize) -> Option<Arc<dyn Variational>> {
        Some(Arc::new(self.passes(passes)))
    }

    fn fit<'a>(
        &self,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
        state: Option<&Saved>,
    ) -> Result<Box<dyn Fitting + 'a>> {
        self.check()?;
        let plan = self.passes.plan(&*problem)?;
        let rule = Averaged {
            rate: self.rate.unwrap_or_else(|| usual_rate(problem.dim())),
            constant: self.constant,
            rank: self.rank,
            held: held(&*problem),
        };
        let start = |problem: &dyn Problem| {
            let mut theta = Population::zeros(1, problem.dim());
            begin(problem, streams, &mut theta);
            let zeros = theta.zeros_like();
            Ok(Numbers {
                theta,
                moments: [zeros.clone(), zeros],
                updates: 0,
                trail: Trail::default(),
            })
        };
        let fit = Fit::begin(rule, plan, problem, streams, state, start)?;
        Ok(Box::new(fit))
    }
}
