//! The run: an approach without noise, then sampling, a round of passes over the rows at a time.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::approach::Approach;
use super::plan::{Phase, Plan};
use super::settings::SgMcmc;
use crate::base::error::{Error, Result};
use crate::base::rng::{Purpose, Streams};
use crate::base::saved::Saved;
use crate::infer::generation::{of_chains, positions};
use crate::infer::observe::{Detail, PassDetail, Step};
use crate::infer::optimise::{begin, cosine, held, usual_batch, usual_rate};
use crate::infer::{DrawnFrom, Draws, Generation, Nearness, Outcome, Stepwise, check_shape};
use crate::problem::population::Population;
use crate::problem::{Counts, Problem};
use crate::sampling::cloud::{Cloud, Target};
use crate::sampling::kernel::{Inexact, towards};
use crate::sampling::reference::reference;
use crate::sampling::stage::Stage;
use crate::sampling::stochastic::{
    Ahead, BatchSize, GrowingBatch, Passed, Probe, Stroke, Walkers, pass, probe, subset,
};
use crate::sampling::weights::Weights;

/// Everything that the chains have become so far.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct SgState {
    /// Rounds made.
    rounds: usize,
    walkers: Walkers,
    /// While the posterior is approached.
    approach: Option<Approach>,
    /// The draws so far, each of them of every chain.
    draws: Vec<Population>,
    /// The error of steps, as last probed.
    found: Option<Inexact>,
    /// Rows of the last batch.
    batch: usize,
    /// Steps of a chain that were taken back.
    undone: usize,
    /// Chains that had not arrived when an approach ended.
    gathered: usize,
}

/// The chains of a run.
pub(super) struct SgRun<'a> {
    settings: SgMcmc,
    plan: Plan,
    problem: Arc<dyn Problem + 'a>,
    streams: Streams,
    posterior: Stage,
    state: SgState,
}

/// Steps taken back, for each chain, after which a run has diverged.
const MOST_UNDONE: usize = 50;

/// A chain has not arrived, or is lost, where its log-density is so much, and so much for each parameter, below the middle of the
/// chains, or below the end of the approach: noise takes half of one for each at temperature 1.
const LOST: f64 = 100.0;
const LOST_EACH: f64 = 5.0;

/// Passes with noise in which scales are learned: after one, two, four and so on.
const LEARNING: usize = 16;

/// How far ahead of the end of the approach scales are learned, in scales.
const AHEAD: f32 = 0.25;

/// Probes at most before the first step with noise.
const PROBES: usize = 30;

impl<'a> SgRun<'a> {
    /// Chains at draws of the prior; the settings have been checked.
    pub(super) fn new(settings: SgMcmc, problem: Arc<dyn Problem + 'a>, streams: Streams) -> Self {
        let mut positions = Population::zeros(settings.chains, problem.dim());
        if held(&*problem).is_empty() {
            problem.prior().sample(streams, 0, &mut positions);
        } else {
            // Weights under a scale that an optimiser must not move begin where they train.
            begin(&*problem, streams, &mut positions);
        }
        let mut tuning = settings.kernel.start(problem.dim());
        tuning.refer_to(reference(&*problem));
        if let Some(step) = settings.step {
            tuning.step = step;
        }
        let walkers = Walkers::new(positions, tuning);
        let state = SgState {
            rounds: 0,
            walkers,
            approach: None,
            draws: Vec::new(),
            found: None,
            batch: 0,
            undone: 0,
            gathered: 0,
        };
        Self::with(settings, problem, streams, state)
    }

    /// The run that saved `state`.
    pub(super) fn resume(
        settings: SgMcmc,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
        state: &Saved,
    ) -> Result<Self> {
        let state: SgState = state.read()?;
        let text = |chains: usize, dim: usize| format!("{chains} chains of {dim} parameters");
        let expected = text(settings.chains, problem.dim());
        let positions = &state.walkers.positions;
        check_shape(&expected, &text(positions.len(), positions.dim()))?;
        Ok(Self::with(settings, problem, streams, state))
    }

