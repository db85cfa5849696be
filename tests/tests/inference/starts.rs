//! A run from a warm start has the evidence of one from the prior.

use laws::conjugate::known;
use laws::laws::evidence_is_unbiased;
use laws::{infer, mean_se, stepped, table};
use smc_runtime::engine::{Engine, bind};
use smc_runtime::infer::Smc;
use smc_runtime::infer::observe::Detail;
use smc_runtime::prelude::*;
use smc_runtime::problem::population::Population;
use smc_runtime::sampling::adapt::StepSize;
use smc_runtime::sampling::moves::{Moves, Tally};
use smc_runtime::sampling::start::Gaussians;

/// A network of ten parameters.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.3))]
struct SmallNet {
    #[prior(Normal(0.0, 1.5))]
    hidden: Linear<1, 3>,
    activation: Tanh,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<3, 1>,
}

/// Two Gaussians, neither of them at the posterior.
fn elsewhere(dim: usize) -> Gaussians {
    let centres = (0..2 * dim).map(|i| if i < dim { -0.3 } else { 0.6 });
    let centres = Population::from_values(dim, centres.collect()).unwrap();
    Gaussians::new(centres, vec![0.7; dim]).unwrap()
}

#[test]
fn a_warm_start_has_the_same_unbiased_evidence() {
    let known = known();
    let (problem, z) = (&*known.problem, known.log_evidence);
    let ladder = Tempering::ladder((1..=14).map(|k| (f64::from(k) / 14.0).powi(2)));
    let warm = smc()
        .start(elsewhere(3))
        .kernel(Hmc::leapfrogs(8))
        .frozen(0.1);
    evidence_is_unbiased(&warm.clone().annealing(ladder), problem, z).unwrap();
    let ramps = SmoothDataAnnealing::geometric().first(10).ramps(6);
    evidence_is_unbiased(&warm.annealing(ramps), problem, z).unwrap();
}

/// A small network whose posterior has many modes: from the prior, and from Gaussians around what short chains found.
#[test]
fn a_network_has_the_same_evidence_from_both_starts() {
    let data = table(7, 1, 24, |_, row| (2.0 * row[0]).sin());
    let bound = bind(SmallNet::default(), &data, Engine::fused(), 1).unwrap();
    let settings = smc().particles(256).moves(2).kernel(Hmc::leapfrogs(8));
    let chains = mcmc()
        .chains(16)
        .warmup(200)
        .draws(1)
        .kernel(Hmc::leapfrogs(8));
    let evidences = |settings: &Smc| -> Vec<f64> {
        let found = (0..12).map(|seed| infer(settings, &*bound.problem, seed).unwrap());
        found.map(|draws| draws.log_evidence().unwrap()).collect()
    };
    let cold = evidences(&settings);
    let warm = evidences(&settings.annealing(Tempering::adaptive()).warm(chains, 1.5));
    let ((a, s), (b, t)) = (mean_se(&cold), mean_se(&warm));
    println!("from the prior {a:.3} ± {s:.3}, from a warm start {b:.3} ± {t:.3}");
    assert!(s < 0.15 && t < 0.15);
    assert!((a - b).abs() < 4.4 * s.hypot(t));
}

/// Rows that say a thousand times as much as the prior: at the step of the prior's scales every move from a narrow start would be refused.
#[test]
fn the_first_step_from_a_start_is_tried_out() {
    let data = table(400, 1, 7, |_, row| row[0]);
    let bound = bind(Sharp::default(), &data, Engine::fused(), 1).unwrap();
    let centres = infer(&ensemble().members(4).epochs(400), &*bound.problem, 1).unwrap();
    let run = |moves: Smc| {
        let around = Gaussians::new(centres.positions().clone(), vec![1e-4; 2]).unwrap();
        let moves = moves.metric(Metric::Prior).start(around).particles(8);
        let moves = moves.kernel(Hmc::leapfrogs(4)).moves(UntilOnce);
        let (steps, _) =
            stepped(&moves.annealing(Tempering::stages(2)), &*bound.problem, 1).unwrap();
        let Detail::Stage(first) = &steps[0].detail else {
            panic!("{:?}", steps[0].detail)
        };
        first.acceptance
    };
    let (tried, blind) = (run(smc()), run(smc().step_size(Blind)));
    assert!(tried > 0.4 && blind < 0.05, "{tried}, {blind}");
}

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.01))]
struct Sharp {
    #[prior(Normal(0.0, 1.0))]
    output: Linear<1, 1>,
}

/// One move, whatever it comes to.
#[derive(Debug)]
struct UntilOnce;

impl Moves for UntilOnce {
    fn more(&self, tally: &Tally) -> bool {
        tally.moves == 0
    }
}

/// The step that a kernel begins with, without a trial.
#[derive(Debug)]
struct Blind;

impl StepSize for Blind {}
