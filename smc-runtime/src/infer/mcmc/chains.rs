//! The run of Markov chain Monte Carlo: a warm-up, then draws, one move of every chain at a time.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::settings::Mcmc;
use super::visited::Visited;
use crate::base::error::{Error, Result};
use crate::base::rng::Streams;
use crate::base::saved::Saved;
use crate::infer::draws::NEARLY;
use crate::infer::generation::{of_chains, positions};
use crate::infer::observe::{ChainsDetail, Detail, Step};
use crate::infer::{DrawnFrom, Draws, Generation, Outcome, Stepwise, check_shape};
use crate::model::layout::Layout;
use crate::problem::population::Population;
use crate::problem::{Counts, Hyperparameter, Problem};
use crate::sampling::anneal::{Tempering, planned};
use crate::sampling::cloud::{Cloud, Target};
use crate::sampling::kernel::{At, Exactness, Inexact, Interweaved, Moved, Tuning};
use crate::sampling::known::Known;
use crate::sampling::stage::Stage;
use crate::sampling::weights::Weights;

/// Everything that the chains have become so far.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct ChainsState {
    stage: Stage,
    cloud: Cloud,
    tuning: Tuning,
    /// Moves made.
    moves: usize,
    /// Where the chains have been since the scales were last renewed.
    visited: Visited,
    /// Moves since then.
    since: usize,
    steps: Steps,
    /// What is known of the error of the last move, where moves are inexact.
    inexact: Option<Inexact>,
    /// The draws so far, each of them of every chain.
    draws: Vec<Population>,
}

/// The average of the chains' step sizes over the last eighth of the warm-up.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Steps {
    sums_of_logs: Vec<f64>,
    moves: usize,
}

/// The chains of a run.
pub(super) struct ChainsRun<'a> {
    settings: Mcmc,
    problem: Arc<dyn Problem + 'a>,
    streams: Streams,
    /// The stages by which the likelihood enters in the first half of the warm-up.
    tempering: Vec<Stage>,
    state: ChainsState,
}

impl<'a> ChainsRun<'a> {
    /// Chains at draws of the prior; the settings have been checked.
    pub(super) fn new(
        settings: Mcmc,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
    ) -> Result<Self> {
        let chains = settings.chains;
        let mut positions = Population::zeros(chains, problem.dim());
        problem.prior().sample(streams, 0, &mut positions);
        let stage = Stage::of(0..problem.rows());
        let cloud = Cloud::at(&Target::new(&*problem, &stage), positions);
        let possible = |terms| stage.log_density(terms).is_finite();
        if !cloud.terms().iter().any(possible) {
            return Err(Error::NoStart { chains });
        }
        let (adaptation, kernel) = (&settings.adaptation, &*settings.kernel);
        let mut tuning = adaptation.start(kernel, &*problem, 1.0);
        if adaptation.step.target_acceptance(kernel).is_some() && !kernel.in_step() {
            // A chain that starts in a narrow place finds its own step and gets out, without slowing the others.
            tuning.step_apart(chains);
        }
        let state = ChainsState {
            stage,
            cloud,
            tuning,
            moves: 0,
            visited: Visited::default(),
            since: 0,
            steps: Steps {
                sums_of_logs: vec![0.0; chains],
                moves: 0,
            },
            inexact: None,
            draws: Vec::new(),
        };
        Self::with(settings, problem, streams, state)
    }

    /// The run that saved `state`.
    pub(super) fn resume(
        settings: Mcmc,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
        state: &Saved,
    ) -> Result<Self> {
        let state: ChainsState = state.read()?;
        let text = |chains: usize, dim: usize| format!("{chains} chains of {dim} parameters");
        let expected = text(settings.chains, problem.dim());
        let found = text(state.cloud.len(), state.cloud.positions().dim());
        check_shape(&expected, &found)?;
        Self::with(settings, problem, streams, state)
    }

    fn with(
        mut settings: Mcmc,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
        state: ChainsState,
    ) -> Result<Self> {
        let scales = settings.adaptation.scales.clone();
        scales.fits(&*problem)?;
        settings.kernel = scales.around(settings.kernel);
        // Chains that wait for the many weights under a scale would hardly move along it.
        let invariant = settings.kernel.exactness() == Exactness::Invariant;
        if invariant && !problem.model().hyperparameters().is_empty() {
            settings.kernel = Arc::new(Interweaved::around(settings.kernel));
        }
        let tempering = match settings.warmup / 2 {
            0 => None,
            stages => planned(&Tempering::stages(stages), problem.rows())?,
        };
        Ok(Self {
            tempering: tempering.unwrap_or_default(),
            settings,
            problem,
            streams,
            state,
        })
    }

