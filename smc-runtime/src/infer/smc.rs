//! Sequential Monte Carlo. The loop can be read in one screen: [`SmcRun::step`].

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Draws, Inference, Session};
use crate::anneal::{Annealing, Lookahead, Place, Plan, SmoothDataAnnealing};
use crate::cloud::{Cloud, Target};
use crate::error::{Error, Result};
use crate::kernel::{At, Hmc, Kernel, Tuning};
use crate::observe::Step;
use crate::population::Population;
use crate::problem::{Counts, Problem};
use crate::resample::{Resample, Systematic};
use crate::rng::{Purpose, Streams};
use crate::stage::Stage;
use crate::weights::{Collapsed, Weights};

/// Sequential Monte Carlo with 64 particles, smooth data annealing and HMC, unless set otherwise.
///
/// ```
/// use smc_runtime::prelude::*;
/// let algorithm = smc().particles(128).annealing(Tempering::adaptive()).kernel(Hmc::leapfrogs(5)).moves(2);
/// ```
pub fn smc() -> Smc {
    Smc::default()
}

/// The settings of sequential Monte Carlo; see [`smc`].
#[derive(Clone, Debug)]
pub struct Smc {
    particles: usize,
    annealing: Arc<dyn Annealing>,
    kernel: Arc<dyn Kernel>,
    resample: Arc<dyn Resample>,
    moves: usize,
    final_moves: usize,
    ess: f64,
}

impl Default for Smc {
    fn default() -> Self {
        Self {
            particles: 64,
            annealing: Arc::new(SmoothDataAnnealing::geometric()),
            kernel: Arc::new(Hmc::default()),
            resample: Arc::new(Systematic),
            moves: 3,
            final_moves: 0,
            ess: 0.5,
        }
    }
}

impl Smc {
    /// Number of particles J.
    pub fn particles(mut self, particles: usize) -> Self {
        self.particles = particles;
        self
    }

    /// Which stages lead to the posterior.
    pub fn annealing(mut self, policy: impl Annealing + 'static) -> Self {
        self.annealing = Arc::new(policy);
        self
    }

    /// How particles move at a stage.
    pub fn kernel(mut self, kernel: impl Kernel + 'static) -> Self {
        self.kernel = Arc::new(kernel);
        self
    }

    /// How ancestors are chosen.
    pub fn resample(mut self, scheme: impl Resample + 'static) -> Self {
        self.resample = Arc::new(scheme);
        self
    }

    /// Moves per stage; 3 unless set. More moves where the posterior is stiff: too few leave particles behind the target,
    /// and the evidence too low.
    pub fn moves(mut self, moves: usize) -> Self {
        self.moves = moves;
        self
    }

    /// Further moves at the last stage.
    pub fn final_moves(mut self, moves: usize) -> Self {
        self.final_moves = moves;
        self
    }

    /// Resample when the effective sample size falls below this fraction of J; ½ unless set.
    pub fn ess(mut self, fraction: f64) -> Self {
        self.ess = fraction;
        self
    }

    fn check(&self) -> Result<()> {
        if self.particles == 0 {
            return Err(Error::config(
                "particles",
                0,
                "at least one particle is needed",
            ));
        }
        if !(0.0..=1.0).contains(&self.ess) {
            return Err(Error::config(
                "ess",
                self.ess,
                "a fraction between 0 and 1 is needed",
            ));
        }
        self.kernel.check()
    }
}

impl Inference for Smc {
    fn name(&self) -> &'static str {
        "smc"
    }

    fn infer(&self, problem: &dyn Problem, session: &mut Session<'_>) -> Result<Draws> {
        let mut run = SmcRun::new(self.clone(), problem, session.streams())?;
        if let Some(plan) = run.plan() {
            session.plan(plan);
        }
        while let Some(step) = run.step()? {
            session.report(step)?;
        }
        Ok(run.into_draws())
    }
}

