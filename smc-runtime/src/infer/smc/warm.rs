//! A run from a warm start: first another algorithm, then annealing from around what it found, or from the density that it fitted.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::run::SmcRun;
use super::settings::{Smc, Warm};
use crate::base::error::{Error, Result};
use crate::base::rng::Streams;
use crate::base::saved::Saved;
use crate::family::rebuild;
use crate::infer::observe::Step;
use crate::infer::{DrawnFrom, Form, Generation, Outcome, Stepwise};
use crate::problem::density::{Density, Numbers};
use crate::problem::population::Population;
use crate::problem::{Counts, Problem};
use crate::sampling::anneal::{Plan, planned};
use crate::sampling::start;

/// The two runs, one after the other.
pub(super) struct WarmRun<'a> {
    settings: Smc,
    problem: Arc<dyn Problem + 'a>,
    streams: Streams,
    spread: f64,
    /// Row-gradients of the warm start, where it knows them beforehand.
    planned: Option<u64>,
    at_start: Counts,
    /// Row-gradients of the warm start before it was last saved.
    before: u64,
    phase: Phase<'a>,
}

enum Phase<'a> {
    /// The algorithm that finds where to begin.
    Finding(Box<dyn Stepwise + 'a>),
    /// The annealing from around what it found.
    Annealing(Found, Box<SmcRun<'a>>),
    /// Between the two; no step ever ends here.
    Between,
}

#[derive(Serialize, Deserialize)]
enum State {
    /// With the row-gradients spent.
    Finding(Saved, u64),
    Annealing(SavedFound, Saved),
}

/// What was found.
#[derive(Clone)]
enum Found {
    /// Points, or ends of chains.
    Centres(Population),
    /// A density.
    Density(Arc<dyn Density>),
}

/// The same as it is saved.
#[derive(Serialize, Deserialize)]
enum SavedFound {
    Centres(Population),
    Density(Numbers),
}

impl Found {
    fn of(found: &Outcome) -> Self {
        match found.draws.form() {
            Form::Density(density) => Self::Density(density.clone()),
            _ => Self::Centres(found.draws.ends()),
        }
    }

    fn save(&self) -> Result<SavedFound> {
        Ok(match self {
            Self::Centres(centres) => SavedFound::Centres(centres.clone()),
            Self::Density(density) => SavedFound::Density(density.numbers().ok_or_else(|| {
                let why = "the density that the run began at has no numbers that it could be made of again";
                Error::lacks("a state to save", why)
            })?),
        })
    }
}

impl<'a> WarmRun<'a> {
    /// `settings` without the warm start.
    pub(super) fn new(
        warm: &Warm,
        settings: Smc,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
    ) -> Result<Self> {
        let at_start = problem.counts();
        let finding = warm.algorithm.begin(problem.clone(), streams)?;
        Ok(Self {
            planned: known_cost(warm, &*problem),
            at_start,
            before: 0,
            settings,
            problem,
            streams,
            spread: warm.spread,
            phase: Phase::Finding(finding),
        })
    }

    pub(super) fn resume(
        warm: &Warm,
        settings: Smc,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
        state: &Saved,
    ) -> Result<Self> {
        let mut run = Self {
            planned: known_cost(warm, &*problem),
            at_start: problem.counts(),
            before: 0,
            settings,
            problem,
            streams,
            spread: warm.spread,
            phase: Phase::Between,
        };
        run.phase = match state.read()? {
            State::Finding(state, spent) => {
                run.before = spent;
                let problem = run.problem.clone();
                Phase::Finding(warm.algorithm.resume(problem, streams, &state)?)
            }
            State::Annealing(found, state) => {
                let found = match found {
                    SavedFound::Centres(centres) => Found::Centres(centres),
                    SavedFound::Density(numbers) => Found::Density(rebuild(&numbers)?),
                };
                let settings = run.around(&found)?;
                let annealing = SmcRun::resume(settings, run.problem.clone(), streams, &state)?;
                Phase::Annealing(found, Box::new(annealing))
            }
        };
        Ok(run)
    }

    /// The settings with the start around what was found: Gaussians around centres, a density as wide as asked for.
    fn around(&self, found: &Found) -> Result<Smc> {
        let settings = self.settings.clone();
        match found {
            Found::Centres(centres) => {
                let start = start::around(&*self.problem, centres.clone(), self.spread)?;
                Ok(settings.start(start))
            }
            Found::Density(density) if self.spread == 1.0 => Ok(settings.start_at(density.clone())),
            Found::Density(density) => match density.widened(self.spread) {
                Some(wide) => Ok(settings.start_at(wide)),
                None => Err(Error::config(
                    "spread",
                    self.spread,
                    "the density that was found has no other width than 1",
                )),
            },
        }
    }

    fn spent(&self) -> u64 {
        self.before + (self.problem.counts() - self.at_start).row_gradients
    }

    fn anneal(&mut self, found: &Outcome) -> Result<()> {
        let begins = Found::of(found);
        let settings = self.around(&begins)?;
        let mut run = SmcRun::new(settings, self.problem.clone(), self.streams)?;
        run.state.spent = self.planned.unwrap_or_else(|| self.spent());
        if self.settings.keep_walk {
            run.keep(found)?;
        }
        self.phase = Phase::Annealing(begins, Box::new(run));
        Ok(())
    }
}

fn known_cost(warm: &Warm, problem: &dyn Problem) -> Option<u64> {
    let cost = warm.algorithm.cost(problem).filter(|cost| !cost.guess);
    cost.map(|cost| cost.row_gradients as u64)
}

impl Stepwise for WarmRun<'_> {
    fn plan(&self) -> Option<Plan> {
        let rows = self.problem.rows();
        let stages = planned(&*self.settings.policy(), rows).ok().flatten()?;
        Some(Plan::new(&stages, rows))
    }

    fn step(&mut self) -> Result<Option<Step>> {
        if let Phase::Finding(finding) = &mut self.phase {
            if let Some(step) = finding.step()? {
                let done = 0.5 * step.done;
                return Ok(Some(Step { done, ..step }));
            }
            if let Phase::Finding(finding) = std::mem::replace(&mut self.phase, Phase::Between) {
                self.anneal(&finding.finish()?)?;
            }
        }
        match &mut self.phase {
            Phase::Annealing(_, run) => Ok(run.step()?.map(|step| {
                let done = 0.5 + 0.5 * step.done;
                Step { done, ..step }
            })),
            _ => Ok(None),
        }
    }

    fn state(&self) -> Result<Saved> {
        match &self.phase {
            Phase::Finding(finding) => Saved::of(&State::Finding(finding.state()?, self.spent())),
            Phase::Annealing(found, run) => {
                Saved::of(&State::Annealing(found.save()?, run.state()?))
            }
            Phase::Between => Err(Error::lacks(
                "a state to save",
                "the run failed between its warm start and its first stage",
            )),
        }
    }

    fn gathered(&self) -> Option<usize> {
        match &self.phase {
            Phase::Annealing(_, run) => run.gathered(),
            _ => (self.settings.recycle || self.settings.keep_walk).then_some(0),
        }
    }

    fn hand_out(&mut self) -> Vec<Generation> {
        match &mut self.phase {
            Phase::Annealing(_, run) => run.hand_out(),
            _ => Vec::new(),
        }
    }

    fn take_back(&mut self, generations: Vec<Generation>, every: usize) {
        if let Phase::Annealing(_, run) = &mut self.phase {
            run.take_back(generations, every);
        }
    }

    fn finish(self: Box<Self>) -> Result<Outcome> {
        match self.phase {
            Phase::Annealing(_, run) => run.finish(),
            Phase::Finding(finding) => {
                let found = finding.finish()?;
                let at = DrawnFrom::Stage {
                    rows: 0.0,
                    all_rows: self.problem.rows(),
                };
                Ok(Outcome {
                    draws: found.draws.meant_for(at),
                    ..found
                })
            }
            Phase::Between => Err(Error::lacks(
                "what a run leaves",
                "this one failed between its warm start and its first stage",
            )),
        }
    }
}