    /// What is known of the error of the last move, where moves are inexact.
    pub(super) fn inexact(&self) -> Option<Inexact> {
        self.state.inexact
    }

    /// The draws so far, chain by chain.
    pub(super) fn draws(&self) -> Result<Population> {
        Population::interleave(&self.state.draws).ok_or(Error::Stopped {
            steps: self.state.moves,
            nothing: "no draw yet: that was the warm-up",
        })
    }

    /// One move of every chain on the present target.
    fn make_move(&mut self) -> Result<Moved> {
        let state = &mut self.state;
        let at = At {
            streams: self.streams,
            stage: state.moves + 1,
            draw: 0,
        };
        let target = Target::new(&*self.problem, &state.stage);
        let kernel = &*self.settings.kernel;
        let moved = kernel.step(&state.tuning, &target, &mut state.cloud, at);
        if moved.corrections.is_some() {
            return Err(self.settings.not_invariant());
        }
        state.moves += 1;
        state.inexact = moved.inexact;
        Ok(moved)
    }

    /// Tempering from about one row's worth of likelihood to all, with a gain that follows; then a gain that settles,
    /// while the scales are renewed from what the chains have visited since.
    fn warm_up(&mut self) -> Result<Moved> {
        let (warmup, k) = (self.settings.warmup, self.state.moves + 1);
        match self.tempering.get(k - 1) {
            Some(stage) => self.enter(stage.clone()),
            None => self.enter(Stage::of(0..self.problem.rows())),
        }
        let moved = self.make_move()?;
        let state = &mut self.state;
        state.since += 1;
        let gain = if k <= self.tempering.len() {
            1.0
        } else {
            (3.0 * (state.since as f64).powf(-0.6)).min(1.0)
        };
        let (kernel, policy) = (&*self.settings.kernel, &self.settings.adaptation.step);
        kernel.learn(&mut state.tuning, &moved, gain);
        policy.learn(kernel, &mut state.tuning, &moved, gain);
        if k > 7 * warmup / 8 {
            state.steps.see(&state.tuning);
        }
        state.visited.see(state.cloud.positions());
        if k.is_multiple_of((warmup / 8).max(1)) && k <= 6 * warmup / 8 {
            self.renew_scales();
        }
        Ok(moved)
    }

    /// Goes to another target.
    fn enter(&mut self, stage: Stage) {
        let state = &mut self.state;
        if stage != state.stage {
            let terms = Known::new(&*self.problem, &state.cloud, &state.stage).terms(&stage);
            state.cloud.enter(terms);
            state.stage = stage;
        }
    }

    fn renew_scales(&mut self) {
        let state = &mut self.state;
        state.since = 0;
        if let Some(mut seen) = std::mem::take(&mut state.visited).into_cloud() {
            let weights = Weights::uniform(seen.len());
            let target = Target::new(&*self.problem, &state.stage);
            let adaptation = &self.settings.adaptation;
            adaptation.enter(&mut state.tuning, &target, &mut seen, &weights);
        }
    }

    /// The end of the warm-up: nothing is learned after it.
    fn settle(&mut self) {
        self.state.steps.settle(&mut self.state.tuning);
        let policy = &self.settings.adaptation.step;
        policy.settle(&mut self.state.tuning);
        self.enter(Stage::of(0..self.problem.rows()));
    }

    /// A move, and with every so many of them a draw.
    fn draw(&mut self) -> Result<Moved> {
        if self.state.moves == self.settings.warmup {
            self.settle();
        }
        let moved = self.make_move()?;
        let state = &mut self.state;
        if (state.moves - self.settings.warmup).is_multiple_of(self.settings.thin) {
            state.draws.push(state.cloud.positions().clone());
        }
        Ok(moved)
    }

