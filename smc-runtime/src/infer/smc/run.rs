//! The loop of sequential Monte Carlo. It can be read in one screen: [`SmcRun::advance`].

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::settings::Smc;
use crate::base::diagnostics::ancestors_left;
use crate::base::error::{Error, Result};
use crate::base::rng::{Purpose, Streams};
use crate::base::saved::Saved;
use crate::infer::observe::{Detail, StageDetail, Step};
use crate::infer::{DrawnFrom, Generation, Outcome, Stepwise, check_shape};
use crate::problem::population::Population;
use crate::problem::{Counts, Problem};
use crate::sampling::anneal::{Lookahead, Next, Place, Plan, planned};
use crate::sampling::cloud::{Cloud, Target};
use crate::sampling::kernel::{At, Inexact, Tuning};
use crate::sampling::moves::Tally;
use crate::sampling::stage::Stage;
use crate::sampling::weights::{Combine, Islands, Refusal, Reweighted, Weights};

/// Generations that are kept of the moves of a budget: more cost time where something is predicted and say little that is new.
const GENERATIONS: usize = 50;

/// Everything that a run has become so far.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SmcState {
    pub(super) stage: Stage,
    steps: usize,
    pub(super) cloud: Cloud,
    pub(super) weights: Islands,
    tuning: Tuning,
    /// The initial particle that each one descends from.
    roots: Vec<usize>,
    /// Σ over resamplings of the probability that two particles of an island had the same ancestor.
    coalescences: Vec<f64>,
    /// Final moves made, and how many there will be, once it is known.
    after: usize,
    final_moves: Option<usize>,
    /// Moves made on the posterior, where they are recycled.
    on_posterior: usize,
    /// Particles and weights after the moves on the posterior, where they are recycled.
    pub(super) generations: Vec<(Population, Islands)>,
    /// What the walk that led to the start left, where it is kept, of which it has so many generations before those above.
    pub(super) walk: Option<(DrawnFrom, usize)>,
    /// What is known of the error of the last move, where moves are inexact.
    pub(super) inexact: Option<Inexact>,
    /// Row-gradients of the warm start and of all moves, by what kernels say that they take: the same after a resume.
    pub(super) spent: u64,
    /// Row-gradients computed before this state was saved.
    row_gradients: u64,
    /// Σ of the rows of the stages entered.
    rows: u64,
    /// What the annealing policy had to say.
    pub(super) cautions: Vec<String>,
}

/// A run of sequential Monte Carlo that advances one stage at a time.
pub(super) struct SmcRun<'a> {
    pub(super) settings: Smc,
    pub(super) problem: Arc<dyn Problem + 'a>,
    pub(super) state: SmcState,
    streams: Streams,
    at_start: Counts,
    /// The stages, if the annealing policy knows them beforehand.
    plan: Option<Vec<Stage>>,
}

impl<'a> SmcRun<'a> {
    /// Particles drawn from the prior, or from the start; the settings have been checked.
    pub(super) fn new(
        settings: Smc,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
    ) -> Result<Self> {
        let (islands, each) = (
            settings.number_of_islands(),
            settings.particles_of_an_island(),
        );
        let particles = islands * each;
        let (stage, start) = match settings.start.as_deref() {
            Some(start) => (Stage::start(), start),
            None => (Stage::prior(), problem.prior()),
        };
        let mut positions = Population::zeros(particles, problem.dim());
        start.sample(streams, 0, &mut positions);
        // A cloud from a start is already narrow: at the step for a cloud from the prior the first move would be lost.
        let factor = if settings.start.is_some() { 0.5 } else { 1.0 };
        let (adaptation, kernel) = (&settings.adaptation, &*settings.kernel);
        let tuning = adaptation.start(kernel, &*problem, factor);
        let state = SmcState {
            steps: 0,
            cloud: Cloud::at(&target_of(&settings, &*problem, &stage), positions),
            stage,
            weights: Islands::uniform(islands, each),
            tuning,
            roots: (0..particles).collect(),
            coalescences: vec![0.0; islands],
            after: 0,
            final_moves: None,
            on_posterior: 0,
            generations: Vec::new(),
            walk: None,
            inexact: None,
            spent: 0,
            row_gradients: 0,
            rows: 0,
            cautions: Vec::new(),
        };
        Self::with(settings, problem, streams, state)
    }

