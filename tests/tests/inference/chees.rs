//! The length of trajectories that ChEES learns.

use std::sync::atomic::{AtomicUsize, Ordering};

use laws::altered::Altered;
use laws::normals;
use smc_runtime::base::rng::Streams;
use smc_runtime::prelude::*;
use smc_runtime::problem::Problem;
use smc_runtime::problem::population::Population;
use smc_runtime::sampling::adapt::Adaptation;
use smc_runtime::sampling::cloud::{Cloud, Target};
use smc_runtime::sampling::kernel::{At, Kernel, Trajectory, TrajectoryLength, Tuning, leapfrog};
use smc_runtime::sampling::stage::Stage;
use smc_runtime::sampling::weights::Weights;
use smc_runtime::testing::Regression;

/// Features that are nearly one another: one direction of the posterior is 30 times as narrow as the others, and no
/// scale of coordinates helps.
fn ill_conditioned() -> Regression {
    const COLUMNS: usize = 6;
    let (n, common) = (30, normals(30, 8));
    let own = normals(n * COLUMNS, 9);
    let x = (0..n * COLUMNS)
        .map(|k| common[k / COLUMNS] + 0.05 * own[k])
        .collect();
    let y = common.iter().map(|c| 0.5 * c).collect();
    let data = Dataset::new(COLUMNS, x, y).unwrap();
    Regression::new(data, 0.4, 1.0)
}

fn at(stage: usize, draw: usize) -> At {
    At {
        streams: Streams::new(3),
        stage,
        draw,
    }
}

/// Settings that `moves` moves of `particles` exact draws have taught.
fn taught(
    kernel: &dyn Kernel,
    problem: &Regression,
    start: Tuning,
    particles: usize,
    moves: usize,
) -> Tuning {
    let stage = Stage::of(0..problem.rows());
    let target = Target::new(problem, &stage);
    let adaptation = Adaptation::default();
    let mut tuning = start;
    let mut cloud = Cloud::at(
        &target,
        problem.draws(&stage, particles, Streams::new(particles as u64)),
    );
    let even = Weights::uniform(particles);
    tuning.refer_to(vec![1.0]);
    for _ in 0..5 {
        adaptation.enter(&mut tuning, &target, &mut cloud, &even);
    }
    for draw in 0..moves {
        let moved = kernel.step(&tuning, &target, &mut cloud, at(1, draw));
        kernel.learn(&mut tuning, &moved, 1.0);
        adaptation.step.learn(kernel, &mut tuning, &moved, 1.0);
    }
    tuning
}

/// The mean expected squared jump per gradient of 40 moves of 1000 exact draws.
fn jump_per_gradient(kernel: &dyn Kernel, problem: &Regression) -> f64 {
    let tuning = taught(kernel, problem, kernel.start(6), 1000, 80);
    let gradients = AtomicUsize::new(0);
    let counted = Altered::likelihood(problem, |thetas, segments, gradient| {
        if gradient.is_some() {
            gradients.fetch_add(thetas.len(), Ordering::Relaxed);
        }
        problem.log_likelihood(thetas, segments, gradient)
    });
    let stage = Stage::of(0..problem.rows());
    let target = Target::new(&counted, &stage);
    let mut cloud = Cloud::at(&target, problem.draws(&stage, 1000, Streams::new(5)));
    let mut jumps = 0.0;
    for draw in 0..40 {
        let moved = kernel.step(&tuning, &target, &mut cloud, at(2, draw));
        jumps += moved.jumps.iter().sum::<f64>();
    }
    jumps / gradients.load(Ordering::Relaxed) as f64
}

#[test]
fn the_learnt_length_jumps_farther_per_gradient_than_one_step_and_than_far_too_many() {
    let problem = ill_conditioned();
    let learnt = jump_per_gradient(&Chees::default(), &problem);
    let fixed = |leapfrogs| jump_per_gradient(&Hmc::leapfrogs(leapfrogs).jitter(0.5), &problem);
    let (one, fair, many) = (fixed(1), fixed(32), fixed(128));
    println!("learnt {learnt:.3}; 1 step {one:.3}, 32 steps {fair:.3}, 128 steps {many:.3}");
    assert!(learnt > 10.0 * one, "{learnt} {one}");
    assert!(learnt > 2.5 * many, "{learnt} {many}");
    // 32 was the best of the powers of two.
    assert!(learnt > 0.9 * fair, "{learnt} {fair}");
}

#[test]
fn the_length_comes_near_a_quarter_of_the_period_from_below_and_from_above() {
    // Several periods are another local maximum. Most of the spread is along directions of one standard deviation, whose period is 2π.
    let (problem, kernel) = (ill_conditioned(), Chees::default());
    for particles in [16, 1000] {
        for start in [0.03, 1.0, 3.0] {
            let mut tuning = kernel.start(6);
            tuning.kernel_memory.of::<TrajectoryLength>().length = start;
            let tuning = taught(&kernel, &problem, tuning, particles, 120);
            let found = tuning.kernel_memory.read::<TrajectoryLength>().length;
            println!("{particles} particles, from {start}: {found:.2}");
            assert!((0.8..3.0).contains(&found), "{particles} {start} {found}");
        }
    }
}

#[test]
fn the_slope_is_that_of_the_criterion() {
    const PARTICLES: usize = 500;
    let problem = ill_conditioned();
    let stage = Stage::of(0..problem.rows());
    let target = Target::new(&problem, &stage);
    let cloud = Cloud::at(&target, problem.draws(&stage, PARTICLES, Streams::new(5)));
    // 100 steps so small that all ends are accepted, in scales of their own.
    let mut tuning = Tuning::new(6).at(0.01);
    tuning.kernel_memory.of::<TrajectoryLength>().length = 0.995;
    tuning.scale = vec![0.5, 1.0, 1.5, 0.7, 1.0, 1.2];
    let even = vec![1.0 / PARTICLES as f64; PARTICLES];
    let squares = |positions: &Population| {
        let about = positions.about(&positions.means(&even), &tuning.scale, positions);
        about.into_iter().map(|[square, _]| square)
    };
    let criterion = |factor: f32| {
        let trajectory = Trajectory {
            leapfrogs: 100,
            steps: vec![0.01 * factor; PARTICLES],
            scale: &tuning.scale,
            gradient_rows: None,
        };
        let ends = leapfrog(&target, &mut cloud.clone(), at(1, 0), &trajectory);
        let pairs = squares(&ends.proposal.positions).zip(squares(cloud.positions()));
        pairs.map(|(a, b)| 0.25 * (a - b).powi(2)).sum::<f64>() / PARTICLES as f64
    };
    let difference = (criterion(1.02) - criterion(0.98)) / (1.02f64 / 0.98).ln();
    let kernel = Chees::default().jitter(0.0);
    let moved = kernel.step(&tuning, &target, &mut cloud.clone(), at(1, 0));
    assert!(
        moved.mean_acceptance() > 0.98,
        "{}",
        moved.mean_acceptance()
    );
    let ratio = moved.length_slope / difference;
    assert!(
        (ratio - 1.0).abs() < 0.03,
        "{} {difference}",
        moved.length_slope
    );
}
