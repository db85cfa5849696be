//! Several independent fits as one mixture.

use std::sync::Arc;

use super::bound::weights_by_bound;
use super::judge::leave;
use super::plan::{Passes, passes_draws};
use super::run::USED;
use super::{Fitting, Variational};
use crate::base::error::{Error, Result};
use crate::base::exec;
use crate::base::rng::Streams;
use crate::base::saved::Saved;
use crate::family::Mixture;
use crate::infer::budget::Budget;
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
        budget: None,
        passes: Passes::default(),
    }
}

/// The settings of a mixture of independent fits; see [`modes`].
#[derive(Clone, Debug)]
pub struct Modes {
    vi: Arc<dyn Variational>,
    k: usize,
    by_bound: bool,
    /// What all fits together may take.
    budget: Option<Budget>,
    passes: Passes,
}

/// Fits and the passes of each.
struct Shares {
    k: usize,
    passes: usize,
}

/// Fits that so many updates of all of them together are best shared by: the root of their thousands. The best of 1 to 16 fits of `bali()`, held-out rows of
/// MNIST, `protein` and `power-plant`, 2900 to 36000 updates, lie on it.
fn fits_for(updates: f64, most: usize) -> usize {
    const THOUSAND: f64 = 1000.0;
    ((updates / THOUSAND).sqrt().round() as usize).clamp(1, most)
}

impl Modes {
    /// About so many seconds of this machine at its present load for all fits together, by a short timing. Of the `k` fits there are then as many as can
    /// be trained to the end: the root of the thousands of updates that the budget buys, at least 1. The report gives the call that
    /// repeats the run to the bit, all other settings as they are.
    ///
    /// ```
    /// use smc_runtime::prelude::*;
    /// let algorithm = modes(bali(), 16).seconds(60);
    /// ```
    pub fn seconds(mut self, seconds: impl Into<f64>) -> Self {
        self.budget = Some(Budget::Seconds(seconds.into()));
        self
    }