    /// The run that saved `state`.
    pub(super) fn resume(
        settings: Smc,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
        state: &Saved,
    ) -> Result<Self> {
        let state: SmcState = state.read()?;
        let text = |islands: usize, particles: usize, dim: usize| {
            format!("{islands} islands of {particles} particles of {dim} parameters")
        };
        let (islands, each) = (
            settings.number_of_islands(),
            settings.particles_of_an_island(),
        );
        let expected = text(islands, each, problem.dim());
        let dim = state.cloud.positions().dim();
        let found = text(state.weights.each().len(), state.weights.particles(), dim);
        check_shape(&expected, &found)?;
        Self::with(settings, problem, streams, state)
    }

    fn with(
        mut settings: Smc,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
        state: SmcState,
    ) -> Result<Self> {
        let scales = settings.adaptation.scales.clone();
        scales.fits(&*problem)?;
        settings.kernel = scales.around(settings.kernel);
        Ok(Self {
            plan: planned(&*settings.policy(), problem.rows())?,
            at_start: problem.counts(),
            settings,
            problem,
            streams,
            state,
        })
    }

    /// Keeps what the chains that led to the start drew on their way.
    pub(super) fn keep(&mut self, found: &Outcome) -> Result<()> {
        let (walk, weights) = (found.draws.generations(), &self.state.weights);
        let each = walk.first().map_or(0, Population::len);
        let particles = weights.all_particles();
        if each != particles {
            let expected = format!("a warm start by {particles} chains, as many as particles");
            let found = if each == 0 {
                "none".to_owned()
            } else {
                format!("{each} chains")
            };
            return Err(Error::config("keep_walk", found, expected));
        }
        let equal = Islands::uniform(weights.each().len(), weights.particles());
        let generations = walk.into_iter().map(|positions| (positions, equal.clone()));
        self.state.generations.extend(generations);
        self.state.walk = Some((found.draws.drawn_from(), self.state.generations.len()));
        Ok(())
    }

    /// Enters the next stage, or makes some of the final moves; `None` when all is done.
    fn advance(&mut self) -> Result<Option<Step>> {
        let Some(next) = self.next_stage()? else {
            return self.final_moves();
        };
        let reweighted = self.enter(next)?; // by the increments of the old particles
        self.learn_scales(); // from the weighted cloud
        let resampled = self.resample()?; // the islands whose ESS is low
        let moved = self.move_particles()?; // on the new target
        Ok(Some(self.describe(&reweighted, resampled, &moved)))
    }

    /// What the annealing policy proposes; only new rows are evaluated.
    fn next_stage(&mut self) -> Result<Option<Next>> {
        if self.state.after > 0 {
            return Ok(None);
        }
        let state = &self.state;
        let place = Place {
            streams: self.streams,
            step: state.steps,
            row_gradients: self.row_gradients(),
            rows: state.rows,
            plan: self.plan.as_deref(),
            bridge: self.settings.start.is_some(),
        };
        let (cloud, weights) = (&state.cloud, &state.weights);
        let ahead = Lookahead::new(&*self.problem, cloud, weights, &state.stage, place);
        ahead.next(&*self.settings.policy())
    }

    fn enter(&mut self, next: Next) -> Result<Reweighted> {
        let state = &mut self.state;
        let new = |text: &String| !state.cautions.contains(text);
        let caution = next.caution.filter(new);
        state.cautions.extend(caution);
        state.rows += next.stage.cost() as u64;
        state.steps += 1;
        state.stage = next.stage;
        let reweighted = state.weights.reweight(&next.increments);
        state.cloud.enter(next.terms);
        reweighted.map_err(|refusal| self.refused("increments of a stage", &refusal))
    }

    fn learn_scales(&mut self) {
        let pooled = self.pooled();
        let state = &mut self.state;
        let target = target_of(&self.settings, &*self.problem, &state.stage);
        let adaptation = &self.settings.adaptation;
        adaptation.enter(&mut state.tuning, &target, &mut state.cloud, &pooled);
    }

    /// Whether any island was resampled.
    fn resample(&mut self) -> Result<bool> {
        let (settings, state) = (&self.settings, &mut self.state);
        let (streams, stage) = (self.streams, state.steps);
        let ancestors = state.weights.resample(settings.ess, |island, weights| {
            let mut stream = streams.stream(Purpose::Resample, stage, island, 0);
            settings.resample.ancestors(weights, &mut stream)
        });
        let ancestors = ancestors.map_err(|refusal| self.refused("ancestors", &refusal))?;
        if let Some(ancestors) = &ancestors {
            let state = &mut self.state;
            state.cloud.resample(ancestors);
            state.roots = ancestors.of(&state.roots);
            let each = state.weights.particles();
            for (k, sum) in state.coalescences.iter_mut().enumerate() {
                *sum += ancestors.of_island(k, each).coalescence();
            }
        }
        Ok(ancestors.is_some())
    }