    fn with(
        settings: SgMcmc,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
        state: SgState,
    ) -> Self {
        Self {
            plan: Plan::of(&settings, &*problem),
            posterior: Stage::of(0..problem.rows()),
            settings,
            problem,
            streams,
            state,
        }
    }

    fn stroke(&self, factor: f64, within: usize) -> Stroke {
        Stroke {
            streams: self.streams,
            pass: self.state.rounds * self.plan.together() + within + 1,
            step: 0,
            temperature: self.settings.temperature,
            factor,
        }
    }

    /// Without noise: the rate falls to zero along half a cosine.
    fn approach(&mut self, done: f64) -> Result<Passed> {
        let (rows, dim) = (self.problem.rows(), self.problem.dim());
        let ahead = Ahead {
            rows,
            done,
            heat_of_a_row: None,
        };
        let batch = match &self.settings.approach_batch {
            Some(batch) => batch.rows(&ahead),
            None => {
                let first = usual_batch(rows);
                GrowingBatch::between(first, 4 * first).rows(&ahead)
            }
        };
        let first = self.settings.rate.unwrap_or_else(|| usual_rate(dim));
        // A round is a share of the phase: the next one begins where it ends.
        let together = self.plan.together();
        let share = self.plan.share_of_a_round(self.state.rounds) / together as f64;
        let rate = |within: f64| cosine(first, done + share * within);
        let strokes: Vec<Stroke> = (0..together).map(|k| self.stroke(1.0, k)).collect();
        let target = Target::new(&*self.problem, &self.posterior);
        let state = &mut self.state;
        state.batch = batch;
        let walkers = &mut state.walkers;
        let approach = state
            .approach
            .get_or_insert_with(|| Approach::new(walkers, &*self.problem));
        let mut passed = Passed::default();
        for (k, stroke) in strokes.into_iter().enumerate() {
            let rate = |within: f64| rate(k as f64 + within);
            passed += approach.pass(walkers, &target, batch, rate, stroke)?;
        }
        Ok(passed)
    }

    /// With noise. Scales and steps are found where the approach has ended, and again in the first rounds: where a network fits all
    /// rows, they tell it less than a few steps away.
    fn sample(&mut self, done: f64, at: usize, halved: bool, kept: bool) -> Result<Passed> {
        if at == 0 {
            self.settle();
        }
        let (mut passed, mut lost) = (Passed::default(), 0);
        for within in 0..self.plan.together() {
            let passes = at * self.plan.together() + within;
            let early = passes < LEARNING;
            if early && passes.is_power_of_two() {
                self.learn();
            }
            if early || lost > 0 {
                self.adapt(done, passes > 0, [0.5, 1.5]);
            } else if within == 0 {
                self.adapt(done, true, [0.8, 1.25]);
            }
            let factor = if halved { 0.5 } else { 1.0 };
            let stroke = self.stroke(factor, within);
            let target = Target::new(&*self.problem, &self.posterior);
            let (walkers, batch) = (&mut self.state.walkers, self.state.batch);
            let now = pass(&*self.settings.kernel, walkers, &target, batch, stroke)?;
            lost = now.undone;
            passed += now;
        }
        if kept {
            self.state.draws.push(self.state.walkers.positions.clone());
        }
        Ok(passed)
    }

    /// Probes the step, follows the energy error within `bounds` if it `follows`, and takes batches that suit it.
    fn adapt(&mut self, done: f64, follows: bool, bounds: [f64; 2]) {
        let rows = self.problem.rows();
        let found = self.probe();
        let adapts = !self.settings.kernel.adapts_itself() && self.settings.step.is_none();
        if adapts && follows {
            let walkers = &mut self.state.walkers;
            walkers.slow_down(&found.apart);
            walkers.tuning.step *=
                towards(self.settings.energy_error, found.energy_error).clamp(bounds[0], bounds[1]);
        }
        let ahead = Ahead {
            rows,
            done,
            heat_of_a_row: Some(found.heat_of_a_row),
        };
        self.state.batch = self.settings.batch.rows(&ahead).min(rows);
        self.state.found = Some(found.inexact(self.state.batch, rows));
    }

