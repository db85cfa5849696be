//! Laws of moves in the eigenbases of Kronecker factors: the target stays what it is, and what one scale for each parameter cannot see costs nothing.

use laws::{agree, table};
use smc_runtime::engine::bind;
use smc_runtime::prelude::*;
use smc_runtime::problem::Problem;
use smc_runtime::sampling::kernel::EquioutputJump;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
struct Net {
    #[prior(Normal(0.0, 1.5))]
    hidden: Linear<2, 3>,
    bend: Tanh,
    #[prior(weight = Normal(0.0, spread), bias = Normal(0.0, 1.0))]
    output: Linear<3, 1>,
    #[prior(HalfNormal(1.0))]
    spread: Scale,
    #[prior(HalfNormal(0.5))]
    noise: Scale,
}

fn data() -> Dataset {
    table(25, 2, 3, |i, x| {
        (1.5 * x[0]).sin() - x[1] + 0.2 * ((i % 3) as f32)
    })
}

/// One of known noise, which an ensemble finds the modes of.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
struct Bent {
    #[prior(Normal(0.0, 1.0))]
    hidden: Linear<2, 3>,
    bend: Tanh,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<3, 1>,
}

/// Also with a layer whose prior has a scale of its own, and from a start where neither leaves the density.
#[test]
fn the_evidence_is_the_same_in_any_metric() {
    let data = data();
    let plain = || smc().islands(16).particles(16 * 64).moves(4);
    let turned = || plain().metric(Metric::Kronecker);
    let warm = turned().warm(ensemble().members(8).epochs(60), 1.0);
    let evidence = |algorithm: &dyn Inference, problem: &dyn Problem| {
        laws::evidence(algorithm, problem, 7).unwrap()
    };
    let problem = bind(Net::default(), &data, Engine::fused(), 1)
        .unwrap()
        .problem;
    let without = evidence(&plain(), &*problem);
    agree("scales", evidence(&turned(), &*problem), without);
    let problem = bind(Bent::default(), &data, Engine::fused(), 1)
        .unwrap()
        .problem;
    let without = evidence(&plain(), &*problem);
    agree("prior", evidence(&turned(), &*problem), without);
    // Copies are made of parameters, not of coordinates.
    let jumps = turned().kernel(EquioutputJump::around(Hmc::default()));
    agree("jumps", evidence(&jumps, &*problem), without);
    agree("ensemble", evidence(&warm, &*problem), without);
}

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
struct Line {
    #[prior(Normal(0.0, 1.0))]
    output: Linear<2, 1>,
}

/// Two features that are nearly one: their weights are known together a hundred times as well as apart.
#[test]
fn features_that_go_together_are_no_matter() {
    let data = table(400, 2, 3, |_, x| x[0]);
    let features = data
        .features()
        .chunks(2)
        .flat_map(|x| [x[0], x[0] + 0.01 * x[1]]);
    let data = Dataset::new(2, features.collect(), data.targets().to_vec()).unwrap();
    let size = |metric: Metric| {
        let chains = mcmc()
            .chains(4)
            .warmup(200)
            .draws(300)
            .kernel(Hmc::leapfrogs(2));
        let posterior = Line::infer(&data)
            .with(chains.metric(metric))
            .run()
            .unwrap();
        let summary = posterior.summary();
        let least = summary.quantities.iter().filter_map(|row| row.ess);
        least.fold(f64::INFINITY, f64::min)
    };
    let (diagonal, turned) = (size(Metric::Diagonal), size(Metric::Kronecker));
    println!("{diagonal} and {turned} effective draws of 1200");
    assert!(
        turned > 600.0 && turned > 5.0 * diagonal,
        "{diagonal}, {turned}"
    );
}

#[test]
fn a_run_in_the_basis_goes_on_with_the_same_bits() {
    let data = data();
    let run = || {
        let algorithm = smc().particles(16).islands(2).metric(Metric::Kronecker);
        Net::infer(&data).with(algorithm).seed(5)
    };
    let expected = run().run().unwrap();
    let mut begun = run().threads(1).begin().unwrap();
    for _ in 0..5 {
        begun.step().unwrap();
    }
    let state = begun.state().unwrap();
    let found = run()
        .threads(2)
        .resume_from(&state)
        .unwrap()
        .finish()
        .unwrap();
    assert_eq!(found.positions(), expected.positions());
}

/// A scale alone.
#[bayes_model]
#[likelihood(Normal(mean = 0.0, sd = noise))]
struct Alone {
    #[prior(HalfNormal(1.0))]
    noise: Scale,
}

#[test]
fn a_model_without_layers_is_refused() {
    let data = data();
    for algorithm in [
        Box::new(smc().particles(8).metric(Metric::Kronecker)) as Box<dyn Inference>,
        Box::new(mcmc().chains(2).metric(Metric::Kronecker)),
    ] {
        let run = Alone::infer(&data).with_boxed(algorithm).run();
        let error = run.map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("affine"), "{error}");
    }
    let chains = sghmc().metric(Metric::Kronecker);
    let error = Bent::infer(&data)
        .with(chains)
        .run()
        .map(|_| ())
        .unwrap_err();
    assert!(
        error.to_string().contains("not made in eigenbases"),
        "{error}"
    );
}
