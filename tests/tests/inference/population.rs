//! Random streams follow the particle: some of the particles of a run, wherever they are, move as they do among all.

use laws::conjugate::data;
use smc_runtime::base::rng::Streams;
use smc_runtime::engine::bind;
use smc_runtime::prelude::*;
use smc_runtime::problem::Problem;
use smc_runtime::problem::population::Population;
use smc_runtime::sampling::cloud::{Cloud, Target};
use smc_runtime::sampling::kernel::{At, Kernel, TrajectoryLength};
use smc_runtime::sampling::stage::Stage;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
struct Net {
    #[prior(Normal(0.0, 1.0))]
    hidden: Linear<3, 5>,
    tanh: Tanh,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<5, 1>,
    #[prior(HalfNormal(1.0))]
    noise: Scale,
}

fn at(draw: usize) -> At {
    At {
        streams: Streams::new(4),
        stage: 2,
        draw,
    }
}

/// Five moves of ten particles, and of numbers 3 to 7 alone.
fn moved(problem: &dyn Problem, kernel: &dyn Kernel, mut positions: Population) -> Cloud {
    let stage = Stage::ramping(0..30, 30..problem.rows(), 0.5);
    let target = Target::new(problem, &stage);
    problem.prior().sample(Streams::new(9), 0, &mut positions);
    let mut tuning = kernel.start(problem.dim()).at(0.05);
    tuning.kernel_memory.of::<TrajectoryLength>().length = 0.2;
    let mut cloud = Cloud::at(&target, positions);
    for draw in 0..5 {
        kernel.step(&tuning, &target, &mut cloud, at(draw));
    }
    cloud
}

#[test]
fn some_particles_alone_have_the_bits_that_they_have_among_all() {
    let table = data::<3>(60, 1);
    let kernels: [&dyn Kernel; 6] = [
        &RandomWalk,
        &Mala,
        &UnadjustedLangevin,
        &Hmc::leapfrogs(4).jitter(0.4),
        &Hmc::leapfrogs(4).gradient_rows(20),
        &Chees::default(),
    ];
    for engine in [Engine::fused(), Engine::autodiff()] {
        let bound = bind(Net::default(), &table, engine, 1).unwrap();
        let problem = &*bound.problem;
        for kernel in kernels {
            let none = Population::zeros(10, problem.dim());
            let all = moved(problem, kernel, none.clone());
            let some = moved(problem, kernel, none.part(3..8));
            assert_eq!(*some.positions(), all.positions().part(3..8), "{kernel:?}");
            assert_eq!(some.terms(), &all.terms()[3..8], "{kernel:?}");
        }
    }
}

#[test]
fn copies_and_ancestors_keep_the_numbers_of_their_places() {
    let ten = Population::zeros(10, 2);
    let some = ten.part(3..8).part(1..4);
    assert_eq!((some.first(), some.len()), (4, 3));
    assert_eq!(some.gather(&[2, 0]).first(), 4);
    assert_eq!(some.zeros_like().first(), 4);
    let both = Population::concat(&[ten.part(2..4), ten.part(4..9)]).unwrap();
    assert_eq!(both, ten.part(2..9));
    assert_eq!(
        Population::concat(&[ten.clone(), Population::zeros(1, 3)]),
        None
    );
}