    /// Scales where the chains are, none more than twice what it was: they may not have come far yet.
    fn learn(&mut self) {
        let before = self.state.walkers.tuning.scale.clone();
        self.learn_at(self.state.walkers.positions.clone());
        self.no_more_than(before.iter().map(|scale| 2.0 * scale));
    }

    fn no_more_than(&mut self, scales: impl Iterator<Item = f32>) {
        let now = self.state.walkers.tuning.scale.iter_mut();
        for (scale, most) in now.zip(scales) {
            *scale = scale.min(most);
        }
    }

    /// Scales at `positions`.
    fn learn_at(&mut self, positions: Population) {
        let some = subset(&self.posterior);
        let target = Target::new(&*self.problem, &some);
        let equal = Weights::uniform(positions.len());
        let mut cloud = Cloud::without_terms(positions);
        let tuning = &mut self.state.walkers.tuning;
        self.settings
            .scales
            .learn(tuning, &target, &mut cloud, &equal);
    }

    /// The smaller of the scales where the chains are and where noise will take them: rows that a network fits tell nothing of it
    /// there, and all of it a little farther on.
    fn learn_ahead(&mut self, noise: &Population) {
        self.learn_at(self.state.walkers.positions.clone());
        let here = self.state.walkers.tuning.scale.clone();
        let mut ahead = self.state.walkers.positions.clone();
        ahead.axpy(AHEAD, &here, noise);
        self.learn_at(ahead);
        self.no_more_than(here.into_iter());
    }

    /// The end of the approach: scales where the chains are, and the step that goes with them.
    fn settle(&mut self) {
        self.state.approach = None;
        self.gather();
        let walkers = &mut self.state.walkers;
        let mut noise = walkers.positions.zeros_like();
        noise.fill_normal(self.streams, Purpose::Propose, 0, 0);
        walkers.momenta = walkers.positions.zeros_like();
        self.learn_ahead(&noise);
        if self.settings.kernel.adapts_itself() || self.settings.step.is_some() {
            return;
        }
        for _ in 0..PROBES {
            let found = self.probe();
            let factor = towards(self.settings.energy_error, found.energy_error);
            self.state.walkers.tuning.step *= factor;
            self.state.walkers.slow_down(&found.apart);
            if (factor - 1.0).abs() < 0.05 && found.apart.is_empty() {
                break;
            }
        }
        let walkers = &mut self.state.walkers;
        // The first steps are careful ones.
        walkers.tuning.step *= 0.5;
        let steps = walkers.tuning.steps(walkers.positions.len());
        // Fresh momenta of the kinetic energy ½|v|²/ε².
        walkers
            .momenta
            .blend(&vec![0.0; steps.len()], &steps, &noise);
    }

    /// Chains that have not arrived go on from where the best ones are, as particles of no weight would.
    fn gather(&mut self) {
        let all = Target::new(&*self.problem, &self.posterior);
        let walkers = &mut self.state.walkers;
        let mut logs = all.log_density(&all.value(&walkers.positions));
        let heat = self.settings.temperature.max(1.0);
        let far = LOST + LOST_EACH * heat * self.problem.dim() as f64;
        let mut best: Vec<usize> = (0..logs.len()).collect();
        best.sort_by(|&a, &b| logs[b].total_cmp(&logs[a]));
        best.retain(|&i| logs[i].is_finite());
        let middle = best.get(logs.len() / 2).map_or(f64::INFINITY, |&i| logs[i]);
        let arrived = |log: f64| log >= middle - far;
        let lost: Vec<usize> = (0..logs.len()).filter(|&i| !arrived(logs[i])).collect();
        if middle.is_finite() {
            let places = best.iter().copied().cycle().take(lost.len());
            let places: Vec<usize> = places.collect();
            let there = walkers.positions.gather(&places);
            walkers.positions.scatter(&lost, &there);
            for (&i, place) in lost.iter().zip(places) {
                logs[i] = logs[place];
            }
            self.state.gathered += lost.len();
        }
        self.state.walkers.lost_below(&logs, far);
    }

