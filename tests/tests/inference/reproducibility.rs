//! Same seed, same bits: with any number of threads, in any tile, and before and after a resume; rows come back in the
//! user's order.

use laws::conjugate::{Line, data};
use laws::models::Softmax;
use laws::table;
use smc_runtime::base::exec;
use smc_runtime::base::rng::Streams;
use smc_runtime::engine::{Engine, bind};
use smc_runtime::infer::{Smc, SmcRun, SmcState};
use smc_runtime::prelude::*;
use smc_runtime::problem::population::Population;
use smc_runtime::sampling::cloud::Target;
use smc_runtime::sampling::stage::Stage;

/// Two full tiles of narrow rows and a remainder.
fn narrow() -> Dataset {
    data::<2>(2 * 1024 + 37, 1)
}

/// Two full tiles of rows of 784 features and a remainder.
fn wide() -> Dataset {
    table(150, 784, 2, |i, _| (i % 3) as f32)
}

fn bits32(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

fn bits64(values: &[f64]) -> Vec<u64> {
    values.iter().map(|x| x.to_bits()).collect()
}

/// `f` gives the same with 1, 2 and 4 threads.
fn same_with_any_number_of_threads<R: PartialEq + std::fmt::Debug>(f: impl Fn(usize) -> R) {
    let one = f(1);
    for threads in [2, 4] {
        assert!(
            f(threads) == one,
            "{threads} threads give other bits than one"
        );
    }
}

fn values_and_gradients<M: Model>(model: &M, data: &Dataset) {
    let bound = bind(model.clone(), data, Engine::autodiff(), 1).unwrap();
    let n = data.rows();
    let stage = Stage::ramping(0..n / 3, n / 3..n, 0.5);
    same_with_any_number_of_threads(|threads| {
        exec::with_threads(Some(threads), || {
            let dim = bound.problem.layout().dim();
            let mut thetas = Population::zeros(5, dim);
            bound
                .problem
                .prior()
                .sample(Streams::new(2), 0, &mut thetas);
            let mut gradient = Population::zeros(5, dim);
            let target = Target::new(&*bound.problem, &stage);
            let terms = target.gradient(&thetas, &mut gradient);
            let values: Vec<f64> = terms
                .iter()
                .flat_map(|t| [t.prior, t.full, t.ramp])
                .collect();
            let rows = bound.problem.row_log_likelihoods(&thetas);
            (
                bits32(thetas.values()),
                bits64(&values),
                bits32(gradient.values()),
                bits64(&rows),
            )
        })
        .unwrap()
    });
}

#[test]
fn values_and_gradients_have_the_same_bits_on_any_number_of_threads() {
    values_and_gradients(&Line::<2>::default(), &narrow());
    values_and_gradients(&Softmax::<784, 3>::default(), &wide());
}

fn posteriors<M: Infers>(
    model: &M,
    data: &Dataset,
    algorithm: &(impl Inference + Clone + 'static),
) {
    same_with_any_number_of_threads(|threads| {
        // The fused engine has this law beside its own (`engines/fused.rs`).
        let run = Run::new(model.clone(), data)
            .engine(Engine::mixed())
            .with(algorithm.clone())
            .seed(3)
            .threads(threads);
        let posterior = run.run().unwrap();
        let prediction = posterior.predict(data).unwrap();
        (
            bits32(posterior.positions().values()),
            bits64(posterior.log_weights()),
            posterior.log_evidence().map(f64::to_bits),
            bits64(&prediction.log_densities()),
            bits64(&prediction.mean()),
        )
    });
}

fn short_smc() -> Smc {
    smc()
        .particles(6)
        .annealing(
            SmoothDataAnnealing::geometric()
                .first(100)
                .ratio(5.0)
                .cess(0.5),
        )
        .kernel(Hmc::leapfrogs(2))
}

#[test]
fn whole_posteriors_have_the_same_bits_on_any_number_of_threads() {
    let short_mcmc = mcmc()
        .chains(3)
        .warmup(10)
        .draws(5)
        .kernel(Hmc::leapfrogs(2));
    let short_ensemble = ensemble().members(5).batch(200).epochs(6).patience(1);
    posteriors(&Line::<2>::default(), &narrow(), &short_ensemble);
    posteriors(&Softmax::<784, 3>::default(), &wide(), &short_ensemble);
    posteriors(&Line::<2>::default(), &narrow(), &short_smc());
    posteriors(&Line::<2>::default(), &narrow(), &short_mcmc);
    posteriors(&Softmax::<784, 3>::default(), &wide(), &short_smc());
    posteriors(&Softmax::<784, 3>::default(), &wide(), &short_mcmc);
}

#[test]
fn another_seed_gives_other_draws() {
    let run = |seed| {
        Run::new(Line::<2>::default(), &narrow())
            .with(short_smc())
            .seed(seed)
            .run()
            .unwrap()
    };
    assert_ne!(
        bits32(run(1).positions().values()),
        bits32(run(2).positions().values())
    );
}

/// One setting for each thing that a run may have to remember.
fn that_remember() -> Vec<Smc> {
    let hmc = smc().particles(16).kernel(Hmc::leapfrogs(3)).moves(2);
    let unadjusted = hmc.clone().kernel(Hmc::leapfrogs(3).unadjusted());
    vec![
        hmc.clone(),
        hmc.clone().step_size(DualAveraging::aim()),
        hmc.clone().step_size(Esjd::default()),
        hmc.clone().metric(Metric::Scores),
        hmc.clone().final_moves(50).recycle(true).thin(4),
        hmc.kernel(Chees::default().at_most(10)),
        unadjusted.step_size(LargestStep::aim()),
    ]
}

#[test]
fn what_adaptations_learn_has_the_same_bits_on_any_number_of_threads() {
    let data = data::<2>(200, 1);
    for settings in that_remember() {
        posteriors(&Line::<2>::default(), &data, &settings);
    }
    let chains = mcmc().chains(3).warmup(16).draws(3);
    let esjd = chains.clone().step_size(Esjd::default());
    posteriors(&Line::<2>::default(), &data, &esjd);
    let chees = chains.kernel(Chees::default().at_most(10));
    let averaged = chees.step_size(DualAveraging::aim());
    posteriors(&Line::<2>::default(), &data, &averaged);
}

#[test]
fn a_run_saved_as_json_and_resumed_gives_the_same_bits() {
    for settings in that_remember() {
        resumed_gives_the_same_bits(&settings);
    }
}

fn resumed_gives_the_same_bits(settings: &Smc) {
    let data = data::<2>(200, 1);
    let bound = bind(Line::<2>::default(), &data, Engine::autodiff(), 1).unwrap();
    let settings = || settings.clone();
    let mut straight = SmcRun::new(settings(), &*bound.problem, Streams::new(4)).unwrap();
    let mut steps = Vec::new();
    while let Some(step) = straight.step().unwrap() {
        steps.push(step);
    }
    let straight = straight.into_draws();
    assert!(
        steps.len() > 4,
        "{} steps are too few to interrupt",
        steps.len()
    );
    assert!(steps.iter().any(|s| s.resampled), "nothing was resampled");

    for interrupted in [0, 1, steps.len() / 2, steps.len() - 3, steps.len()] {
        let mut first = SmcRun::new(settings(), &*bound.problem, Streams::new(4)).unwrap();
        for _ in 0..interrupted {
            first.step().unwrap();
        }
        let saved = serde_json::to_string(&first.state()).unwrap();
        drop(first);
        let state: SmcState = serde_json::from_str(&saved).unwrap();
        let again = bind(Line::<2>::default(), &data, Engine::autodiff(), 1).unwrap();
        let mut second = SmcRun::resume(settings(), &*again.problem, state).unwrap();
        let mut rest = Vec::new();
        while let Some(step) = second.step().unwrap() {
            rest.push(step);
        }
        let second = second.into_draws();
        assert_eq!(
            bits32(second.positions.values()),
            bits32(straight.positions.values())
        );
        assert_eq!(bits64(&second.log_weights), bits64(&straight.log_weights));
        assert_eq!(
            second.log_evidence.map(f64::to_bits),
            straight.log_evidence.map(f64::to_bits)
        );
        for (rest, whole) in rest.iter().zip(&steps[interrupted..]) {
            assert_eq!(rest.step_size.to_bits(), whole.step_size.to_bits());
            assert_eq!(
                (rest.step, rest.moves, rest.ancestors),
                (whole.step, whole.moves, whole.ancestors)
            );
            // The gradient that a resumed run has lost is computed once more.
            assert!(rest.counts.row_gradients >= whole.counts.row_gradients);
        }
        assert_eq!(rest.len(), steps.len() - interrupted);
    }
}

#[test]
fn thinning_keeps_every_third_generation_and_the_evidence() {
    let data = data::<2>(200, 1);
    let settings = smc().particles(16).kernel(Hmc::leapfrogs(3)).moves(2);
    let settings = settings.final_moves(22).recycle(true);
    let run = |settings: Smc| {
        let run = Run::new(Line::<2>::default(), &data).with(settings).seed(3);
        run.run().unwrap()
    };
    let (all, thinned) = (run(settings.clone()), run(settings.thin(3)));
    assert_eq!((all.len(), thinned.len()), (16 * 24, 16 * 8));
    assert_eq!(
        all.log_evidence().map(f64::to_bits),
        thinned.log_evidence().map(f64::to_bits)
    );
    for draw in 0..thinned.len() {
        let (particle, generation) = (draw / 8, 3 * (draw % 8) + 2);
        let same = particle * 24 + generation;
        assert_eq!(
            bits32(thinned.positions().row(draw)),
            bits32(all.positions().row(same))
        );
    }
}

#[test]
fn final_moves_are_told_as_they_are_made() {
    let data = data::<2>(50, 1);
    let bound = bind(Line::<2>::default(), &data, Engine::autodiff(), 1).unwrap();
    let settings = smc().particles(8).moves(2).final_moves(45);
    let mut run = SmcRun::new(settings, &*bound.problem, Streams::new(4)).unwrap();
    let mut steps = Vec::new();
    while let Some(step) = run.step().unwrap() {
        steps.push(step);
    }
    let finals = &steps[steps.len() - 15..];
    assert!(finals.iter().all(|s| s.moves == 3 && s.rows == 50.0));
    assert!(steps.windows(2).all(|s| s[0].done < s[1].done));
    assert_eq!(steps.last().unwrap().done, 1.0);
}

#[test]
fn a_state_with_lost_particles_survives_json() {
    let mut weights = smc_runtime::sampling::weights::Weights::uniform(3);
    weights.reweight(&[0.0, f64::NEG_INFINITY, 1.0]).unwrap();
    let saved = serde_json::to_string(&weights).unwrap();
    let back: smc_runtime::sampling::weights::Weights = serde_json::from_str(&saved).unwrap();
    assert_eq!(back, weights);
}

#[test]
fn per_row_outputs_come_in_the_users_order() {
    let data = narrow();
    let theta = [0.3f32, -0.7, 0.2];
    let thetas = Population::from_values(3, theta.to_vec()).unwrap();
    let sd = laws::conjugate::NOISE;
    for seed in [1, 2] {
        let bound = bind(Line::<2>::default(), &data, Engine::autodiff(), seed).unwrap();
        assert_ne!(bound.problem.order()[..50], (0..50).collect::<Vec<_>>());
        let values = bound.problem.row_log_likelihoods(&thetas);
        let arguments = bound
            .problem
            .model()
            .arguments(&thetas, data.inputs())
            .unwrap();
        for (i, value) in values.iter().enumerate() {
            let x = data.row(i);
            let mean = f64::from(theta[0] * x[0] + theta[1] * x[1] + theta[2]);
            let z = (f64::from(data.target(i)) - mean) / sd;
            let exact = -0.5 * z * z - sd.ln() - 0.5 * std::f64::consts::TAU.ln();
            assert!(
                (value - exact).abs() < 1e-5 * (1.0 + exact.abs()),
                "row {i}: {value} against {exact}"
            );
            assert!((arguments.at(0, i)[0] - mean).abs() < 1e-5, "row {i}");
        }
    }
}

#[test]
fn predictions_come_in_the_users_order() {
    let data = narrow();
    let posterior = Run::new(Line::<2>::default(), &data)
        .with(short_smc())
        .run()
        .unwrap();
    let whole = posterior.predict(&data).unwrap().mean();
    let some = [2000, 3, 1500, 4];
    let few = posterior
        .predict(&data.select(&some).unwrap())
        .unwrap()
        .mean();
    for (i, row) in some.iter().enumerate() {
        assert!(
            (few[i] - whole[*row]).abs() < 1e-5,
            "row {row}: {} against {}",
            few[i],
            whole[*row]
        );
    }
}