    /// The same for so many row-gradients.
    pub fn gradients(mut self, row_gradients: u64) -> Self {
        self.budget = Some(Budget::Gradients(row_gradients));
        self
    }

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
        if let Some(budget) = self.budget {
            budget.check()?;
        }
        self.passes.check()
    }

    /// The fit that is repeated, planned for `passes`.
    fn planned_for(&self, passes: usize) -> Result<Arc<dyn Variational>> {
        self.vi.planned_for(passes).ok_or_else(|| {
            let expected = "a budget needs a fit that is planned in passes, such as bali()";
            Error::config("modes", self.vi.name(), expected)
        })
    }

    /// How `budget` is shared, by fits that are timed side by side as they will run, and forgotten.
    fn shares(
        &self,
        budget: Budget,
        problem: &Arc<dyn Problem + '_>,
        streams: Streams,
    ) -> Result<Shares> {
        let one = self.planned_for(1)?;
        let abreast = exec::threads().clamp(1, self.k);
        let fits = (0..abreast).map(|k| one.fit(problem.clone(), streams.member(k), None));
        let mut fits = fits.collect::<Result<Vec<_>>>()?;
        let updates = fits[0].updates_of_a_pass().unwrap_or(1) as f64;
        let seconds = match budget {
            Budget::Gradients(all) => {
                let passes = all as f64 / problem.rows() as f64;
                let k = fits_for(passes * updates, self.k);
                let passes = ((passes / k as f64) as usize).max(1);
                return Ok(Shares { k, passes });
            }
            Budget::Seconds(seconds) => USED * seconds,
        };
        let mut timed: Vec<Result<Option<f64>>> = fits.iter().map(|_| Ok(None)).collect();
        exec::for_chunks(&mut fits, 1, &mut timed, 1, |_, fits, timed| {
            for (fit, timed) in fits.iter().zip(timed) {
                *timed = fit.seconds_of_a_pass();
            }
        });
        let mut each: f64 = 0.0;
        for seconds in timed {
            let lacks = || {
                let expected = "a budget in seconds needs a fit whose passes can be timed";
                Error::config("modes", self.vi.name(), expected)
            };
            each = each.max(seconds?.ok_or_else(lacks)?);
        }
        let in_turn = seconds / each.max(f64::MIN_POSITIVE);
        let k = fits_for(abreast as f64 * in_turn * updates, self.k);
        // The last of an uneven number has the other threads too: half of what they could do is a guess.
        let turns = 0.5 * (k.div_ceil(abreast) as f64 + k as f64 / abreast as f64);
        let passes = ((in_turn / turns.max(1.0)) as usize).max(1);
        Ok(Shares { k, passes })
    }

    fn run<'a>(
        &self,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
        fits: Vec<Box<dyn Fitting + 'a>>,
        said: Option<String>,
    ) -> Box<dyn Stepwise + 'a> {
        Box::new(ModesRun {
            settings: self.clone(),
            problem,
            streams,
            fits,
            said,
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
        // What is left is one set of draws.
        let draws = self.passes.leaves(problem.dim()).draws as f64;
        let vectors = k * (one.vectors - draws).max(1.0) + draws;
        if let Some(budget) = self.budget {
            let known = match budget {
                Budget::Gradients(all) => Some(all as f64),
                Budget::Seconds(_) => None,
            };
            return Some(Cost {
                row_gradients: known.unwrap_or(k * one.row_gradients),
                vectors,
                guess: known.is_none(),
                ..one
            });
        }
        Some(Cost {
            row_gradients: k * one.row_gradients,
            vectors,
            ..one
        })
    }

    fn begin<'a>(
        &self,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
    ) -> Result<Box<dyn Stepwise + 'a>> {
        self.check()?;
        let (vi, k, said) = match self.budget {
            None => (self.vi.clone(), self.k, None),
            Some(budget) => {
                let Shares { k, passes } = self.shares(budget, &problem, streams)?;
                let said = format!(
                    "a budget shared by {k} fits; `.passes({passes})` for each of {k} repeats the run"
                );
                (self.planned_for(passes)?, k, Some(said))
            }
        };
        let fits = (0..k).map(|k| vi.fit(problem.clone(), streams.member(k), None));
        let fits = fits.collect::<Result<Vec<_>>>()?;
        Ok(self.run(problem, streams, fits, said))
    }

    fn resume<'a>(
        &self,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
        state: &Saved,
    ) -> Result<Box<dyn Stepwise + 'a>> {
        self.check()?;
        let (states, said): (Vec<Saved>, Option<String>) = state.read()?;
        let fits_it = match self.budget {
            None => states.len() == self.k,
            Some(_) => (1..=self.k).contains(&states.len()),
        };
        if !fits_it {
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
        Ok(self.run(problem, streams, fits, said))
    }
}

struct ModesRun<'a> {
    settings: Modes,
    problem: Arc<dyn Problem + 'a>,
    streams: Streams,
    fits: Vec<Box<dyn Fitting + 'a>>,
    /// How many were chosen, where a budget was shared.
    said: Option<String>,
}

impl Stepwise for ModesRun<'_> {
    fn chosen(&self) -> Vec<String> {
        // What all fits chose alike is said once.
        let mut lines: Vec<String> = self.said.iter().cloned().collect();
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
        Saved::of(&(states.collect::<Result<Vec<_>>>()?, &self.said))
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
        let mut cautions: Vec<String> = Vec::new();
        for caution in self.fits.iter().flat_map(|fit| fit.cautions()) {
            // Numbers differ from fit to fit, what is wrong does not.
            let what = |text: &str| text.split(':').next().unwrap_or_default().to_owned();
            if !cautions.iter().any(|said| what(said) == what(&caution)) {
                cautions.push(caution);
            }
        }
        leave(&*self.problem, mixture, self.streams, leaves, cautions)
    }
}