/// Everything that a run has become so far; with the same settings and data it goes on from here bit for bit.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SmcState {
    streams: Streams,
    stage: Stage,
    steps: usize,
    cloud: Cloud,
    weights: Weights,
    tuning: Tuning,
    /// The initial particle that each one descends from.
    roots: Vec<usize>,
    /// Work done before this state was saved.
    spent: Counts,
    /// Σ of the rows of the stages entered.
    rows: u64,
    /// What the annealing policy had to say.
    cautions: Vec<String>,
}

/// A run of sequential Monte Carlo that advances one stage at a time.
pub struct SmcRun<'a> {
    settings: Smc,
    problem: &'a dyn Problem,
    state: SmcState,
    at_start: Counts,
    /// The stages, if the annealing policy knows them beforehand.
    plan: Option<Vec<Stage>>,
}

impl<'a> SmcRun<'a> {
    /// Particles drawn from the prior.
    ///
    /// # Errors
    /// If a setting is impossible.
    pub fn new(settings: Smc, problem: &'a dyn Problem, streams: Streams) -> Result<Self> {
        settings.check()?;
        let at_start = problem.counts();
        let mut positions = Population::zeros(settings.particles, problem.layout().dim());
        problem.sample_prior(streams, 0, &mut positions);
        let weights = Weights::uniform(settings.particles);
        let mut tuning = settings.kernel.start(problem);
        tuning.refer_to(
            &positions.variances(&weights.normalised()),
            problem.layout(),
        );
        let state = SmcState {
            streams,
            stage: Stage::prior(),
            steps: 0,
            cloud: Cloud::at_prior(problem, positions),
            weights,
            tuning,
            roots: (0..settings.particles).collect(),
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
        settings.check()?;
        let (particles, dim) = (state.cloud.positions.len(), state.cloud.positions.dim());
        if (particles, dim) != (settings.particles, problem.layout().dim()) {
            return Err(Error::shape(
                "a saved state",
                format!(
                    "{} particles of {} parameters",
                    settings.particles,
                    problem.layout().dim()
                ),
                format!("{particles} particles of {dim} parameters"),
            ));
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

    /// Enters the next stage; `None` when the last one is done.
    ///
    /// # Errors
    /// If the annealing policy fails, or if all particles lose their weight.
    pub fn step(&mut self) -> Result<Option<Step>> {
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
        let mut ahead = Lookahead::new(
            self.problem,
            &state.cloud,
            &state.weights,
            &state.stage,
            place,
        );
        let Some(next) = self.settings.annealing.next(&mut ahead)? else {
            return Ok(None);
        };
        possible(&next, self.problem.rows(), state.steps)?;
        if self.plan.is_none() && next == state.stage {
            let problem = "it is the current stage again".to_owned();
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
        let reweighted = reweighted.map_err(|c| collapse(c, &next, state))?;
        state.cloud.enter(terms);
        state.stage = next;

        // Tune on the weighted cloud, then resample if few particles carry the weight.
        self.settings.kernel.tune(
            &mut state.tuning,
            self.problem,
            &state.cloud,
            &state.weights,
        );
        let resampled = reweighted.ess < self.settings.ess;
        if resampled {
            self.resample();
        }

        // Move on the new target.
        let moved = self.move_particles()?;
        Ok(Some(self.describe(&reweighted, resampled, &moved)))
    }

    fn resample(&mut self) {
        let state = &mut self.state;
        let mut stream = state.streams.stream(Purpose::Resample, state.steps, 0, 0);
        let ancestors = self
            .settings
            .resample
            .ancestors(&state.weights.normalised(), &mut stream);
        state.cloud.resample(&ancestors);
        state.roots = ancestors.iter().map(|&a| state.roots[a]).collect();
        state.weights.resampled();
    }

    /// The stage's moves, and more while the step size is far from what the kernel aims at.
    fn move_particles(&mut self) -> Result<Moves> {
        const MOST_EXTRA: usize = 8;
        let last = self.state.stage.is_posterior(self.problem.rows());
        let wanted = self.settings.moves + if last { self.settings.final_moves } else { 0 };
        let mut done = Moves::default();
        while done.made < wanted + MOST_EXTRA {
            let aim = self.settings.kernel.target_acceptance();
            let far = aim.is_some_and(|aim| done.made > 0 && done.last < 0.5 * aim);
            if done.made >= wanted && !(far && wanted > 0) {
                break;
            }
            let state = &mut self.state;
            let target = Target {
                problem: self.problem,
                stage: &state.stage,
            };
            let at = At {
                streams: state.streams,
                stage: state.steps,
                draw: done.made,
            };
            let moved = self
                .settings
                .kernel
                .step(&state.tuning, &target, &mut state.cloud, at);
            if let Some(corrections) = &moved.corrections {
                let corrected = state.weights.reweight(corrections);
                corrected.map_err(|c| collapse(c, &state.stage, state))?;
            }
            self.settings.kernel.learn(&mut state.tuning, &moved, 1.0);
            done.made += 1;
            done.last = moved.mean_acceptance();
            done.acceptance += done.last;
            done.non_finite += moved.non_finite;
        }
        Ok(done)
    }

    fn counts(&self) -> Counts {
        self.state.spent + (self.problem.counts() - self.at_start)
    }

    fn describe(
        &self,
        reweighted: &crate::weights::Reweighted,
        resampled: bool,
        moved: &Moves,
    ) -> Step {
        let state = &self.state;
        let all_rows = self.problem.rows();
        let ramp = state.stage.phi() * state.stage.ramp().len() as f64;
        let rows = state.stage.full().len() as f64 + ramp;
        Step {
            step: state.steps,
            done: (rows.ln_1p() / (all_rows as f64).ln_1p()).min(1.0),
            rows,
            touched: state.stage.cost(),
            all_rows,
            cess: reweighted.cess,
            ess: reweighted.ess,
            resampled,
            acceptance: moved.acceptance / moved.made.max(1) as f64,
            moves: moved.made,
            step_size: state.tuning.step,
            ancestors: distinct(&state.roots),
            log_evidence: Some(state.weights.log_evidence()),
            non_finite: reweighted.non_finite + moved.non_finite,
            counts: self.counts(),
            seconds: 0.0,
        }
    }

    /// The weighted particles.
    pub fn into_draws(self) -> Draws {
        let complete = self.state.stage.is_posterior(self.problem.rows());
        let mut cautions = self.state.cautions;
        if !complete {
            cautions.push(
                "the annealing policy did not end at all rows: these draws are not from the posterior, and there is no evidence"
                    .to_owned(),
            );
        }
        let ancestors = distinct(&self.state.roots);
        if ancestors < FEW.min(self.settings.particles) {
            cautions.push(format!(
                "only {ancestors} of {} initial particles have descendants: the draws are moves from few starts; take more particles or more moves",
                self.settings.particles
            ));
        }
        Draws {
            log_weights: self.state.weights.log().to_vec(),
            log_evidence: complete.then(|| self.state.weights.log_evidence()),
            positions: self.state.cloud.positions,
            chains: 1,
            cautions,
        }
    }
}

/// Fewer distinct initial particles than this is worth a word of caution.
const FEW: usize = 4;

fn distinct(roots: &[usize]) -> usize {
    let mut roots = roots.to_vec();
    roots.sort_unstable();
    roots.dedup();
    roots.len()
}

#[derive(Default)]
struct Moves {
    made: usize,
    last: f64,
    acceptance: f64,
    non_finite: usize,
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

fn collapse(_: Collapsed, stage: &Stage, state: &SmcState) -> Error {
    Error::Collapse {
        stage: state.steps,
        particles: state.roots.len(),
        rows: stage.full().len(),
        phi: stage.phi(),
        advice: "every log-density is -inf or NaN there; try smaller prior scales, standardised data or a smaller first block",
    }
}
