//! The loop of sequential Monte Carlo. It can be read in one screen: [`SmcRun::step`].

use serde::{Deserialize, Serialize};

use super::Smc;
use crate::base::error::{Error, Result};
use crate::base::rng::{Purpose, Streams};
use crate::infer::observe::Step;
use crate::problem::population::Population;
use crate::problem::{Counts, Problem};
use crate::sampling::anneal::{Lookahead, Place, Plan};
use crate::sampling::cloud::{Cloud, Target};
use crate::sampling::kernel::{At, Tuning};
use crate::sampling::moves::Tally;
use crate::sampling::stage::Stage;
use crate::sampling::weights::{Combine, Islands, Reweighted};

/// Everything that a run has become so far; with the same settings and data it goes on from here bit for bit, if the format
/// that it is saved in keeps every bit of a number (`serde_json` does with its feature `float_roundtrip`).
///
/// ```
/// use smc_runtime::engine::{Engine, bind};
/// use smc_runtime::infer::{SmcRun, SmcState};
/// use smc_runtime::prelude::*;
/// use smc_runtime::base::rng::Streams;
///
/// #[bayes_model]
/// #[likelihood(Normal(mean = output, sd = 0.1))]
/// struct Line {
///     output: Linear<1, 1>,
/// }
///
/// let data = Dataset::new(1, vec![-1.0, 0.0, 1.0], vec![-0.9, 0.1, 1.1])?;
/// let bound = bind(Line::default(), &data, Engine::fused(), 1)?;
/// let mut run = SmcRun::new(smc().particles(8), &*bound.problem, Streams::new(1))?;
/// run.step()?;
/// let saved = serde_json::to_string(&run.state()).unwrap();
///
/// let state: SmcState = serde_json::from_str(&saved).unwrap();
/// let mut run = SmcRun::resume(smc().particles(8), &*bound.problem, state)?;
/// while run.step()?.is_some() {}
/// assert!(run.into_draws().log_evidence.is_some());
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SmcState {
    streams: Streams,
    pub(super) stage: Stage,
    steps: usize,
    pub(super) cloud: Cloud,
    pub(super) weights: Islands,
    tuning: Tuning,
    /// The initial particle that each one descends from.
    pub(super) roots: Vec<usize>,
    /// Final moves made.
    after: usize,
    /// Moves made on the posterior, where they are recycled.
    on_posterior: usize,
    /// Particles and weights after the moves on the posterior, where they are recycled.
    pub(super) generations: Vec<(Population, Islands)>,
    /// Work done before this state was saved.
    spent: Counts,
    /// Σ of the rows of the stages entered.
    rows: u64,
    /// What the annealing policy had to say.
    pub(super) cautions: Vec<String>,
}

/// A run of sequential Monte Carlo that advances one stage at a time.
pub struct SmcRun<'a> {
    pub(super) settings: Smc,
    pub(super) problem: &'a dyn Problem,
    pub(super) state: SmcState,
    at_start: Counts,
    /// The stages, if the annealing policy knows them beforehand.
    plan: Option<Vec<Stage>>,
}

impl<'a> SmcRun<'a> {
    /// Particles drawn from the prior, or from the warm start.
    ///
    /// # Errors
    /// If a setting is impossible.
    pub fn new(settings: Smc, problem: &'a dyn Problem, streams: Streams) -> Result<Self> {
        settings.check(problem)?;
        if settings.warm.is_some() {
            return Err(Error::config(
                "warm",
                "set",
                "a run of its own needs the density itself: give it `start`",
            ));
        }
        let at_start = problem.counts();
        let particles = settings.islands * settings.particles;
        let (stage, start) = match settings.start.as_deref() {
            Some(start) => (Stage::start(), start),
            None => (Stage::prior(), problem.prior()),
        };
        let mut positions = Population::zeros(particles, problem.dim());
        start.sample(streams, 0, &mut positions);
        // A cloud from a start is already narrow: at the step for a cloud from the prior the first move would be lost.
        let factor = if settings.start.is_some() { 0.5 } else { 1.0 };
        let (adaptation, kernel) = (&settings.adaptation, &*settings.kernel);
        let tuning = adaptation.start(kernel, problem, factor);
        let target = Target {
            problem,
            stage: &stage,
            start: settings.start.as_deref(),
        };
        let state = SmcState {
            streams,
            steps: 0,
            cloud: Cloud::at(&target, positions),
            stage,
            weights: Islands::uniform(settings.islands, settings.particles),
            tuning,
            roots: (0..particles).collect(),
            after: 0,
            on_posterior: 0,
            generations: Vec::new(),
            spent: Counts::default(),
            rows: 0,
            cautions: Vec::new(),
        };
        Ok(Self {
            plan: planned(&settings, problem)?,
            settings,
            problem,
            state,
            at_start,
        })
    }