    fn describe(&self, moved: &Moved, warmup: bool) -> Step {
        let (state, chains) = (&self.state, self.settings.chains);
        let steps = state.tuning.steps(chains);
        Step {
            step: state.moves,
            done: state.moves as f64 / self.settings.moves() as f64,
            rows: state.stage.effective_rows(),
            touched: state.stage.cost(),
            all_rows: self.problem.rows(),
            moves: 1,
            non_finite: moved.non_finite,
            proposals: chains,
            detail: Detail::Chains(ChainsDetail {
                warmup,
                acceptance: moved.mean_acceptance(),
                step_size: steps.iter().map(|&s| f64::from(s)).sum::<f64>() / chains as f64,
            }),
            counts: Counts::default(),
            seconds: 0.0,
        }
    }
}

impl Steps {
    fn see(&mut self, tuning: &Tuning) {
        let steps = tuning.steps(self.sums_of_logs.len());
        for (sum, step) in self.sums_of_logs.iter_mut().zip(steps) {
            *sum += f64::from(step).ln();
        }
        self.moves += 1;
    }

    fn settle(&self, tuning: &mut Tuning) {
        if self.moves > 0 {
            let mean = |sum: &f64| (sum / self.moves as f64).exp();
            tuning.set_steps(&self.sums_of_logs.iter().map(mean).collect::<Vec<_>>());
        }
    }
}

impl Stepwise for ChainsRun<'_> {
    fn step(&mut self) -> Result<Option<Step>> {
        let moves = self.state.moves;
        if moves == self.settings.moves() {
            return Ok(None);
        }
        let warmup = moves < self.settings.warmup;
        let moved = if warmup {
            self.warm_up()?
        } else {
            self.draw()?
        };
        Ok(Some(self.describe(&moved, warmup)))
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
        let draws = Draws::chains(self.draws()?, self.settings.chains)?;
        let model = self.problem.model();
        let disagreement = disagreement(model.layout(), model.hyperparameters(), &draws);
        let mut cautions: Vec<String> = disagreement.into_iter().collect();
        let Some(inexact) = self.state.inexact else {
            return Ok(Outcome { draws, cautions });
        };
        cautions.push(NEARLY.to_owned());
        Ok(Outcome {
            draws: draws.meant_for(DrawnFrom::Nearly(inexact.into())),
            cautions,
        })
    }
}

/// Whether the chains disagree on a single parameter, and where most. The weights of a network mean nothing one by one.
fn disagreement(
    layout: &Layout,
    hyperparameters: &[Hyperparameter],
    draws: &Draws,
) -> Option<String> {
    /// The R-hat that Gelman and Rubin (1992) tolerate; today one asks for less.
    const TOLERABLE: f64 = 1.1;
    let blocks = layout.blocks().iter().enumerate();
    let found = blocks
        .filter(|(_, b)| b.shape.is_empty())
        .filter_map(|(number, block)| {
            let values = draws.positions().coordinate(block.range.start);
            Some((draws.r_hat(&values)?, number, &block.name))
        });
    let (worst, number, name) = found.max_by(|a, b| a.0.total_cmp(&b.0))?;
    let advice = if hyperparameters.iter().any(|h| h.block == number) {
        "the weights under it, which are many, hold it where it is; give it a value with `Fixed`, or take `smc()`, whose particles begin at all of its values"
    } else {
        "take a longer warm-up, or longer trajectories"
    };
    (worst > TOLERABLE)
        .then(|| format!("R-hat of `{name}` is {worst:.2}: the chains disagree; {advice}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::layout::{BlockSpec, Role};
    use crate::model::transform::Support;

    fn block(shape: Vec<usize>) -> BlockSpec {
        BlockSpec {
            role: Role::Weight,
            name: "",
            shape,
            support: Support::Real,
            fan_in: 1,
        }
    }

    #[test]
    fn chains_that_disagree_on_a_single_parameter_are_told() {
        let layout = Layout::new([
            ("weights", vec![block(vec![1])], None),
            ("noise", vec![block(vec![])], None),
        ]);
        let found = |weights: f32, noise: f32, chains: usize| {
            let mut positions = Population::zeros(40, 2);
            for i in 0..40 {
                let (chain, draw) = ((i / 20) as f32, (i * 7 % 11) as f32);
                let at = positions.on_host().row_mut(i);
                (at[0], at[1]) = (draw + weights * chain, draw + noise * chain);
            }
            disagreement(&layout, &[], &Draws::chains(positions, chains).unwrap())
        };
        assert_eq!(found(50.0, 0.0, 2), None);
        let told = found(0.0, 50.0, 2).unwrap();
        assert!(told.starts_with("R-hat of `noise` is "), "{told}");
        assert_eq!(found(0.0, 50.0, 1), None);
    }
}
