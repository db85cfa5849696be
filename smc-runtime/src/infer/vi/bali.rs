//! Layerwise inference: a network as a stack of Bayesian linear regressions.

use std::sync::Arc;

use super::natural::Formula;
use super::plan::{
    Passes, Usual, caution_of, check_temperature, falling, passes_draws, passes_setters,
};
use super::run::{Batch, Fit, Rule};
use super::score_vi::Proximal;
use super::start::{Start, start};
use super::{Fitting, Variational, inference_of_a_fit};
use crate::base::error::{Error, Result};
use crate::base::rng::Streams;
use crate::base::saved::Saved;
use crate::family::{Factors, Layerwise};
use crate::infer::{Cost, Inference, Stepwise};
use crate::problem::Problem;
use crate::problem::density::Density;
use crate::problem::population::Population;

/// Layerwise inference: every affine layer is a Bayesian linear regression of pseudo-targets on its inputs, and its weights have a matrix-normal
/// posterior with the covariance (N H ⊗ A + prior)⁻¹, A the mean of x xᵀ over a layer's inputs and H that of the squared derivatives by
/// its outputs. Means follow natural gradients, which are the regressions on pseudo-targets with running means over mini-batches in the place of
/// all rows; the training pass draws every layer's outputs, exactly so for every row. Few passes suffice.
///
/// The idea is that of R. Kurle, A. Klushyn, R. Herbrich, *BALI: Learning Neural Networks via Bayesian Layerwise Inference* (arXiv
/// 2411.12102); the algorithm is **reconstructed** from its abstract, and the document on layerwise inference says what was read, what was added
/// and what it does.
///
/// The covariance is **cold** unless it is told otherwise: a tenth of the posterior's, at the temperature 0.1, which predicts better on
/// images; [`temperature`](Bali::temperature) sets another. Parameters that are no layer's, such as a noise or the scale of a prior, are fitted at temperature 1
/// beside the layers.
///
/// ```
/// use smc_runtime::prelude::*;
///
/// #[bayes_model]
/// #[likelihood(Normal(mean = output, sd = noise))]
/// #[infer(bali().passes(40))]
/// struct Curve {
///     #[prior(Normal(0.0, 2.0))]
///     hidden: Linear<1, 8>,
///     activation: Tanh,
///     #[prior(Normal(0.0, 1.0))]
///     output: Linear<8, 1>,
///     #[prior(HalfNormal(1.0))]
///     noise: Scale,
/// }
///
/// let x: Vec<f32> = (0..400).map(|i| i as f32 / 66.0 - 3.0).collect();
/// let y = x.iter().map(|x| x.sin()).collect();
/// let data = Dataset::new(1, x, y)?;
/// let fit = Curve::infer(&data).seed(1).run()?;
/// assert!(fit.predict(&data)?.summary().rmse < Some(0.1));
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
/// `begin` says which field is at fault where a parameter of the network is no affine layer's, where the prior of weights is not normal or differs
/// between the units of a layer, and where a layer has more than 1024 inputs or outputs.
pub fn bali() -> Bali {
    Bali {
        passes: Passes {
            usual: USUAL,
            ..Passes::default()
        },
        temperature: 0.1,
        rate: 0.3,
        trust: None,
    }
}

/// What layerwise inference does unless it is told.
const USUAL: Usual = Usual {
    updates: 2400,
    passes: 10,
    batch: |rows, dim| (rows / 20).clamp(16, most(dim)),
};

/// Rows of a batch at the most: what is done for every batch, whatever its rows, grows faster than what is done for a row.
fn most(dim: usize) -> usize {
    const FEW: f64 = 50_000.0;
    (256.0 * (dim as f64 / FEW).sqrt().max(1.0)) as usize
}

/// Rows above which batches are a small part of them: factors follow more slowly, and steps are shorter.
const MANY: usize = 20 * 256;

/// Updates from one renewal of bases and precisions to the next, in the first pass and later.
const RENEW: [usize; 2] = [2, 10];

/// Rates at which parameters follow that are no layer's: of means and of precisions; and the trust region of their slopes.
const RATES: [f32; 2] = [0.1, 0.02];
const TRUST: f32 = 3.0;

/// The share of the rate that is left at the end.
const LEAST: f64 = 1e-3;

/// The settings of layerwise inference; see [`bali`].
#[derive(Clone, Copy, Debug)]
pub struct Bali {
    passes: Passes,
    temperature: f64,
    rate: f64,
    trust: Option<f64>,
}

impl Bali {
    passes_setters!(
        "what gives 2400 updates, but at least 10",
        "A 20th of the rows, but between 16 and 256, and more where parameters are above 50000, as the root of their number"
    );

    /// What the variances of weights are multiplied with, while they are fitted and in what is left; 0.1 unless set, and 1 for the posterior
    /// that the model declares.
    pub fn temperature(mut self, temperature: f64) -> Self {
        self.temperature = temperature;
        self
    }

    /// The share of a whole regression that a mini-batch is followed for, at the start; it falls along half a cosine over the planned run.
    /// 0.3 unless set.
    pub fn rate(mut self, rate: f64) -> Self {
        self.rate = rate;
        self
    }