    /// As many moves as the policy asks for.
    fn move_particles(&mut self) -> Result<Tally> {
        self.try_out();
        let mut done = self.no_moves();
        while self.settings.moves.more(&done) {
            self.make_move(&mut done)?;
        }
        Ok(done)
    }

    /// Trial moves, for an adaptation that makes some.
    fn try_out(&mut self) {
        let (at, pooled) = (self.at(0), self.pooled());
        let state = &mut self.state;
        let target = target_of(&self.settings, &*self.problem, &state.stage);
        let (kernel, cloud) = (&*self.settings.kernel, &state.cloud);
        let policy = &self.settings.adaptation.step;
        policy.try_out(
            kernel,
            &mut state.tuning,
            &target,
            cloud,
            &pooled,
            at.trial(),
        );
    }

    /// One move on the present target, which is recycled if that is the posterior.
    fn make_move(&mut self, done: &mut Tally) -> Result<()> {
        let at = self.at(done.moves);
        let (settings, state) = (&self.settings, &mut self.state);
        let target = target_of(settings, &*self.problem, &state.stage);
        let kernel = &*settings.kernel;
        let moved = kernel.step(&state.tuning, &target, &mut state.cloud, at);
        let corrected = match &moved.corrections {
            Some(corrections) => state.weights.reweight(corrections).map(|r| r.cess),
            None => Ok(1.0),
        };
        let cess =
            corrected.map_err(|refusal| self.refused("corrections of a kernel", &refusal))?;
        let (settings, state) = (&self.settings, &mut self.state);
        state.inexact = moved.inexact;
        let a_pass = (state.stage.cost() * state.roots.len()) as u64;
        state.spent += a_pass * kernel.passes() as u64;
        kernel.learn(&mut state.tuning, &moved, 1.0);
        let policy = &settings.adaptation.step;
        policy.learn(kernel, &mut state.tuning, &moved, 1.0);
        done.add(&moved, cess);
        if settings.recycle && state.stage.is_posterior(self.problem.rows()) {
            state.on_posterior += 1;
            let thin = match settings.spend {
                Some(_) => state.final_moves.unwrap_or(1).div_ceil(GENERATIONS).max(1),
                None => settings.thin,
            };
            if state.on_posterior.is_multiple_of(thin) {
                let generation = (state.cloud.positions().clone(), state.weights.clone());
                state.generations.push(generation);
            }
        }
        Ok(())
    }

    /// Some of the final moves, as a step; `None` when all are made, or if the stages did not end at the posterior.
    fn final_moves(&mut self) -> Result<Option<Step>> {
        const PARTS: usize = 20;
        if !self.state.stage.is_posterior(self.problem.rows()) {
            return Ok(None);
        }
        let all = self.all_final_moves();
        let left = all.saturating_sub(self.state.after);
        let some = all.div_ceil(PARTS).min(left);
        if some == 0 {
            return Ok(None);
        }
        self.state.steps += 1;
        self.state.after += some;
        let mut moved = self.no_moves();
        for _ in 0..some {
            self.make_move(&mut moved)?;
        }
        let unchanged = Reweighted {
            cess: 1.0,
            ess: self.pooled().ess(),
            non_finite: 0,
        };
        Ok(Some(self.describe(&unchanged, false, &moved)))
    }

    /// How many final moves there will be: of a budget, what is left of it in moves.
    fn all_final_moves(&mut self) -> usize {
        if let Some(all) = self.state.final_moves {
            return all;
        }
        let all = match self.settings.spend {
            None => self.settings.final_moves,
            Some(budget) => {
                let left = budget.saturating_sub(self.state.spent);
                let passes = (self.problem.rows() * self.state.roots.len()) as u64;
                let move_costs = passes * self.settings.kernel.passes() as u64;
                usize::try_from(left / move_costs.max(1)).unwrap_or(usize::MAX)
            }
        };
        self.state.final_moves = Some(all);
        all
    }

    /// All particles as one population in which islands count alike: what schedules and settings are decided by.
    fn pooled(&self) -> Weights {
        self.state.weights.combined(Combine::Equally)
    }

    fn at(&self, draw: usize) -> At {
        At {
            streams: self.streams,
            stage: self.state.steps,
            draw,
        }
    }

    fn no_moves(&self) -> Tally {
        let policy = &self.settings.adaptation.step;
        let aim = policy.target_acceptance(&*self.settings.kernel);
        Tally::new(self.problem.dim(), aim)
    }

