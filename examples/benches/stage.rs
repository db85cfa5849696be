//! Each phase of an SMC stage alone, over all particles. A move of L leapfrog steps is one `momenta`, two `kinetic`, one
//! `accept`, and L of `likelihood`, `kick_and_drift` and `prior`.

use std::sync::Arc;

use divan::Bencher;
use examples::cases::Case;
use smc_runtime::base::rng::{Purpose, Stream, Streams};
use smc_runtime::engine::Engine;
use smc_runtime::model::algebra::Num;
use smc_runtime::model::transform::Support;
use smc_runtime::prelude::{Normal, Prior};
use smc_runtime::problem::population::Population;
use smc_runtime::problem::{Problem, Segment};
use smc_runtime::sampling::cloud::{Cloud, Target};
use smc_runtime::sampling::kernel::{At, Hmc, Kernel, Proposal, Tuning, metropolis};
use smc_runtime::sampling::resample::{Resample, Systematic};
use smc_runtime::sampling::stage::Stage;
use smc_runtime::sampling::weights::{Ancestors, Weights};

fn main() {
    divan::main();
}

const CASES: [Case; 2] = [Case::Big, Case::Tiny];
const AT: At = At {
    streams: Streams::new(1),
    stage: 1,
    draw: 0,
};

/// A case on the posterior's stage.
struct Set {
    problem: Arc<dyn Problem>,
    stage: Stage,
    thetas: Population,
    /// A scale for every coordinate, a step for every particle.
    scale: Vec<f32>,
    steps: Vec<f32>,
}

impl Set {
    fn up(case: Case) -> Self {
        let problem = case.bind(Engine::fused()).expect("a fused form");
        let thetas = case.thetas(&*problem);
        Self {
            stage: Stage::of(0..problem.rows()),
            scale: vec![1.0; thetas.dim()],
            steps: vec![1e-4; thetas.len()],
            thetas,
            problem,
        }
    }

    fn target(&self) -> Target<'_> {
        Target::new(&*self.problem, &self.stage)
    }

    fn zeros(&self) -> Population {
        Population::zeros(self.thetas.len(), self.thetas.dim())
    }

    /// Standard normal numbers, one for every parameter.
    fn noise(&self) -> Population {
        let mut noise = self.zeros();
        noise.fill_normal(AT.streams, Purpose::Simulate, 0, 0);
        noise
    }

    fn cloud(&self) -> Cloud {
        let target = self.target();
        let mut cloud = Cloud::at(&target, self.thetas.clone());
        cloud.gradient(&target);
        cloud
    }

    /// Log-weight increments that leave about half of the effective sample size.
    fn increments(&self) -> Vec<f64> {
        let noise = self.noise();
        (0..noise.len())
            .map(|i| f64::from(noise.row(i)[0]))
            .collect()
    }
}

#[divan::bench(args = CASES, sample_count = 20, max_time = 4)]
fn likelihood(bencher: Bencher, case: Case) {
    let set = Set::up(case);
    let mut gradient = set.zeros();
    let segments = [Segment {
        rows: 0..set.problem.rows(),
        weight: 1.0,
    }];
    bencher.bench_local(|| {
        set.problem
            .log_likelihood(&set.thetas, &segments, Some(&mut gradient))
    });
}

#[divan::bench(args = CASES)]
fn prior(bencher: Bencher, case: Case) {
    let set = Set::up(case);
    let mut gradient = set.zeros();
    bencher.bench_local(|| {
        set.problem
            .prior()
            .log_density(&set.thetas, Some(&mut gradient))
    });
}

/// A normal prior that a user wrote: one formula, nothing faster beside it.
#[derive(Clone, Copy, Debug)]
struct Own(Num, Num);

impl Prior for Own {
    const SUPPORT: Support = Support::Real;

    fn log_density(&self, x: Num) -> Num {
        Normal(self.0, self.1).log_density(x)
    }

    fn sample(&self, stream: &mut Stream) -> f64 {
        self.0.value() + self.1.value() * stream.normal()
    }
}

