//! Laplace's approximation: a normal density around a mode.

use std::sync::Arc;

use super::judge::{leave, log_joint};
use super::plan::{Passes, caution_of, check_temperature, passes_draws};
use super::start::{Start, start};
use super::{Fitting, Variational, inference_of_a_fit};
use crate::base::error::{Error, Result};
use crate::base::rng::Streams;
use crate::base::saved::Saved;
use crate::family::{Factors, Layerwise, around, squares};
use crate::infer::optimise::{Map, map};
use crate::infer::{Cost, DrawnFrom, Inference, Outcome, Stepwise};
use crate::problem::density::Density;
use crate::problem::population::Population;
use crate::problem::{Layer, Problem, Segment, blocks};

/// Laplace's approximation: the normal density around the mode with the inverse of the curvature there as its covariance (D. J. C. MacKay, *A
/// practical Bayesian framework for backpropagation networks*, 1992). The mode is that of [`map`](crate::infer::map()) without
/// held-out rows, unless [`around`](LaplaceApproximation::around) gives another search; the curvature is that of Kronecker factors for every affine layer (H.
/// Ritter, A. Botev, D. Barber, *A scalable Laplace approximation for neural networks*, ICLR 2018), with the eigenvalues of factors and prior together and not a
/// product of damped factors. Other parameters get a curvature of their own.
///
/// What is left is a density: predictions are averages over draws of it, which for networks at temperature 1 are often worse than those of the
/// mode, since far from it the network is not linear. [`Fitted::laplace`](crate::infer::Fitted) is the approximate log-evidence.
///
/// ```
/// use smc_runtime::infer::DrawnFrom;
/// use smc_runtime::prelude::*;
///
/// #[bayes_model]
/// #[likelihood(Normal(mean = output, sd = 1.0))]
/// #[infer(laplace())]
/// struct Line {
///     #[prior(Normal(0.0, 1.0))]
///     output: Linear<1, 1>,
/// }
///
/// let data = Dataset::new(1, vec![-1.0, 1.0], vec![-3.0, 3.0])?;
/// let fit = Line::infer(&data).seed(1).run()?;
/// let DrawnFrom::Fitted(fitted) = fit.drawn_from() else { panic!() };
/// // The posterior is normal: the approximation is exact, log N(y; 0, I + X Xᵀ + 1 1ᵀ).
/// let exact = -2.0 * 0.5 * std::f64::consts::TAU.ln() - 0.5 * 9f64.ln() - 3.0;
/// assert!((fitted.laplace.unwrap() - exact).abs() < 0.01);
/// # Ok::<(), Error>(())
/// ```
pub fn laplace() -> LaplaceApproximation {
    LaplaceApproximation {
        mode: map().validation(0.0),
        curvature: Curvature::Kronecker,
        temperature: 1.0,
        learned: false,
        passes: Passes::default(),
    }
}

/// The form of the covariance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curvature {
    /// Independent coordinates: sums of squared derivatives of single rows.
    Diagonal,
    /// Kronecker factors for every affine layer.
    Kronecker,
    /// All second derivatives, of at most 5000 parameters.
    Full,
}

/// The settings of Laplace's approximation; see [`laplace`].
#[derive(Clone, Debug)]
pub struct LaplaceApproximation {
    mode: Map,
    curvature: Curvature,
    temperature: f64,
    learned: bool,
    passes: Passes,
}

impl LaplaceApproximation {
    /// The search for the mode.
    pub fn around(mut self, mode: Map) -> Self {
        self.mode = mode;
        self
    }

    /// The form of the covariance; Kronecker unless set.
    pub fn curvature(mut self, curvature: Curvature) -> Self {
        self.curvature = curvature;
        self
    }

    /// What the covariance is multiplied with; 1 unless set. Below 1 it is colder than the posterior.
    pub fn temperature(mut self, temperature: f64) -> Self {
        self.temperature = temperature;
        self
    }

    /// The precision of every layer's prior is multiplied with the number by which the evidence is largest, around the mode that was found with the prior
    /// as it is declared (MacKay, 1992; what laplace-torch does by `marglik`). What they are is said in the report. Not with a full covariance.
    pub fn learned_prior(mut self) -> Self {
        self.learned = true;
        self
    }

    passes_draws!();
}

/// Rows of a walk.
const ROWS: usize = 1024;

struct Around<'a> {
    settings: LaplaceApproximation,
    problem: Arc<dyn Problem + 'a>,
    streams: Streams,
    search: Box<dyn Stepwise + 'a>,
    /// What was found around the mode, once the search is over.
    found: Option<Found>,
}

/// A density around a mode.
#[derive(Clone)]
struct Found {
    density: Arc<dyn Density>,
    mode: Population,
    /// What another prior adds to the log-density at the mode.
    adds: f64,
    /// How strong the prior of every layer was made, in words.
    said: Vec<String>,
}

