//! Same seed, same bits: with any number of threads, in any tile, and before and after a resume; rows come back in the
//! user's order.

use laws::conjugate::{Line, data};
use laws::models::Softmax;
use laws::{EndAt, table};
use smc_runtime::base::exec;
use smc_runtime::base::rng::Streams;
use smc_runtime::engine::{Engine, bind};
use smc_runtime::family::LowRank;
use smc_runtime::infer::Smc;
use smc_runtime::infer::observe::Step;
use smc_runtime::prelude::*;
use smc_runtime::problem::population::Population;
use smc_runtime::run::State;
use smc_runtime::sampling::cloud::Target;
use smc_runtime::sampling::kernel::MiniBatches;
use smc_runtime::sampling::stage::Stage;
use smc_runtime::sampling::stochastic::Sghmc;

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

fn values_and_gradients<M: Model>(engine: Engine, model: &M, data: &Dataset) {
    let bound = bind(model.clone(), data, engine, 1).unwrap();
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
    for engine in [Engine::fused(), Engine::autodiff()] {
        values_and_gradients(engine, &Line::<2>::default(), &narrow());
        values_and_gradients(engine, &Softmax::<784, 3>::default(), &wide());
    }
}

fn posteriors<M: Infers>(
    model: &M,
    data: &Dataset,
    algorithm: &(impl Inference + Clone + 'static),
) {
    posteriors_on(Engine::fused(), model, data, algorithm);
}

fn posteriors_on<M: Infers>(
    engine: Engine,
    model: &M,
    data: &Dataset,
    algorithm: &(impl Inference + Clone + 'static),
) {
    same_with_any_number_of_threads(|threads| {
        let run = Run::new(model.clone(), data)
            .engine(engine)
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
    // What a model runs on that has a part without a fused form, and what none has.
    for engine in [Engine::mixed(), Engine::autodiff()] {
        posteriors_on(engine, &Line::<2>::default(), &narrow(), &short_smc());
        posteriors_on(engine, &Softmax::<784, 3>::default(), &wide(), &short_mcmc);
    }
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
    posteriors(&Line::<2>::default(), &data, &sghmc().chains(5).passes(12));
    posteriors(&Line::<2>::default(), &data, &psmile().chains(5).passes(12));
    posteriors(
        &Line::<2>::default(),
        &data,
        &ensemble().members(5).epochs(6),
    );
}

/// Every algorithm, and of `smc` one setting for each thing that a run may have to remember.
fn that_resume() -> Vec<(Box<dyn Inference>, Box<dyn Inference>)> {
    fn both<A: Inference + Clone + 'static>(a: A) -> (Box<dyn Inference>, Box<dyn Inference>) {
        (Box::new(a.clone()), Box::new(a))
    }
    let chains = mcmc().chains(3).warmup(40).draws(6).thin(2);
    let adam = ensemble().members(3).epochs(8).batch(40).patience(2);
    let warm = smc().particles(6).kernel(Hmc::leapfrogs(2)).moves(1);
    let mut all: Vec<_> = that_remember().into_iter().map(both).collect();
    all.extend([
        both(chains.clone()),
        both(chains.clone().step_size(DualAveraging::aim())),
        both(chains.kernel(Chees::default().at_most(10))),
        both(symmetric().pilots(3).most(5).warmup(12).draws(2).thin(2)),
        both(symmetric().chains(4).warmup(12).draws(2).thin(2)),
        both(map().epochs(8).batch(40)),
        both(adam.clone()),
        both(warm.clone().warm(adam, 0.5)),
        both(warm.clone().islands(3).annealing(Tempering::stages(6))),
        both(sghmc().chains(3).passes(12)),
        both(psmile().chains(3).passes(12).cycles(2)),
        both(score_vi().passes(8).batch(40)),
        both(
            score_vi()
                .diagonal()
                .passes(30)
                .batch(50)
                .validation(0.2)
                .patience(5),
        ),
        both(mean_field().family(LowRank { rank: 1 }).passes(8).batch(40)),
        both(evon().passes(8).batch(40)),
        both(bali().passes(8).batch(40)),
        both(swag().passes(8).batch(40).rank(3)),
        both(laplace().around(map().validation(0.0).epochs(8))),
        both(
            laplace()
                .around(map().validation(0.0).epochs(8))
                .learned_prior(),
        ),
        both(gsm().iterations(8)),
        both(bam().iterations(8)),
        both(modes(ivon().passes(8).batch(40), 2).by_bound()),
        both(modes(bali().batch(20), 3).gradients(60_000)),
        both(boosted(score_vi().passes(4).batch(40), 2)),
        both(warm.clone().warm(score_vi().passes(8).batch(40), 1.0)),
        both(
            warm.clone()
                .warm(sgld().chains(6).passes(8), 0.5)
                .keep_walk(true)
                .recycle(true)
                .spend(60_000),
        ),
        both(warm.kernel(MiniBatches::of(Sghmc::default()))),
        both(auto().gradients(120_000)),
    ]);
    all
}

/// What a run ends in, to the bit.
fn ends<M: Model>(posterior: &Posterior<M>) -> (Vec<u32>, Vec<u64>, Option<u64>, Vec<String>) {
    (
        bits32(posterior.positions().values()),
        bits64(posterior.log_weights()),
        posterior.log_evidence().map(f64::to_bits),
        posterior.report().cautions.clone(),
    )
}

#[test]
fn a_run_saved_as_json_and_resumed_gives_the_same_bits() {
    resumed_gives_the_same_bits(Engine::fused(), 0);
}

#[test]
fn a_run_resumed_on_automatic_differentiation_gives_the_same_bits() {
    resumed_gives_the_same_bits(Engine::autodiff(), 5);
}

/// Of all but every `skipped`-th algorithm.
fn resumed_gives_the_same_bits(engine: Engine, kept: usize) {
    let data = data::<2>(200, 1);
    let begin = |algorithm: Box<dyn Inference>| {
        Run::new(Line::<2>::default(), &data)
            .engine(engine)
            .with_boxed(algorithm)
            .seed(4)
    };
    for number in 0..that_resume().len() {
        if kept > 0 && !number.is_multiple_of(kept) {
            continue;
        }
        let again = || that_resume().swap_remove(number).0;
        let name = format!("{:?}", again());
        let straight = begin(again()).run().unwrap();
        let steps = &straight.report().steps;
        assert!(steps.len() > 4, "{name}: {} steps", steps.len());
        for interrupted in [0, 1, steps.len() / 2, steps.len() - 3, steps.len()] {
            let mut first = begin(again()).threads(2).begin().unwrap();
            for _ in 0..interrupted {
                first.step().unwrap();
            }
            let saved = serde_json::to_string(&first.state().unwrap()).unwrap();
            drop(first);
            let state: State = serde_json::from_str(&saved).unwrap();
            let second = begin(again()).threads(1).resume_from(&state).unwrap();
            assert_eq!(second.steps().len(), interrupted);
            let second = second.finish().unwrap();
            assert!(ends(&second) == ends(&straight), "{name} at {interrupted}");
            let resumed = &second.report().steps;
            assert_eq!(resumed.len(), steps.len(), "{name}");
            for (resumed, whole) in resumed.iter().zip(steps) {
                // The gradient that a resumed run has lost is computed once more.
                assert!(resumed.counts.row_gradients >= whole.counts.row_gradients);
                let at = |step: &Step| Step {
                    counts: whole.counts,
                    seconds: 0.0,
                    ..step.clone()
                };
                assert_eq!(at(resumed), at(whole), "{name}");
            }
        }
    }
}

/// Whatever decides the next bit of a run is compared before it goes on.
#[test]
fn a_state_of_another_run_is_refused_with_what_differs() {
    let rows = data::<2>(80, 1);
    let short = || smc().particles(6).kernel(Hmc::leapfrogs(2)).moves(1);
    let run = |data| Run::new(Line::<2>::default(), data).with(short()).seed(4);
    let mut begun = run(&rows).begin().unwrap();
    begun.step().unwrap();
    let state = begun.state().unwrap();
    run(&rows).resume_from(&state).unwrap();
    let mut targets = rows.targets().to_vec();
    targets[7] += 1e-3;
    let other = Dataset::new(2, rows.features().to_vec(), targets).unwrap();
    let fewer = rows.select(&(0..60).collect::<Vec<_>>()).unwrap();
    let weighted = rows.clone().with_weights(vec![2.0; 80]).unwrap();
    let scale = Standardise::fit(&rows);
    let order: Vec<usize> = (0..80).collect();
    let chains = mcmc().chains(2).warmup(4).draws(4);
    let refused = |run: Run<'_, Line<2>>, what: &str| {
        let error = run.resume_from(&state).map(|_| ()).unwrap_err();
        assert!(matches!(error, Error::OtherRun { .. }), "{error}");
        let text = error.to_string();
        let start = format!("a saved state of another run: its {what} is ");
        assert!(text.starts_with(&start), "{text}");
        println!("{text}");
    };
    refused(run(&rows).seed(5), "seed");
    refused(run(&rows).with(short().moves(2)), "algorithm");
    refused(run(&rows).with(chains), "algorithm");
    refused(run(&rows).order(order), "order of rows");
    refused(run(&rows).standardise(scale), "standardisation");
    refused(run(&rows).engine(Engine::autodiff()), "engine");
    refused(run(&other), "data");
    refused(run(&fewer), "data");
    refused(run(&weighted), "data");
    let error = Run::new(
        Softmax::<2, 3>::default(),
        &table(80, 2, 2, |i, _| (i % 3) as f32),
    )
    .with(short())
    .seed(4)
    .resume_from(&state);
    let text = error.map(|_| ()).unwrap_err().to_string();
    assert!(text.contains("its model is Line {"), "{text}");
}

#[test]
fn a_damaged_state_is_refused() {
    let rows = data::<2>(80, 1);
    let run = || {
        let run = Run::new(Line::<2>::default(), &rows).seed(4);
        run.with(smc().particles(6).kernel(Hmc::leapfrogs(2)).moves(1))
    };
    let mut begun = run().begin().unwrap();
    begun.step().unwrap();
    let saved = serde_json::to_value(begun.state().unwrap()).unwrap();
    for part in ["told", "inside"] {
        let bytes = saved[part].as_array().unwrap().len();
        for place in [0, bytes / 2, bytes - 9, bytes - 1] {
            let mut damaged = saved.clone();
            let byte = damaged[part][place].as_u64().unwrap();
            damaged[part][place] = (byte ^ 1).into();
            let state: State = serde_json::from_value(damaged).unwrap();
            let text = run()
                .resume_from(&state)
                .map(|_| ())
                .unwrap_err()
                .to_string();
            let expected = "a saved value: expected the bytes that were written";
            assert!(text.starts_with(expected), "{part} at {place}: {text}");
        }
    }
}

#[test]
fn a_run_that_an_observer_stops_can_go_on() {
    let data = data::<2>(80, 1);
    let run = || {
        let run = Run::new(Line::<2>::default(), &data).seed(4);
        run.with(smc().particles(6).kernel(Hmc::leapfrogs(2)))
    };
    let mut stopped = run().observe(EndAt(3)).begin().unwrap();
    while stopped.step().unwrap().is_some() {}
    assert_eq!(stopped.steps().len(), 3);
    let resumed = run().resume_from(&stopped.state().unwrap()).unwrap();
    let straight = run().run().unwrap();
    assert!(ends(&resumed.finish().unwrap()) == ends(&straight));
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
    let settings = smc().particles(8).moves(2).final_moves(45);
    let run = Run::new(Line::<2>::default(), &data).with(settings).seed(4);
    let posterior = run.run().unwrap();
    let steps = &posterior.report().steps;
    let finals = &steps[steps.len() - 15..];
    assert!(finals.iter().all(|s| s.moves == 3 && s.rows == 50.0));
    assert!(steps.windows(2).all(|s| s[0].done < s[1].done));
    assert_eq!(steps.last().unwrap().done, 1.0);
}

#[test]
fn a_state_with_lost_particles_survives_saving() {
    let mut weights = smc_runtime::sampling::weights::Weights::uniform(3);
    weights.reweight(&[0.0, f64::NEG_INFINITY, 1.0]).unwrap();
    let saved = smc_runtime::base::saved::Saved::of(&weights).unwrap();
    let back: smc_runtime::sampling::weights::Weights = saved.read().unwrap();
    assert_eq!(back, weights);
}

#[test]
fn per_row_outputs_come_in_the_users_order() {
    let data = narrow();
    let theta = [0.3f32, -0.7, 0.2];
    let thetas = Population::from_values(3, theta.to_vec()).unwrap();
    let sd = laws::conjugate::NOISE;
    for seed in [1, 2] {
        let bound = bind(Line::<2>::default(), &data, Engine::fused(), seed).unwrap();
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