    fn row_gradients(&self) -> u64 {
        let here = self.problem.counts() - self.at_start;
        self.state.row_gradients + here.row_gradients
    }

    /// The error of weights or ancestors that were not taken.
    fn refused(&self, what: &str, refusal: &Refusal) -> Error {
        match *refusal {
            Refusal::Collapsed => Error::Collapse {
                stage: self.state.steps,
                particles: self.state.roots.len(),
                rows: self.state.stage.full().len(),
                phi: self.state.stage.phi(),
                advice: "every log-density is -inf or NaN there; try smaller prior scales, standardised data or a smaller first block",
            },
            Refusal::Length { expected, found } => Error::shape(
                what,
                format!("{expected}, one for each particle"),
                found.to_string(),
            ),
            Refusal::NoParticle { found, particles } => Error::shape(
                what,
                format!("particles 0 to {}", particles - 1),
                format!("particle {found}"),
            ),
        }
    }

    fn describe(&self, reweighted: &Reweighted, resampled: bool, moved: &Tally) -> Step {
        let state = &self.state;
        let rows = state.stage.effective_rows();
        let each = state.weights.particles();
        let by_resampling = state.coalescences.iter();
        let by_resampling = by_resampling.map(|&sum| ancestors_left(each, sum));
        Step {
            step: state.steps,
            done: self.done(rows),
            rows,
            touched: state.stage.cost(),
            all_rows: self.problem.rows(),
            moves: moved.moves,
            non_finite: reweighted.non_finite + moved.non_finite,
            proposals: moved.moves * state.roots.len(),
            detail: Detail::Stage(StageDetail {
                cess: reweighted.cess.min(moved.cess),
                ess: reweighted.ess,
                resampled,
                acceptance: moved.mean_acceptance,
                step_size: state.tuning.step,
                ancestors: distinct(&state.roots),
                ancestors_by_resampling: by_resampling.sum(),
                log_evidence: state.weights.log_evidence(),
            }),
            counts: Counts::default(),
            seconds: 0.0,
        }
    }

    /// How much is done: half of it when all `rows` are in, if there are final moves.
    fn done(&self, rows: f64) -> f64 {
        let annealed = (rows.ln_1p() / (self.problem.rows() as f64).ln_1p()).min(1.0);
        if let Some(budget) = self.settings.spend {
            return (self.state.spent as f64 / budget.max(1) as f64).min(1.0);
        }
        match self.settings.final_moves {
            0 => annealed,
            all => 0.5 * (annealed + self.state.after as f64 / all as f64),
        }
    }
}

impl Stepwise for SmcRun<'_> {
    fn plan(&self) -> Option<Plan> {
        let stages = self.plan.as_ref()?;
        Some(Plan::new(stages, self.problem.rows()))
    }

    fn step(&mut self) -> Result<Option<Step>> {
        self.advance()
    }

    fn state(&self) -> Result<Saved> {
        Saved::of(&SmcState {
            row_gradients: self.row_gradients(),
            ..self.state.clone()
        })
    }

    fn gathered(&self) -> Option<usize> {
        let any = self.settings.recycle || self.state.walk.is_some();
        any.then(|| self.state.generations.iter().map(|(p, _)| p.len()).sum())
    }

    fn hand_out(&mut self) -> Vec<Generation> {
        let generations = std::mem::take(&mut self.state.generations).into_iter();
        let combine = self.settings.combine;
        let of = |(positions, islands): (Population, Islands)| {
            let together = islands.combined(combine);
            Generation {
                positions,
                weights: Some((islands, together)),
            }
        };
        generations.map(of).collect()
    }

    fn take_back(&mut self, generations: Vec<Generation>, every: usize) {
        if let Some((_, walked)) = &mut self.state.walk {
            *walked = walked.div_ceil(every);
        }
        let of = |g: Generation| Some((g.positions, g.weights?.0));
        self.state.generations = generations.into_iter().filter_map(of).collect();
    }

    fn finish(self: Box<Self>) -> Result<Outcome> {
        self.leave()
    }
}

fn target_of<'a>(settings: &'a Smc, problem: &'a dyn Problem, stage: &'a Stage) -> Target<'a> {
    Target {
        problem,
        stage,
        start: settings.start.as_deref(),
    }
}

fn distinct(roots: &[usize]) -> usize {
    let mut roots = roots.to_vec();
    roots.sort_unstable();
    roots.dedup();
    roots.len()
}
