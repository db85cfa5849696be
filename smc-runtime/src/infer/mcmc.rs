//! Markov chain Monte Carlo: many chains at once on the posterior.

use std::sync::Arc;

use super::{Draws, Inference, Session};
use crate::base::error::{Error, Result};
use crate::infer::observe::Step;
use crate::model::layout::Layout;
use crate::problem::population::Population;
use crate::problem::{Counts, Problem};
use crate::sampling::adapt::{Adaptation, Scales, StepSize};
use crate::sampling::cloud::{Cloud, Target};
use crate::sampling::kernel::{At, Hmc, Kernel, Tuning};
use crate::sampling::stage::Stage;
use crate::sampling::weights::Weights;

/// 8 chains of HMC from the prior, 500 warm-up moves and 500 draws each, unless set otherwise.
///
/// In the first half of the warm-up the likelihood enters by tempering, so that a chain does not have to climb from a
/// draw of the prior to the posterior at once; in the second half the step size settles and the scales are renewed.
///
/// ```
/// use smc_runtime::prelude::*;
/// let algorithm = mcmc().chains(4).warmup(1000).draws(200).thin(5).kernel(Hmc::leapfrogs(20));
/// ```
pub fn mcmc() -> Mcmc {
    Mcmc::default()
}

/// The settings of Markov chain Monte Carlo; see [`mcmc`].
#[derive(Clone, Debug)]
pub struct Mcmc {
    chains: usize,
    warmup: usize,
    draws: usize,
    thin: usize,
    kernel: Arc<dyn Kernel>,
    adaptation: Adaptation,
}

impl Default for Mcmc {
    fn default() -> Self {
        Self {
            chains: 8,
            warmup: 500,
            draws: 500,
            thin: 1,
            kernel: Arc::new(Hmc::default()),
            adaptation: Adaptation::default(),
        }
    }
}

impl Mcmc {
    /// Number of independent chains.
    pub fn chains(mut self, chains: usize) -> Self {
        self.chains = chains;
        self
    }

    /// Moves of each chain before the first draw, in which the kernel adapts.
    pub fn warmup(mut self, moves: usize) -> Self {
        self.warmup = moves;
        self
    }

    /// Draws kept of each chain.
    pub fn draws(mut self, draws: usize) -> Self {
        self.draws = draws;
        self
    }

    /// Moves per kept draw.
    pub fn thin(mut self, moves: usize) -> Self {
        self.thin = moves;
        self
    }

    /// How chains move. It must leave the posterior invariant.
    pub fn kernel(mut self, kernel: impl Kernel + 'static) -> Self {
        self.kernel = Arc::new(kernel);
        self
    }

    /// How the kernel's step size is set: by [`Follow`](crate::sampling::adapt::Follow) at what the kernel aims at, unless set.
    pub fn step_size(mut self, policy: impl StepSize + 'static) -> Self {
        self.adaptation.step = Arc::new(policy);
        self
    }

    /// Where the scales come from that the step is in units of: by
    /// [`Metric::Diagonal`](crate::sampling::adapt::Metric::Diagonal), unless set.
    pub fn metric(mut self, scales: impl Scales + 'static) -> Self {
        self.adaptation.scales = Arc::new(scales);
        self
    }

    /// `step_size(Frozen::at(step))` and `metric(Metric::Unit)`: the kernel does not depend on the cloud. Under a fixed
    /// schedule E\[Ẑ\] = Z exactly.
    pub fn frozen(mut self, step: f64) -> Self {
        self.adaptation = Adaptation::frozen(step);
        self
    }

    fn check(&self) -> Result<()> {
        for (what, value) in [
            ("chains", self.chains),
            ("draws", self.draws),
            ("thin", self.thin),
        ] {
            if value == 0 {
                return Err(Error::config(what, 0, "at least 1 is needed"));
            }
        }
        if !self.kernel.invariant() {
            return Err(self.not_invariant());
        }
        self.kernel.check()?;
        self.adaptation.check(&*self.kernel)
    }

    fn not_invariant(&self) -> Error {
        Error::config(
            "kernel",
            format!("{:?}", self.kernel),
            "mcmc has no weights; it needs a kernel that leaves the posterior invariant",
        )
    }
}

impl Inference for Mcmc {
    fn name(&self) -> &'static str {
        "mcmc"
    }

    fn infer(&self, problem: &dyn Problem, session: &mut Session<'_>) -> Result<Draws> {
        self.check()?;
        let mut run = Chains::start(self, problem, session)?;
        run.warm_up(session)?;
        run.sample(session)
    }
}