    fn probe(&self) -> Probe {
        let some = subset(&self.posterior);
        let target = Target::new(&*self.problem, &some);
        let at = (self.streams, self.state.rounds + 1);
        probe(&*self.settings.kernel, &self.state.walkers, &target, at)
    }

    fn describe(&self, phase: Phase, passed: Passed) -> Step {
        let state = &self.state;
        let rows = self.problem.rows();
        Step {
            step: state.rounds,
            done: state.rounds as f64 / self.plan.rounds() as f64,
            rows: rows as f64,
            touched: rows,
            all_rows: rows,
            moves: passed.steps,
            non_finite: passed.undone,
            proposals: passed.steps * self.settings.chains,
            detail: Detail::Pass(PassDetail {
                noise: matches!(phase, Phase::Sampling { .. }),
                batch: state.batch,
                step_size: state.walkers.tuning.step,
                energy_error: state.found.map(|found| found.energy_error),
                heat: state.found.map(|found| found.heat),
            }),
            counts: Counts::default(),
            seconds: 0.0,
        }
    }
}

impl Stepwise for SgRun<'_> {
    fn step(&mut self) -> Result<Option<Step>> {
        if self.state.rounds == self.plan.rounds() {
            return Ok(None);
        }
        let phase = self.plan.phase(self.state.rounds);
        let passed = match phase {
            Phase::Approach(done) => self.approach(done)?,
            Phase::Sampling {
                done,
                at,
                halved,
                kept,
            } => self.sample(done, at, halved, kept)?,
        };
        self.state.rounds += 1;
        self.state.undone += passed.undone;
        if self.state.undone > MOST_UNDONE * self.settings.chains {
            return Err(Error::Diverged {
                what: format!(
                    "{} steps of {} chains led where the log-density is not finite or far too low",
                    self.state.undone, self.settings.chains
                ),
                advice: "try a smaller rate, smaller prior scales or standardised data",
            });
        }
        Ok(Some(self.describe(phase, passed)))
    }

    fn state(&self) -> Result<Saved> {
        Saved::of(&self.state)
    }

    fn gathered(&self) -> Option<usize> {
        Some(self.state.draws.iter().map(Population::len).sum())
    }

    fn hand_out(&mut self) -> Vec<Generation> {
        of_chains(&mut self.state.draws)
    }

    fn take_back(&mut self, generations: Vec<Generation>, _: usize) {
        self.state.draws = positions(generations);
    }

    fn finish(self: Box<Self>) -> Result<Outcome> {
        let state = self.state;
        let draws = Population::interleave(&state.draws).ok_or(Error::Stopped {
            steps: state.rounds,
            nothing: "no draw yet: that was the approach",
        })?;
        let found = state.found.unwrap_or(Inexact {
            energy_error: f64::NAN,
            heat: f64::NAN,
        });
        let adapts = !self.settings.kernel.adapts_itself();
        let nearness = Nearness {
            temperature: self.settings.temperature,
            energy_error: adapts.then_some(found.energy_error),
            heat: found.heat,
            finer: self.plan.at_half_the_step(),
            by_exact_moves: false,
        };
        let draws = Draws::chains(draws, self.settings.chains)?;
        let mut cautions = vec![format!(
            "draws by {} on mini-batches, whose errors nothing corrects: there is no evidence; `smc().warm(sghmc(), 0.3)` goes on exactly",
            self.settings.kernel.name()
        )];
        if state.gathered > 0 {
            cautions.push(format!(
                "{} of {} chains had not come near the others when the approach ended, and went on from where the best were",
                state.gathered, self.settings.chains
            ));
        }
        if self.settings.temperature != 1.0 {
            let side = if self.settings.temperature < 1.0 {
                "colder"
            } else {
                "hotter"
            };
            cautions.push(format!(
                "temperature {}: the draws are {side} than the posterior, and none of it",
                self.settings.temperature
            ));
        }
        Ok(Outcome {
            draws: draws.meant_for(DrawnFrom::Nearly(nearness)),
            cautions,
        })
    }
}