impl Around<'_> {
    /// The mode that the search has come to.
    fn mode(&self) -> Result<Population> {
        let state = self.search.state()?;
        let again = self
            .settings
            .mode
            .resume(self.problem.clone(), self.streams, &state)?;
        let found = again.finish()?.draws;
        Ok(found.positions().clone())
    }

    /// The density around the mode that the search has come to.
    fn found(&self) -> Result<Found> {
        if let Some(found) = &self.found {
            return Ok(found.clone());
        }
        let mode = self.mode()?;
        let (density, learned, adds) = self.of(&mode)?;
        let layers = if learned.is_empty() {
            Vec::new()
        } else {
            self.problem.layered()?.layers().to_vec()
        };
        let pairs = layers.iter().zip(&learned);
        let line = |(layer, c): (&Layer, &f64)| {
            format!(
                "the prior's precision of `{}` times {c:.3}, by the evidence",
                layer.name
            )
        };
        Ok(Found {
            said: pairs.map(line).collect(),
            density,
            mode,
            adds,
        })
    }

    fn of(&self, mode: &Population) -> Result<(Arc<dyn Density>, Vec<f64>, f64)> {
        let learned = self.settings.learned;
        let (problem, heat) = (&*self.problem, self.settings.temperature);
        let Start { sd, widest, .. } = start(problem, self.streams);
        if self.settings.curvature == Curvature::Full {
            let wide = widest
                .iter()
                .map(|(_, sd)| f64::from(*sd))
                .fold(0.0, f64::max);
            let density = around(problem, mode, 1.0 / (wide * wide), heat)?;
            return Ok((density, Vec::new(), 0.0));
        }
        let (layered, rows) = (problem.layered()?, problem.rows());
        let factors = Factors::suited(problem, layered).following(f32::MIN_POSITIVE);
        let mut layers = Layerwise::new(layered, rows, mode, &sd, &widest, factors)?;
        // The diagonal takes the prior's precisions alone from here.
        if self.settings.curvature == Curvature::Kronecker {
            let mut gradient = mode.zeros_like();
            for rows in blocks(0..rows, rows.div_ceil(ROWS)) {
                let segments = [Segment { rows, weight: 1.0 }];
                let streams = self.streams;
                layers.walk(layered, mode, &segments, 0.0, streams, 0, &mut gradient);
            }
        }
        layers.renew(layered, problem.model())?;
        layers.bend(problem);
        let heat = heat as f32;
        if self.settings.curvature == Curvature::Diagonal {
            return squares(layered, rows, mode, &layers.of_prior(), heat, learned);
        }
        let (learned, adds) = if learned {
            layers.learn_prior()
        } else {
            (Vec::new(), 0.0)
        };
        Ok((layers.density(heat)?, learned, adds))
    }
}

impl Fitting for Around<'_> {
    fn density(&self) -> Result<Arc<dyn Density>> {
        Ok(self.found()?.density)
    }

    fn cautions(&self) -> Vec<String> {
        caution_of(self.settings.temperature).into_iter().collect()
    }
}

impl Stepwise for Around<'_> {
    fn chosen(&self) -> Vec<String> {
        let said = self.found.iter().flat_map(|found| found.said.clone());
        self.search.chosen().into_iter().chain(said).collect()
    }

    fn step(&mut self) -> Result<Option<crate::infer::observe::Step>> {
        let step = self.search.step()?;
        if step.is_none() && self.found.is_none() {
            self.found = Some(self.found()?);
        }
        Ok(step)
    }

    fn state(&self) -> Result<Saved> {
        self.search.state()
    }

    fn finish(self: Box<Self>) -> Result<Outcome> {
        let told = self.found.is_some();
        let Found {
            density,
            mode,
            adds,
            said,
        } = self.found()?;
        let problem = &*self.problem;
        let evidence = log_joint(problem, &mode)[0] + adds - density.log_density(&mode, None)[0];
        let leaves = self.settings.passes.leaves(problem.dim());
        let mut cautions = self.cautions();
        // A run that was ended early has told what was chosen before this was.
        cautions.extend(said.into_iter().filter(|_| !told));
        let outcome = leave(problem, density, self.streams, leaves, cautions)?;
        let Outcome { draws, cautions } = outcome;
        let cold = self.settings.temperature != 1.0;
        let draws = match draws.drawn_from() {
            DrawnFrom::Fitted(mut fitted) if !cold => {
                fitted.laplace = Some(evidence);
                draws.meant_for(DrawnFrom::Fitted(fitted))
            }
            _ => draws,
        };
        Ok(Outcome { draws, cautions })
    }
}

impl Inference for LaplaceApproximation {
    inference_of_a_fit!("laplace", |laplace, problem| laplace.mode.cost(problem));
}

impl Variational for LaplaceApproximation {
    fn fit<'a>(
        &self,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
        state: Option<&Saved>,
    ) -> Result<Box<dyn Fitting + 'a>> {
        self.passes.check()?;
        check_temperature(self.temperature)?;
        if self.learned && self.curvature == Curvature::Full {
            let expected = "the layers' priors are learned with Kronecker or diagonal curvature";
            return Err(Error::config("curvature", "Full", expected));
        }
        if self.curvature != Curvature::Full {
            problem.layered()?;
        }
        let search = match state {
            None => self.mode.begin(problem.clone(), streams)?,
            Some(state) => self.mode.resume(problem.clone(), streams, state)?,
        };
        Ok(Box::new(Around {
            settings: self.clone(),
            problem,
            streams,
            search,
            found: None,
        }))
    }
}