/// The chains of a run.
struct Chains<'a> {
    settings: &'a Mcmc,
    problem: &'a dyn Problem,
    stage: Stage,
    cloud: Cloud,
    tuning: Tuning,
    moves: usize,
    before: Counts,
}

impl<'a> Chains<'a> {
    fn start(settings: &'a Mcmc, problem: &'a dyn Problem, session: &Session<'_>) -> Result<Self> {
        let before = problem.counts();
        let mut positions = Population::zeros(settings.chains, problem.dim());
        problem.prior().sample(session.streams(), 0, &mut positions);
        let stage = Stage::of(0..problem.rows());
        let cloud = Cloud::at(&Target::new(problem, &stage), positions);
        if !cloud.terms.iter().any(|t| stage.log_density(t).is_finite()) {
            return Err(Error::Collapse {
                stage: 0,
                particles: settings.chains,
                rows: problem.rows(),
                phi: 0.0,
                advice: "no chain starts at a finite log-density; try smaller prior scales or standardised data",
            });
        }
        let (adaptation, kernel) = (&settings.adaptation, &*settings.kernel);
        let mut tuning = adaptation.start(kernel, problem, 1.0);
        let aim = adaptation.step.target_acceptance(kernel);
        if aim.is_some() && !kernel.in_step() {
            // A chain that starts in a narrow place finds its own step and gets out, without slowing the others.
            tuning.step_apart(settings.chains);
        }
        Ok(Self {
            tuning,
            settings,
            problem,
            stage,
            cloud,
            moves: 0,
            before,
        })
    }

    fn advance(&mut self, session: &mut Session<'_>) -> Result<crate::sampling::kernel::Moved> {
        let target = Target::new(self.problem, &self.stage);
        let at = At {
            streams: session.streams(),
            stage: self.moves + 1,
            draw: 0,
        };
        let moved = self
            .settings
            .kernel
            .step(&self.tuning, &target, &mut self.cloud, at);
        if moved.corrections.is_some() {
            return Err(self.settings.not_invariant());
        }
        self.moves += 1;
        let rows = self.problem.rows();
        let all = self.settings.warmup + self.settings.draws * self.settings.thin;
        session.report(Step {
            step: self.moves,
            done: self.moves as f64 / all as f64,
            rows: rows as f64,
            touched: rows,
            all_rows: rows,
            cess: 1.0,
            ess: 1.0,
            resampled: false,
            acceptance: Some(moved.mean_acceptance()),
            moves: 1,
            step_size: self
                .tuning
                .steps(self.settings.chains)
                .iter()
                .map(|&s| f64::from(s))
                .sum::<f64>()
                / self.settings.chains as f64,
            ancestors: self.settings.chains,
            log_evidence: None,
            non_finite: moved.non_finite,
            counts: self.problem.counts() - self.before,
            seconds: 0.0,
        })?;
        Ok(moved)
    }

    /// Tempering from about one row's worth of likelihood to all, with a gain that follows; then a gain that settles,
    /// while the scales are renewed from what the chains have visited since.
    fn warm_up(&mut self, session: &mut Session<'_>) -> Result<()> {
        let warmup = self.settings.warmup;
        let (tempering, rows) = (warmup / 2, self.problem.rows());
        let all = std::mem::replace(&mut self.stage, Stage::prior());
        let mut visited = Visited::default();
        let chains = self.settings.chains;
        let (mut since, mut log_steps, mut averaged) = (0.0f64, vec![0.0; chains], 0.0);
        for k in 1..=warmup {
            if k <= tempering {
                let phi = (rows as f64)
                    .powf(k as f64 / tempering as f64 - 1.0)
                    .min(1.0);
                self.enter(Stage::ramping(0..0, 0..rows, phi));
            } else if k == tempering + 1 {
                self.enter(all.clone());
            }
            let moved = self.advance(session)?;
            since += 1.0;
            let gain = if k <= tempering {
                1.0
            } else {
                (3.0 * since.powf(-0.6)).min(1.0)
            };
            let (kernel, tuning) = (&*self.settings.kernel, &mut self.tuning);
            kernel.learn(tuning, &moved, gain);
            let policy = &self.settings.adaptation.step;
            policy.learn(kernel, tuning, &moved, gain);
            if k > 7 * warmup / 8 {
                for (sum, step) in log_steps.iter_mut().zip(self.tuning.steps(chains)) {
                    *sum += f64::from(step).ln();
                }
                averaged += 1.0;
            }
            visited.see(&self.cloud.positions);
            if k.is_multiple_of((warmup / 8).max(1)) && k <= 6 * warmup / 8 {
                self.renew_scales(std::mem::take(&mut visited));
                since = 0.0;
            }
        }
        if averaged > 0.0 {
            let steps: Vec<f64> = log_steps.iter().map(|s| (s / averaged).exp()).collect();
            self.tuning.set_steps(&steps);
        }
        self.settings.adaptation.step.settle(&mut self.tuning);
        self.enter(all);
        Ok(())
    }

