//! The verdict on a run: wrong runs are doubted for what is wrong with them, and right ones are not.

use std::ops::ControlFlow;
use std::time::Duration;

use laws::EndAt;
use models::{
    ArdRegressor, HeteroscedasticRegressor, LinearRegression, LogisticRegression, MlpClassifier,
    MlpRegressor, MultinomialRegression, NegativeBinomialRegression, PoissonRegression,
    RobustRegression,
};
use smc_runtime::base::rng::{Purpose, Streams};
use smc_runtime::infer::DrawnFrom;
use smc_runtime::infer::observe::{Observer, Step};
use smc_runtime::posterior::report::Verdict;
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
struct Curve {
    #[prior(Normal(0.0, 2.0 / fan_in.sqrt()))]
    hidden: Linear<Dyn, 12>,
    activation: Tanh,
    #[prior(Normal(0.0, 1.0 / fan_in.sqrt()))]
    output: Linear<12, 1>,
    #[prior(HalfNormal(1.0))]
    noise: Scale,
}

/// Two features between −2 and 2 for each row, and normal noise.
fn rows(n: usize, seed: u64, target: impl Fn(&[f32], f64) -> f32) -> Dataset {
    let mut stream = Streams::new(seed).stream(Purpose::Simulate, 0, 0, 0);
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for _ in 0..n {
        let row = [0, 1].map(|_| (4.0 * stream.uniform() - 2.0) as f32);
        y.push(target(&row, stream.normal()));
        x.extend(row);
    }
    Dataset::new(2, x, y).unwrap()
}

fn waves(n: usize, seed: u64) -> Dataset {
    rows(n, seed, |x, e| {
        (2.0 * x[0]).sin() + 0.3 * x[1] + 0.2 * e as f32
    })
}

/// What a doubtful run is doubted for.
fn doubts<M: Model>(posterior: &Posterior<M>) -> String {
    let report = posterior.report();
    match report.verdict() {
        Verdict::Doubtful(doubts) => {
            let found: Vec<String> = doubts.into_iter().map(|d| d.found).collect();
            found.join("\n")
        }
        other => panic!("{other}\n{report}"),
    }
}

#[test]
fn data_in_other_units_than_the_priors_are_doubted_and_told_before_the_run() {
    struct Told(std::sync::mpsc::Sender<Option<String>>);
    impl Observer for Told {
        fn step(&mut self, _: &Step) -> ControlFlow<()> {
            ControlFlow::Break(())
        }
        fn data(&mut self, findings: &smc_runtime::data::Findings) {
            self.0.send(findings.far.clone()).unwrap();
        }
    }
    let data = waves(80, 1);
    let raw = |factor: f32, unit: f32| {
        let features = data.features().iter().map(|x| factor * x).collect();
        let targets = data.targets().iter().map(|y| unit * y).collect();
        Dataset::new(2, features, targets).unwrap()
    };
    let told = |data: &Dataset| {
        let (sender, receiver) = std::sync::mpsc::channel();
        let run = Curve::infer(data).observe(Told(sender));
        let posterior = run.run().unwrap();
        (
            receiver.try_recv().ok().flatten(),
            posterior.report().data.far.clone(),
        )
    };
    assert_eq!(told(&data), (None, None));
    let (features, _) = told(&raw(500.0, 1.0));
    let features = features.expect("told before the first step");
    assert!(
        features.contains("and another feature saturate the network"),
        "{features}"
    );
    assert!(!features.contains("the target"), "{features}");
    let (both, kept) = told(&raw(500.0, 1e4));
    assert_eq!(both, kept);
    let both = both.unwrap();
    assert!(
        both.contains("the target (about 7.2e3) is far from what the priors expect"),
        "{both}"
    );
    assert!(
        both.ends_with(
            "add `.standardise(Standardise::fit(&train))` to the run, or widen the priors"
        ),
        "{both}"
    );
    let (small, _) = told(&raw(1e-3, 1.0));
    assert!(small.unwrap().contains("hardly reach the network"));
    let run = Curve::infer(&data).standardise(Standardise::fit(&data));
    let run = run.with(smc().particles(8).moves(1)).run().unwrap();
    assert_eq!(run.report().data.far, None);
    let wrong = raw(500.0, 1e4);
    let run = Curve::infer(&wrong).with(smc().particles(8).moves(1));
    assert!(doubts(&run.run().unwrap()).contains("not on the scale of the priors"));
}

#[test]
fn too_few_moves_are_doubted() {
    let data = waves(200, 2);
    let few = smc()
        .annealing(Tempering::stages(3))
        .kernel(Hmc::leapfrogs(1))
        .moves(1);
    let posterior = Curve::infer(&data).with(few).seed(1).run().unwrap();
    assert!(
        doubts(&posterior).contains("disagree on the function"),
        "{}",
        posterior.report()
    );
}

