//! Several independent fits as one mixture.

use std::sync::Arc;

use super::bound::weights_by_bound;
use super::judge::leave;
use super::plan::{Passes, passes_draws};
use super::{Fitting, Variational};
use crate::base::error::{Error, Result};
use crate::base::exec;
use crate::base::rng::Streams;
use crate::base::saved::Saved;
use crate::family::Mixture;
use crate::infer::observe::Step;
use crate::infer::{Cost, Inference, Outcome, Stepwise};
use crate::problem::density::Density;
use crate::problem::{Counts, Problem};

/// `k` fits by `vi` from different starts, mixed: what a deep ensemble is to one network. They count alike unless their weights go
/// [by the bound](Modes::by_bound). Fits run side by side, each on one thread.
///
/// ```
/// use smc_runtime::prelude::*;
///
/// #[bayes_model]
/// #[likelihood(Normal(mean = output, sd = 0.1))]
/// #[infer(modes(score_vi().passes(2000), 4))]
/// struct Curve {
///     #[prior(Normal(0.0, 2.0))]
///     hidden: Linear<1, 4>,
///     activation: Tanh,
///     #[prior(Normal(0.0, 1.0))]
///     output: Linear<4, 1>,
/// }
///
/// let x: Vec<f32> = (0..60).map(|i| i as f32 / 10.0 - 3.0).collect();
/// let y = x.iter().map(|x| x.sin()).collect();
/// let data = Dataset::new(1, x, y)?;
/// let fit = Curve::infer(&data).seed(1).run()?;
/// assert!(fit.predict(&data)?.summary().rmse < Some(0.1));
/// # Ok::<(), Error>(())
/// ```
pub fn modes(vi: impl Variational + 'static, k: usize) -> Modes {
    Modes {
        vi: Arc::new(vi),
        k,
        by_bound: false,
        passes: Passes::default(),
    }
}

/// The settings of a mixture of independent fits; see [`modes`].
#[derive(Clone, Debug)]
pub struct Modes {
    vi: Arc<dyn Variational>,
    k: usize,
    by_bound: bool,
    passes: Passes,
}

impl Modes {
    /// The weights that give the mixture the largest evidence bound, in the place of equal ones. Where fits are of different modes of a
    /// network, bounds are many nats apart, and one mode gets all of the weight.
    pub fn by_bound(mut self) -> Self {
        self.by_bound = true;
        self
    }

    passes_draws!();

    fn check(&self) -> Result<()> {
        if self.k == 0 {
            return Err(Error::config(
                "k, the number of fits",
                0,
                "at least 1 is needed",
            ));
        }
        self.passes.check()
    }

    fn run<'a>(
        &self,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
        fits: Vec<Box<dyn Fitting + 'a>>,
    ) -> Box<dyn Stepwise + 'a> {
        Box::new(ModesRun {
            settings: self.clone(),
            problem,
            streams,
            fits,
        })
    }
}

impl Inference for Modes {
    fn name(&self) -> &'static str {
        "modes"
    }

    fn cost(&self, problem: &dyn Problem) -> Option<Cost> {
        let one = self.vi.cost(problem)?;
        let k = self.k as f64;
        Some(Cost {
            row_gradients: k * one.row_gradients,
            vectors: k * one.vectors,
            ..one
        })
    }

    fn begin<'a>(
        &self,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
    ) -> Result<Box<dyn Stepwise + 'a>> {
        self.check()?;
        let fits = (0..self.k).map(|k| self.vi.fit(problem.clone(), streams.member(k), None));
        let fits = fits.collect::<Result<Vec<_>>>()?;
        Ok(self.run(problem, streams, fits))
    }

    fn resume<'a>(
        &self,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
        state: &Saved,
    ) -> Result<Box<dyn Stepwise + 'a>> {
        self.check()?;
        let states: Vec<Saved> = state.read()?;
        if states.len() != self.k {
            let found = format!("{} fits", states.len());
            return Err(Error::shape(
                "a saved state",
                format!("{} fits", self.k),
                found,
            ));
        }
        let fits = states.iter().enumerate();
        let fits =
            fits.map(|(k, state)| self.vi.fit(problem.clone(), streams.member(k), Some(state)));
        let fits = fits.collect::<Result<Vec<_>>>()?;
        Ok(self.run(problem, streams, fits))
    }
}

struct ModesRun<'a> {
    settings: Modes,
    problem: Arc<dyn Problem + 'a>,
    streams: Streams,
    fits: Vec<Box<dyn Fitting + 'a>>,
}

impl Stepwise for ModesRun<'_> {
    fn chosen(&self) -> Vec<String> {
        // What all fits chose alike is said once.
        let mut lines: Vec<String> = Vec::new();
        for line in self.fits.iter().flat_map(|fit| fit.chosen()) {
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        lines
    }

    fn step(&mut self) -> Result<Option<Step>> {
        let mut made: Vec<Result<Option<Step>>> = self.fits.iter().map(|_| Ok(None)).collect();
        exec::for_chunks(&mut self.fits, 1, &mut made, 1, |_, fits, made| {
            for (fit, made) in fits.iter_mut().zip(made) {
                *made = fit.step();
            }
        });
        let steps = made.into_iter().collect::<Result<Vec<_>>>()?;
        let steps: Vec<Step> = steps.into_iter().flatten().collect();
        let Some(first) = steps.first() else {
            return Ok(None);
        };
        let done = steps.iter().map(|s| s.done).fold(1.0, f64::min);
        Ok(Some(Step {
            done,
            proposals: steps.iter().map(|s| s.proposals).sum(),
            non_finite: steps.iter().map(|s| s.non_finite).sum(),
            counts: Counts::default(),
            ..first.clone()
        }))
    }

    fn state(&self) -> Result<Saved> {
        let states = self.fits.iter().map(|fit| fit.state());
        Saved::of(&states.collect::<Result<Vec<_>>>()?)
    }

    fn finish(self: Box<Self>) -> Result<Outcome> {
        let densities = self.fits.iter().map(|fit| fit.density());
        let densities: Vec<Arc<dyn Density>> = densities.collect::<Result<_>>()?;
        let weights = if self.settings.by_bound {
            weights_by_bound(&*self.problem, &densities, self.streams)
        } else {
            vec![1.0; densities.len()]
        };
        let dim = self.problem.dim();
        let mixture = Arc::new(Mixture::new(densities, &weights)?);
        let leaves = self.settings.passes.leaves(dim);
        let cautions = self.fits.first().map_or_else(Vec::new, |f| f.cautions());
        leave(&*self.problem, mixture, self.streams, leaves, cautions)
    }
}