    /// Goes on from a saved state, with the settings and data of the run that saved it.
    ///
    /// # Errors
    /// If the state does not fit the settings or the problem.
    pub fn resume(settings: Smc, problem: &'a dyn Problem, state: SmcState) -> Result<Self> {
        settings.check(problem)?;
        let text = |islands: usize, particles: usize, dim: usize| {
            format!("{islands} islands of {particles} particles of {dim} parameters")
        };
        let expected = text(settings.islands, settings.particles, problem.dim());
        let found = text(
            state.weights.each().len(),
            state.weights.particles(),
            state.cloud.positions.dim(),
        );
        if expected != found {
            return Err(Error::shape("a saved state", expected, found));
        }
        Ok(Self {
            plan: planned(&settings, problem)?,
            settings,
            problem,
            state,
            at_start: problem.counts(),
        })
    }

    /// What the stages will cost, if the annealing policy knows them beforehand.
    pub fn plan(&self) -> Option<Plan> {
        let stages = self.plan.as_ref()?;
        Some(Plan::new(stages, self.problem.rows()))
    }

    /// The state to save.
    pub fn state(&self) -> SmcState {
        let spent = self.counts();
        SmcState {
            spent,
            ..self.state.clone()
        }
    }

    /// Enters the next stage, or makes some of the final moves; `None` when all is done.
    ///
    /// # Errors
    /// If the annealing policy fails, or if all particles lose their weight.
    pub fn step(&mut self) -> Result<Option<Step>> {
        if self.state.after > 0 {
            return self.go_on();
        }
        // Next stage, and its increments on the old particles: only new rows are evaluated.
        let row_gradients = self.counts().row_gradients;
        let state = &mut self.state;
        let place = Place {
            streams: state.streams,
            step: state.steps,
            row_gradients,
            rows: state.rows,
            plan: self.plan.as_deref(),
        };
        let pooled = state.weights.combined(Combine::Equally);
        let mut ahead = Lookahead::new(self.problem, &state.cloud, &pooled, &state.stage, place);
        ahead.bridge(self.settings.start.is_some());
        let Some(next) = self.settings.annealing.next(&mut ahead)? else {
            return self.go_on();
        };
        let next = ahead.bridged(next);
        possible(&next, self.problem.rows(), state.steps)?;
        if self.plan.is_none() && next == state.stage {
            let problem = "it is the current stage again".to_owned();
            let stage = state.steps;
            return Err(Error::Schedule { stage, problem });
        }
        if next.beta() < state.stage.beta() {
            let problem = "the start comes back: the exponent of the prior falls".to_owned();
            let stage = state.steps;
            return Err(Error::Schedule { stage, problem });
        }
        let increments = ahead.increments(&next);
        let terms = ahead.terms(&next);
        let caution = ahead.take_caution();
        let caution = caution.filter(|text| !state.cautions.contains(text));
        state.cautions.extend(caution);
        state.rows += next.cost() as u64;

        // Reweight.
        let reweighted = state.weights.reweight(&increments);
        state.steps += 1;
        let reweighted = reweighted.map_err(|_| collapse(&next, state.steps, state.roots.len()))?;
        state.cloud.enter(terms);
        state.stage = next;

        // Tune on the weighted cloud, then resample if few particles carry the weight.
        let target = target(&self.settings, self.problem, &state.stage);
        let (tuning, cloud) = (&mut state.tuning, &mut state.cloud);
        self.settings.adaptation.enter(
            tuning,
            &target,
            cloud,
            &state.weights.combined(Combine::Equally),
        );
        let resampled = self.resample();

        // Move on the new target.
        let moved = self.move_particles()?;
        Ok(Some(self.describe(&reweighted, resampled, &moved)))
    }

    /// Resamples the islands whose ESS is low; whether there were any.
    fn resample(&mut self) -> bool {
        let (settings, state) = (&self.settings, &mut self.state);
        let (streams, stage) = (state.streams, state.steps);
        let ancestors = state.weights.resample(settings.ess, |island, weights| {
            let mut stream = streams.stream(Purpose::Resample, stage, island, 0);
            settings.resample.ancestors(weights, &mut stream)
        });
        let Some(ancestors) = ancestors else {
            return false;
        };
        state.cloud.resample(&ancestors);
        state.roots = ancestors.iter().map(|&a| state.roots[a]).collect();
        true
    }

    /// The stage's moves, and more while the step size is far from what the kernel aims at.
    fn move_particles(&mut self) -> Result<Tally> {
        const MOST_EXTRA: usize = 8;
        let (settings, state) = (&self.settings, &mut self.state);
        let target = target(settings, self.problem, &state.stage);
        let at = At {
            streams: state.streams,
            stage: state.steps,
            draw: 0,
        };
        let (kernel, policy) = (&*settings.kernel, &*settings.adaptation.step);
        policy.try_out(
            kernel,
            &mut state.tuning,
            &target,
            &state.cloud,
            &state.weights.combined(Combine::Equally),
            at.trial(),
        );
        let aim = policy.target_acceptance(kernel);
        let mut done = Tally::new(self.problem.dim());
        let mut extra = 0;
        loop {
            let far = aim.is_some_and(|aim| done.moves > 0 && done.acceptance < 0.5 * aim);
            if !self.settings.moves.more(&done) {
                if !far || extra == MOST_EXTRA {
                    break;
                }
                extra += 1;
            }
            self.make_move(&mut done)?;
        }
        Ok(done)
    }