#[test]
fn a_step_far_too_large_is_doubted() {
    let data = waves(200, 3);
    let posterior = Curve::infer(&data)
        .with(smc().frozen(3.0))
        .seed(1)
        .run()
        .unwrap();
    let doubts = doubts(&posterior);
    assert!(
        doubts.contains("% of the moves on the posterior were accepted"),
        "{doubts}"
    );
}

#[test]
fn chains_that_stay_in_modes_of_different_functions_are_doubted() {
    #[bayes_model]
    #[likelihood(StudentT(df = 3.0, mean = centre, scale = 0.1))]
    struct Two {
        #[prior(Normal(0.0, 5.0))]
        centre: Real,
    }
    let targets = (0..30)
        .map(|i| if i % 2 == 0 { -4.0 } else { 4.0 })
        .collect();
    let data = Dataset::new(0, Vec::new(), targets).unwrap();
    let chains = mcmc().chains(8).warmup(100).draws(200);
    let posterior = Two::infer(&data).with(chains).seed(1).run().unwrap();
    assert!(
        doubts(&posterior).contains("disagree on the function"),
        "{}",
        posterior.report()
    );
}

#[test]
fn a_prior_in_conflict_with_the_data_is_doubted_by_name() {
    #[bayes_model]
    #[likelihood(Normal(mean = output, sd = noise))]
    struct Sure {
        #[prior(Normal(0.0, 0.02))]
        output: Linear<2, 1>,
        #[prior(HalfNormal(0.01))]
        noise: Scale,
    }
    let data = rows(300, 4, |x, e| x[0] - x[1] + 0.5 * e as f32);
    let posterior = Sure::infer(&data)
        .with(mcmc().chains(4))
        .seed(1)
        .run()
        .unwrap();
    let doubts = doubts(&posterior);
    assert!(doubts.contains("`noise` is about "), "{doubts}");
    assert!(
        doubts.contains("`output.weight` has elements of about "),
        "{doubts}"
    );
}

#[test]
fn one_population_alone_is_doubted_and_says_what_to_do() {
    let data = waves(60, 5);
    let posterior = Curve::infer(&data)
        .with(smc().particles(16).islands(1))
        .run()
        .unwrap();
    assert!(
        doubts(&posterior).contains("nothing to compare"),
        "{}",
        posterior.report()
    );
}

#[test]
fn what_is_no_posterior_says_so() {
    let data = waves(60, 6);
    let verdict = |run: Run<'_, Curve>| {
        let posterior = run.run().unwrap();
        (
            posterior.drawn_from(),
            posterior.report().verdict().to_string(),
        )
    };
    let run = || Curve::infer(&data).seed(1);
    let (from, said) = verdict(run().with(map()));
    assert_eq!(from, DrawnFrom::Posterior);
    assert!(
        said.starts_with("not a posterior: points near modes"),
        "{said}"
    );
    let (from, said) = {
        let prior = run().sample_prior(10).unwrap();
        (prior.drawn_from(), prior.report().verdict().to_string())
    };
    assert_eq!(from, DrawnFrom::Prior);
    assert!(
        said.starts_with("not a posterior: draws from the prior"),
        "{said}"
    );
    let (from, said) = verdict(run().within(Duration::ZERO));
    assert!(
        matches!(from, DrawnFrom::Stage { rows, all_rows: 60 } if rows < 60.0),
        "{from:?}"
    );
    assert!(
        said.contains(" of 60 rows; the run ended before all were in"),
        "{said}"
    );
}

#[test]
fn a_run_that_is_ended_leaves_what_it_has() {
    let data = waves(60, 7);
    let chains = |draws: usize| {
        let chains = mcmc().chains(2).warmup(20).draws(draws);
        Curve::infer(&data)
            .with(chains.kernel(Hmc::leapfrogs(2)))
            .seed(2)
    };
    let early = chains(30).observe(EndAt(32)).run().unwrap();
    let asked = chains(12).run().unwrap();
    assert_eq!(early.len(), 24);
    for i in 0..24 {
        assert_eq!(early.positions().row(i), asked.positions().row(i));
    }
    let cautions = early.report().cautions.join("\n");
    assert!(
        cautions.contains("ended by an observer after 32 steps, 64 % of the way"),
        "{cautions}"
    );
    // Ended at its last step it is whole.
    let whole = chains(12).observe(EndAt(32)).run().unwrap();
    assert_eq!(whole.report().cautions, asked.report().cautions);
    let nothing = chains(30).observe(EndAt(20)).run().map(|_| ()).unwrap_err();
    assert_eq!(
        nothing.to_string(),
        "ended after 20 steps, with no draw yet: that was the warm-up; a saved state of it can go on"
    );
}

