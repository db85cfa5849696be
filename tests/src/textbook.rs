//! The weighting of sequential Monte Carlo as Del Moral et al. (2006) write it, with the places where it can go wrong as
//! parts, so that a law can be shown to catch each fault.

use smc_runtime::base::rng::{Purpose, Streams};
use smc_runtime::problem::Problem;
use smc_runtime::problem::population::Population;
use smc_runtime::sampling::cloud::{Cloud, Target};
use smc_runtime::sampling::kernel::{At, Kernel};
use smc_runtime::sampling::resample::{Resample, Systematic};
use smc_runtime::sampling::stage::{Stage, Terms};
use smc_runtime::sampling::weights::{Ancestors, Weights};
use smc_runtime::testing::{Perfect, Regression};

/// When the weights of a stage are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// On the old particles, before they move under the new target.
    ReweightThenMove,
    /// On the moved particles.
    MoveThenReweight,
}

/// A run of SMC over a fixed list of stages with a perfectly mixing kernel.
#[derive(Clone, Copy)]
pub struct Textbook {
    /// The increment of a log-weight from one stage to the next, given the terms under both.
    pub increment: fn(&Stage, &Terms, &Stage, &Terms) -> f64,
    /// What happens to the weights when the particles have been resampled.
    pub after_resampling: fn(&mut Weights),
    /// When the weights are computed.
    pub order: Order,
}

impl Default for Textbook {
    fn default() -> Self {
        Self {
            increment: Stage::increment,
            after_resampling: Weights::resampled,
            order: Order::ReweightThenMove,
        }
    }
}

/// What a run says of the posterior.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// Mean of the first coordinate.
    pub mean: f64,
    /// Log-evidence.
    pub log_evidence: f64,
}

impl Textbook {
    /// Runs `particles` particles through `stages`, resampling at each.
    ///
    /// # Panics
    /// If all particles lose their weight.
    pub fn run(
        &self,
        problem: &Regression,
        stages: &[Stage],
        particles: usize,
        seed: u64,
    ) -> Answer {
        let streams = Streams::new(seed);
        let kernel = Perfect::of(problem);
        let tuning = kernel.start(problem.layout().dim());
        let mut positions = Population::zeros(particles, problem.layout().dim());
        problem.prior().sample(streams, 0, &mut positions);
        let mut cloud = Cloud::at(&Target::new(problem, &Stage::prior()), positions);
        let mut weights = Weights::uniform(particles);
        let mut now = Stage::prior();
        for (number, next) in stages.iter().enumerate() {
            let target = Target::new(problem, next);
            let at = At {
                streams,
                stage: number + 1,
                draw: 0,
            };
            if self.order == Order::MoveThenReweight {
                kernel.step(&tuning, &target, &mut cloud, at);
            }
            let old = Target::new(problem, &now).value(cloud.positions());
            let new = target.value(cloud.positions());
            let pairs = old.iter().zip(&new);
            let increments: Vec<f64> = pairs
                .map(|(old, new)| (self.increment)(&now, old, next, new))
                .collect();
            weights
                .reweight(&increments)
                .expect("particles with weight");
            cloud.enter(new);
            now = next.clone();
            let last = number + 1 == stages.len();
            if self.order == Order::MoveThenReweight && last {
                continue;
            }
            let mut stream = streams.stream(Purpose::Resample, number + 1, 0, 0);
            let ancestors = Systematic.ancestors(&weights.normalised(), &mut stream);
            let ancestors = Ancestors::new(ancestors, particles).expect("one for each particle");
            cloud.resample(&ancestors);
            (self.after_resampling)(&mut weights);
            if self.order == Order::ReweightThenMove {
                kernel.step(&tuning, &target, &mut cloud, at);
            }
        }
        let first = weights
            .normalised()
            .iter()
            .enumerate()
            .map(|(i, w)| w * f64::from(cloud.positions().row(i)[0]))
            .sum();
        Answer {
            mean: first,
            log_evidence: weights.log_evidence(),
        }
    }
}