    /// Goes to another target; what is cached of the old one is of no use there, except where only φ differs.
    fn enter(&mut self, stage: Stage) {
        if stage == self.stage {
            return;
        }
        if stage.ramp() != self.stage.ramp() || stage.full() != self.stage.full() {
            let terms = Target::new(self.problem, &stage).value(&self.cloud.positions);
            self.cloud.enter(terms);
        }
        self.cloud.gradient = None;
        self.stage = stage;
    }

    fn renew_scales(&mut self, visited: Visited) {
        if let Some(mut seen) = visited.into_cloud() {
            let weights = Weights::uniform(seen.terms.len());
            let target = Target::new(self.problem, &self.stage);
            self.settings
                .adaptation
                .enter(&mut self.tuning, &target, &mut seen, &weights);
        }
    }

    fn sample(mut self, session: &mut Session<'_>) -> Result<Draws> {
        let (chains, draws, dim) = (
            self.settings.chains,
            self.settings.draws,
            self.cloud.positions.dim(),
        );
        let mut positions = Population::zeros(chains * draws, dim);
        for draw in 0..draws {
            for _ in 0..self.settings.thin {
                self.advance(session)?;
            }
            let places: Vec<usize> = (0..chains).map(|chain| chain * draws + draw).collect();
            positions.scatter(&places, &self.cloud.positions);
        }
        let mut draws = Draws {
            log_weights: Weights::uniform(chains * draws).log().to_vec(),
            positions,
            log_evidence: None,
            chains,
            islands: Vec::new(),
            cautions: Vec::new(),
        };
        draws.cautions = disagreement(self.problem.layout(), &draws)
            .into_iter()
            .collect();
        Ok(draws)
    }
}

/// Whether the chains disagree on a single parameter, and where most. The weights of a network mean nothing one by one.
fn disagreement(layout: &Layout, draws: &Draws) -> Option<String> {
    /// The R-hat that Gelman and Rubin (1992) tolerate; today one asks for less.
    const TOLERABLE: f64 = 1.1;
    let single = layout.blocks().iter().filter(|b| b.shape.is_empty());
    let found = single.filter_map(|block| {
        let values = draws.positions.coordinate(block.range.start);
        Some((draws.r_hat(&values)?, &block.name))
    });
    let (worst, name) = found.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (worst > TOLERABLE).then(|| {
        format!(
            "R-hat of `{name}` is {worst:.2}: the chains disagree; take a longer warm-up, or longer trajectories"
        )
    })
}

/// Up to a thousand positions that chains have visited, evenly thinned.
#[derive(Default)]
struct Visited {
    kept: Vec<Population>,
    every: usize,
    seen: usize,
}

impl Visited {
    const MOST: usize = 1024;

    fn see(&mut self, positions: &Population) {
        self.every = self.every.max(1);
        if self.seen.is_multiple_of(self.every) {
            self.kept.push(positions.clone());
        }
        self.seen += 1;
        if self.kept.len() * positions.len() > Self::MOST && self.kept.len() > 1 {
            // Keep every other visit from now on, and of those already kept.
            let mut number = 0..;
            self.kept
                .retain(|_| number.next().is_some_and(|k: usize| k.is_multiple_of(2)));
            self.every *= 2;
        }
    }

    fn into_cloud(self) -> Option<Cloud> {
        let positions = Population::concat(&self.kept)?;
        (positions.len() > 1).then(|| Cloud {
            terms: vec![crate::sampling::stage::Terms::default(); positions.len()],
            positions,
            gradient: None,
        })
    }
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
            let draws = Draws {
                log_weights: Weights::uniform(40).log().to_vec(),
                positions,
                log_evidence: None,
                chains,
                islands: Vec::new(),
                cautions: Vec::new(),
            };
            disagreement(&layout, &draws)
        };
        assert_eq!(found(50.0, 0.0, 2), None);
        let told = found(0.0, 50.0, 2).unwrap();
        assert!(told.starts_with("R-hat of `noise` is "), "{told}");
        assert_eq!(found(0.0, 50.0, 1), None);
    }
}