    /// One move on the present target, which is recycled if that is the posterior.
    fn make_move(&mut self, done: &mut Tally) -> Result<()> {
        let (settings, state) = (&self.settings, &mut self.state);
        let target = target(settings, self.problem, &state.stage);
        let at = At {
            streams: state.streams,
            stage: state.steps,
            draw: done.moves,
        };
        let kernel = &*settings.kernel;
        let moved = kernel.step(&state.tuning, &target, &mut state.cloud, at);
        let mut cess = 1.0;
        if let Some(corrections) = &moved.corrections {
            let corrected = state.weights.reweight(corrections);
            let reweighted =
                corrected.map_err(|_| collapse(&state.stage, state.steps, state.roots.len()))?;
            cess = reweighted.cess;
        }
        kernel.learn(&mut state.tuning, &moved, 1.0);
        let policy = &settings.adaptation.step;
        policy.learn(kernel, &mut state.tuning, &moved, 1.0);
        done.add(&moved, cess);
        if settings.recycle && state.stage.is_posterior(self.problem.rows()) {
            state.on_posterior += 1;
            if state.on_posterior.is_multiple_of(settings.thin) {
                let generation = (state.cloud.positions.clone(), state.weights.clone());
                state.generations.push(generation);
            }
        }
        Ok(())
    }

    /// Some of the final moves, as a step; `None` when all are made, or if the stages did not end at the posterior.
    fn go_on(&mut self) -> Result<Option<Step>> {
        const PARTS: usize = 20;
        let all = self.settings.final_moves;
        let left = all.saturating_sub(self.state.after);
        let some = all.div_ceil(PARTS).min(left);
        if some == 0 || !self.state.stage.is_posterior(self.problem.rows()) {
            return Ok(None);
        }
        self.state.steps += 1;
        self.state.after += some;
        let mut moved = Tally::new(self.problem.dim());
        for _ in 0..some {
            self.make_move(&mut moved)?;
        }
        let unchanged = Reweighted {
            cess: 1.0,
            ess: self.state.weights.combined(Combine::Equally).ess(),
            non_finite: 0,
        };
        Ok(Some(self.describe(&unchanged, false, &moved)))
    }

    fn counts(&self) -> Counts {
        self.state.spent + (self.problem.counts() - self.at_start)
    }

    fn describe(&self, reweighted: &Reweighted, resampled: bool, moved: &Tally) -> Step {
        let state = &self.state;
        let all_rows = self.problem.rows();
        let rows = state.stage.effective_rows();
        Step {
            step: state.steps,
            done: self.done(rows),
            rows,
            touched: state.stage.cost(),
            all_rows,
            cess: reweighted.cess.min(moved.cess),
            ess: reweighted.ess,
            resampled,
            acceptance: Some(moved.mean_acceptance),
            moves: moved.moves,
            step_size: state.tuning.step,
            ancestors: distinct(&state.roots),
            log_evidence: Some(state.weights.log_evidence()),
            non_finite: reweighted.non_finite + moved.non_finite,
            counts: self.counts(),
            seconds: 0.0,
        }
    }

    /// How much is done: half of it when all `rows` are in, if there are final moves.
    fn done(&self, rows: f64) -> f64 {
        let annealed = (rows.ln_1p() / (self.problem.rows() as f64).ln_1p()).min(1.0);
        match self.settings.final_moves {
            0 => annealed,
            all => 0.5 * (annealed + self.state.after as f64 / all as f64),
        }
    }
}

fn target<'a>(settings: &'a Smc, problem: &'a dyn Problem, stage: &'a Stage) -> Target<'a> {
    Target {
        problem,
        stage,
        start: settings.start.as_deref(),
    }
}

/// The policy's plan, every stage of which can be entered.
fn planned(settings: &Smc, problem: &dyn Problem) -> Result<Option<Vec<Stage>>> {
    let plan = settings.annealing.plan(problem.rows())?;
    for (k, stage) in plan.iter().flatten().enumerate() {
        possible(stage, problem.rows(), k)?;
    }
    Ok(plan)
}

fn possible(next: &Stage, rows: usize, stage: usize) -> Result<()> {
    const MOST: usize = 1_000_000;
    let problem = if stage >= MOST {
        Some(format!("it has not reached the posterior in {MOST} stages"))
    } else {
        next.problem(rows)
    };
    problem.map_or(Ok(()), |problem| Err(Error::Schedule { stage, problem }))
}

fn collapse(stage: &Stage, steps: usize, particles: usize) -> Error {
    Error::Collapse {
        stage: steps,
        particles,
        rows: stage.full().len(),
        phi: stage.phi(),
        advice: "every log-density is -inf or NaN there; try smaller prior scales, standardised data or a smaller first block",
    }
}

pub(super) fn distinct(roots: &[usize]) -> usize {
    let mut roots = roots.to_vec();
    roots.sort_unstable();
    roots.dedup();
    roots.len()
}