    /// The most that a step may change outputs: its square in the information per row, about twice the divergence of a row's
    /// predictions. 0.01 unless set, 0.003 where rows are more than 5120, and infinity for none.
    pub fn trust(mut self, square: f64) -> Self {
        self.trust = Some(square);
        self
    }
}

/// The numbers that a fit begins with.
///
/// # Errors
/// If layerwise inference is not for this model.
pub(in crate::infer) fn begin(problem: &dyn Problem, streams: Streams) -> Result<Layerwise> {
    let layered = problem.layered()?;
    if layered.layers().is_empty() {
        let why = "there is no affine layer";
        return Err(Error::lacks("layerwise inference", why));
    }
    let rows = problem.rows();
    let share = if rows > MANY { 0.05 } else { 0.1 };
    let factors = Factors::suited(problem, layered).following(share);
    let Start { mean, sd, widest } = start(problem, streams);
    let begun = Layerwise::new(layered, rows, &mean, &sd, &widest, factors)?;
    begun.suits(layered, problem.model())?;
    Ok(begun)
}

struct Regressions {
    /// The temperature.
    heat: f64,
    rate: f32,
    trust: f32,
    others: Proximal,
}

impl Rule for Regressions {
    type Numbers = Layerwise;

    const GOES_BACK: bool = true;

    fn dim(numbers: &Layerwise) -> usize {
        numbers.dim()
    }

    fn update(&self, numbers: &mut Layerwise, at: &Batch<'_>) -> Result<f64> {
        let (problem, layered) = (at.problem, at.problem.layered()?);
        let (theta, noise) = numbers.draw(at.streams, at.number);
        let mut gradient = theta.zeros_like();
        let sums = numbers.walk(
            layered,
            &theta,
            at.segments,
            self.heat as f32,
            at.streams,
            at.number,
            &mut gradient,
        );
        let others = numbers.has_others().then(|| gradient.clone());
        let prior = problem.prior().log_density(&theta, Some(&mut gradient))[0];
        let sum = sums.totals()[0];
        if !(sum + prior).is_finite() || gradient.first_not_finite().is_some() {
            return Ok(f64::NAN);
        }
        let rows = problem.rows();
        let model = problem.model();
        if at.number == 0 {
            // The first batch measures.
            numbers.renew(layered, model)?;
            return Ok(sum * rows as f64 / at.rows as f64);
        }
        if let Some(others) = others {
            self.follow(numbers, at, theta, others, &noise);
        }
        let rate = self.rate * (at.left * falling(at.done, LEAST)) as f32;
        numbers.step(&mut gradient, rate, self.trust);
        let first = at.number * at.rows < rows;
        let each = RENEW[usize::from(!first)];
        if at.number % each == each - 1 {
            numbers.renew(layered, model)?;
        }
        Ok(sum * rows as f64 / at.rows as f64)
    }

    fn density(&self, numbers: &Layerwise) -> Result<Arc<dyn Density>> {
        numbers.density(self.heat as f32)
    }

    fn cautions(&self) -> Vec<String> {
        caution_of(self.heat).into_iter().collect()
    }
}

impl Regressions {
    /// Parameters that are no layer's follow the slopes of the training pass, and those of the prior at weights drawn at temperature 1.
    fn follow(
        &self,
        numbers: &mut Layerwise,
        at: &Batch<'_>,
        mut theta: Population,
        mut gradient: Population,
        noise: &[f32],
    ) {
        numbers.shift(&mut theta, 1.0, at.streams, at.number);
        at.problem.prior().log_density(&theta, Some(&mut gradient));
        if gradient.first_not_finite().is_none() {
            let now = at.now(LEAST);
            numbers.follow(&gradient, noise, self.heat as f32, |coordinate| {
                self.others.coordinate(coordinate, now)
            });
        }
    }
}

impl Inference for Bali {
    inference_of_a_fit!("bali", |bali, problem| bali.passes.cost(problem));
}

impl Variational for Bali {
    fn planned_for(&self, passes: usize) -> Option<Arc<dyn Variational>> {
        Some(Arc::new(self.passes(passes)))
    }

    fn fit<'a>(
        &self,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
        state: Option<&Saved>,
    ) -> Result<Box<dyn Fitting + 'a>> {
        if !(self.rate > 0.0 && self.rate <= 1.0) {
            let expected = "a number above 0 and at most 1 is needed";
            return Err(Error::config("rate", self.rate, expected));
        }
        if let Some(trust) = self.trust
            && (trust.is_nan() || trust <= 0.0)
        {
            let expected = "a number above 0 is needed";
            return Err(Error::config("trust", trust, expected));
        }
        check_temperature(self.temperature)?;
        let plan = self.passes.plan(&*problem)?;
        let many = problem.rows() > MANY;
        let begin = |problem: &dyn Problem| begin(problem, streams);
        let rule = Regressions {
            heat: self.temperature,
            rate: self.rate as f32,
            trust: self
                .trust
                .map_or(if many { 0.003 } else { 0.01 }, |trust| trust as f32),
            others: Proximal::new(RATES, TRUST),
        };
        let fit = Fit::begin(rule, plan, problem, streams, state, begin)?;
        Ok(Box::new(fit))
    }
}