/// The prior of one vector of 100 000 parameters, by its closed form and by the formula.
#[divan::bench(args = [true, false])]
fn prior_of_1e5(bencher: Bencher, closed: bool) {
    let x = vec![0.5; 100_000];
    let mut gradient = x.clone();
    let [mean, sd] = divan::black_box([0.0, 1.5]).map(Num::from);
    bencher.bench_local(|| {
        if closed {
            Normal(mean, sd).log_density_of(&x, Some(&mut gradient))
        } else {
            Own(mean, sd).log_density_of(&x, Some(&mut gradient))
        }
    });
}

#[divan::bench(args = CASES)]
fn momenta(bencher: Bencher, case: Case) {
    let set = Set::up(case);
    let mut momenta = set.zeros();
    bencher.bench_local(|| momenta.fill_normal(AT.streams, Purpose::Propose, AT.stage, AT.draw));
}

#[divan::bench(args = CASES)]
fn kick_and_drift(bencher: Bencher, case: Case) {
    let set = Set::up(case);
    let (mut positions, mut momenta) = (set.thetas.clone(), set.noise());
    let mut gradient = set.noise();
    bencher.bench_local(|| {
        positions.kick_and_drift(1.0, &set.steps, &set.scale, &mut momenta, &mut gradient);
    });
}

#[divan::bench(args = CASES)]
fn kinetic(bencher: Bencher, case: Case) {
    let momenta = Set::up(case).noise();
    bencher.bench_local(|| momenta.squared_norms());
}

#[divan::bench(args = CASES)]
fn accept(bencher: Bencher, case: Case) {
    let set = Set::up(case);
    let (mut cloud, other) = (set.cloud(), set.cloud());
    // A fifth is rejected, and the gradients are those of before.
    let tuning = Tuning::new(set.problem.dim());
    let log_ratios = vec![0.8f64.ln(); set.thetas.len()];
    bencher
        .with_inputs(|| Proposal {
            positions: other.positions().clone(),
            terms: other.terms().to_vec(),
            gradient: other.known_gradient().cloned(),
        })
        .bench_local_values(|proposal| {
            metropolis(
                &set.target(),
                &mut cloud,
                proposal,
                &log_ratios,
                &tuning,
                AT,
            )
        });
}

#[divan::bench(args = CASES)]
fn reweight(bencher: Bencher, case: Case) {
    let set = Set::up(case);
    let increments = set.increments();
    bencher
        .with_inputs(|| Weights::uniform(increments.len()))
        .bench_local_values(|mut weights| weights.reweight(&increments));
}

#[divan::bench(args = CASES)]
fn resample(bencher: Bencher, case: Case) {
    let set = Set::up(case);
    let mut cloud = set.cloud();
    let mut weights = Weights::uniform(set.thetas.len());
    weights
        .reweight(&set.increments())
        .expect("finite increments");
    bencher.bench_local(|| {
        let mut stream = AT.streams.stream(Purpose::Resample, AT.stage, 0, 0);
        let ancestors = Systematic.ancestors(&weights.normalised(), &mut stream);
        let ancestors = Ancestors::new(ancestors, cloud.len()).expect("one for each particle");
        cloud.resample(&ancestors);
    });
}

/// The scales of a kernel that adapts.
#[divan::bench(args = CASES)]
fn variances(bencher: Bencher, case: Case) {
    let set = Set::up(case);
    let weights = Weights::uniform(set.thetas.len()).normalised();
    bencher.bench_local(|| set.thetas.variances(&weights));
}

#[divan::bench(args = CASES, sample_count = 3, sample_size = 1)]
fn whole_move(bencher: Bencher, case: Case) {
    let set = Set::up(case);
    let kernel = Hmc::leapfrogs(20);
    let tuning = kernel.start(set.problem.dim()).at(1e-4);
    let mut cloud = set.cloud();
    bencher.bench_local(|| kernel.step(&tuning, &set.target(), &mut cloud, AT));
}