#[test]
fn right_runs_are_usable() {
    let line = |seed| rows(120, seed, |x, e| 0.8 * x[0] - 0.4 * x[1] + 0.3 * e as f32);
    let chance = |p: f32| move |e: f64| f32::from(u8::from((e as f32) < p));
    let yes = rows(150, 13, |x, e| chance(1.5 * x[0])(e));
    let class = |x: &[f32], e: f64| ((x[0] + 0.5 * e as f32).round() + 1.0).clamp(0.0, 2.0);
    let three = rows(150, 14, class);
    let count = |x: &[f32], e: f64| (0.7 * x[0] + 0.8 + 0.3 * e as f32).exp().round();
    let counts = rows(150, 15, count);
    let mut told = Vec::new();
    let mut see = |name: &str, report: &smc_runtime::posterior::report::Report| {
        if !report.verdict().is_usable() {
            told.push(format!("{name}: {report}"));
        }
    };
    macro_rules! look {
        ($($name:literal $run:expr;)*) => {$(
            see($name, $run.seed(1).run().unwrap().report());
        )*};
    }
    look! {
        "linear" LinearRegression::infer(&line(11));
        "robust" RobustRegression::infer(&line(12));
        "logistic" LogisticRegression::infer(&yes.clone().with_classes(["no", "yes"]).unwrap());
        "multinomial" MultinomialRegression::sized(3).infer_with(&three.clone().with_classes(["a", "b", "c"]).unwrap());
        "poisson" PoissonRegression::infer(&counts);
        "negative binomial" NegativeBinomialRegression::infer(&counts);
        "network" MlpRegressor::sized(8).infer_with(&waves(150, 16));
        "classifier" MlpClassifier::sized(8, 3).infer_with(&three.with_classes(["a", "b", "c"]).unwrap());
        "noise of its own" HeteroscedasticRegressor::sized(8).infer_with(&waves(150, 17));
        "relevance" ArdRegressor::sized(8).infer_with(&waves(150, 18));
        "chains" Curve::infer(&waves(100, 19)).with(mcmc().chains(4).warmup(300).draws(300));
    }
    assert!(told.is_empty(), "{}", told.join("\n\n"));
}

#[test]
fn what_does_not_fit_into_memory_is_refused_with_the_numbers() {
    let data = waves(20, 8);
    let error = |algorithm: Box<dyn Inference>| {
        let run = Curve::infer(&data).with_boxed(algorithm);
        run.run().map(|_| ()).unwrap_err().to_string()
    };
    let particles = error(Box::new(smc().particles(1 << 40)));
    assert!(
        particles.contains("vectors of 50 parameters take 1.2 PiB")
            || particles.contains("TiB of memory"),
        "{particles}"
    );
    assert!(
        particles.ends_with("take fewer particles, or with `recycle` a larger `thin`"),
        "{particles}"
    );
    let draws = error(Box::new(mcmc().draws(1 << 40)));
    assert!(
        draws.ends_with("take fewer chains or draws; a larger `thin` keeps fewer of them"),
        "{draws}"
    );
}

#[test]
fn a_report_says_nothing_of_weights_that_are_alone() {
    let data = waves(60, 9);
    let report = |islands: usize| {
        let run = Curve::infer(&data).with(smc().particles(16).islands(islands));
        run.run().unwrap().report().to_string()
    };
    assert!(report(4).contains("ESS at least"));
    assert!(!report(16).contains("ESS at least"), "{}", report(16));
}

#[test]
fn a_run_costs_what_was_estimated() {
    let data = waves(100, 10);
    let ratio = |algorithm: Box<dyn Inference>, again: Box<dyn Inference>| {
        let estimate = Curve::infer(&data)
            .with_boxed(algorithm)
            .estimate()
            .unwrap();
        let posterior = Curve::infer(&data).with_boxed(again).run().unwrap();
        let spent = posterior.report().counts.row_gradients as f64;
        (spent / estimate.row_gradients.unwrap(), estimate)
    };
    let chains = || {
        Box::new(
            mcmc()
                .chains(4)
                .warmup(50)
                .draws(50)
                .kernel(Hmc::leapfrogs(5)),
        )
    };
    // At half of the first stages of a warm-up, and at rejections, a gradient more is computed.
    let (of_chains, estimate) = ratio(chains(), chains());
    assert!(
        (0.95..1.3).contains(&of_chains) && !estimate.guess,
        "{of_chains}"
    );
    let ladder = || {
        Box::new(
            smc()
                .particles(16)
                .annealing(Tempering::stages(10))
                .moves(2),
        )
    };
    let (of_ladder, estimate) = ratio(ladder(), ladder());
    assert!(
        (0.95..1.3).contains(&of_ladder) && !estimate.guess,
        "{of_ladder}"
    );
    let (of_adaptive, estimate) = ratio(Box::new(smc()), Box::new(smc()));
    assert!(
        (1.0 / 3.0..3.0).contains(&of_adaptive) && estimate.guess,
        "{of_adaptive}"
    );
    let members = || Box::new(ensemble().members(4));
    let (of_members, estimate) = ratio(members(), members());
    assert!(
        (0.05..1.1).contains(&of_members) && estimate.guess,
        "{of_members}"
    );
    // Seconds are those of this machine at this moment: only that they are some.
    assert!(estimate.rate > 0.0 && estimate.seconds() > Some(0.0) && estimate.memory > 0.0);
    assert!(estimate.to_string().contains("row-gradients"), "{estimate}");
}
