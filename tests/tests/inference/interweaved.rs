//! A scale that moves together with what it governs: it leaves the target as it is, and chains agree better on it.

use std::sync::Arc;

use laws::{near, table};
use smc_runtime::base::rng::Streams;
use smc_runtime::engine::{Engine, bind};
use smc_runtime::prelude::*;
use smc_runtime::problem::population::Population;
use smc_runtime::sampling::cloud::{Cloud, Target};
use smc_runtime::sampling::kernel::{At, Interweaved, Kernel, Moved, Tuning};
use smc_runtime::sampling::stage::Stage;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
struct Scaled {
    #[prior(Normal(0.0, tau))]
    hidden: Linear<2, 64>,
    activation: Tanh,
    #[prior(Normal(0.0, 1.0 / fan_in.sqrt()))]
    output: Linear<64, 1>,
    #[prior(HalfNormal(1.0))]
    tau: Scale,
    #[prior(HalfNormal(1.0))]
    noise: Scale,
}

/// Moves nothing.
#[derive(Debug)]
struct Still;

impl Kernel for Still {
    fn step(&self, _: &Tuning, _: &Target<'_>, cloud: &mut Cloud, _: At) -> Moved {
        Moved {
            acceptance: vec![1.0; cloud.len()],
            ..Moved::default()
        }
    }
}

#[test]
fn exact_draws_stay_exact_and_all_of_the_scale_is_seen() {
    let data = table(20, 2, 3, |_, x| x[0]);
    let bound = bind(Scaled::default(), &data, Engine::auto(), 1).unwrap();
    let problem = &*bound.problem;
    let names: Vec<&str> = problem
        .model()
        .hyperparameters()
        .iter()
        .map(|h| problem.layout().blocks()[h.block].name.as_str())
        .collect();
    assert_eq!(names, ["tau"]);
    let stage = Stage::prior();
    let target = Target::new(problem, &stage);
    let mut positions = Population::zeros(4000, problem.dim());
    problem.prior().sample(Streams::new(1), 0, &mut positions);
    let before = positions.clone();
    let mut cloud = Cloud::at(&target, positions);
    let kernel = Interweaved::around(Arc::new(Still));
    for draw in 0..20 {
        let at = At {
            streams: Streams::new(2),
            stage: 1,
            draw,
        };
        kernel.step(&Tuning::new(problem.dim()), &target, &mut cloud, at);
    }
    let tau = problem
        .layout()
        .blocks()
        .iter()
        .find(|b| b.name == "tau")
        .unwrap()
        .range
        .start;
    let after = cloud.positions();
    let values = |p: &Population| {
        p.coordinate(tau)
            .into_iter()
            .map(f64::exp)
            .collect::<Vec<_>>()
    };
    let (now, then) = (values(after), values(&before));
    // A half-normal number: mean √(2/π), mean square 1.
    near("the scale", &now, (2.0 / std::f64::consts::PI).sqrt(), 4.0).unwrap();
    near(
        "its square",
        &now.iter().map(|t| t * t).collect::<Vec<_>>(),
        1.0,
        4.0,
    )
    .unwrap();
    // What it governs goes with it, and nothing else moves.
    let first = |p: &Population| p.coordinate(0);
    for i in 0..4000 {
        let (a, b) = (first(after)[i] / now[i], first(&before)[i] / then[i]);
        assert!((a - b).abs() < 1e-4 * b.abs().max(1.0), "{i}: {a} and {b}");
        if i == 50 {
            break;
        }
    }
    let moved = now
        .iter()
        .zip(&then)
        .filter(|(a, b)| (*a / *b).ln().abs() > 0.3)
        .count();
    assert!(moved > 2000, "{moved} of 4000 scales moved");
}

#[test]
fn chains_agree_better_on_a_scale_that_does_not_wait_for_its_weights() {
    let data = table(150, 2, 3, |i, x| {
        (2.0 * x[0]).sin() + 0.1 * (i % 5) as f32 - 0.2
    });
    let chains = Run::new(Scaled::default(), &data)
        .with(mcmc())
        .seed(1)
        .run()
        .unwrap();
    let each = chains.len() / 8;
    let taus: Vec<Vec<f64>> = (0..8)
        .map(|c| {
            (0..each)
                .map(|k| f64::from(*chains.draw(c * each + k).tau).ln())
                .collect()
        })
        .collect();
    let r_hat = smc_runtime::base::diagnostics::r_hat(&taus).unwrap();
    // 1.96 where the scale waits for its weights; 1.36 as it is.
    assert!(r_hat < 1.5, "R-hat of the scale is {r_hat}");
}
