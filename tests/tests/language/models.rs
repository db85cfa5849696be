//! Every ready-made model: every kernel and algorithm runs on it and learns from real data, and on data drawn from its own
//! prior its predictions are calibrated.

use laws::{mean_se, normals};
use models::*;
use smc_runtime::engine::bind;
use smc_runtime::infer::Inference;
use smc_runtime::prelude::*;
use smc_runtime::problem::Segment;

/// What the targets of a model are.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Number,
    Class,
    Count,
}

/// A model under the laws.
struct Case<M> {
    model: M,
    /// Red wine, as this model takes it.
    real: Dataset,
    kind: Kind,
}

trait Law {
    /// What is wrong, in words.
    fn faults<M: Infers>(case: &Case<M>) -> Vec<String>;
}

/// Red wine, every eighth row: eleven measurements and the quality, standardised.
fn wine() -> Dataset {
    let table = linfa_datasets::winequality();
    let features = table.records().iter().map(|&x| x as f32).collect();
    let targets = table.targets().iter().map(|&y| y as f32).collect();
    let all = Dataset::new(table.records().ncols(), features, targets).unwrap();
    let some: Vec<usize> = (0..all.rows()).step_by(8).collect();
    let some = all.select(&some).unwrap();
    Standardise::fit(&some).apply(&some).unwrap()
}

/// With the quality, from 3 to 8, as something else.
fn quality(as_what: impl Fn(usize) -> usize) -> Dataset {
    let table = linfa_datasets::winequality();
    let targets: Vec<f32> = table
        .targets()
        .iter()
        .step_by(8)
        .map(|&q| as_what(q) as f32)
        .collect();
    let wine = wine();
    Dataset::new(11, wine.features().to_vec(), targets).unwrap()
}

/// What is wrong, of every model.
fn of_every<L: Law>() -> Vec<String> {
    fn check<L: Law, M: Infers>(model: M, real: Dataset, kind: Kind) -> Vec<String> {
        println!("{}", model.name());
        let case = Case { model, real, kind };
        let faults = L::faults(&case).into_iter();
        faults
            .map(|fault| format!("{}: {fault}", case.model.name()))
            .collect()
    }
    let two = || quality(|q| usize::from(q > 5));
    let three = || quality(|q| q.clamp(5, 7) - 5);
    // Squared, so that the features explain more than the noise of a Poisson variable.
    let count = || quality(|q| (q - 3) * (q - 3));
    let faults = [
        check::<L, _>(LinearRegression::default(), wine(), Kind::Number),
        check::<L, _>(RobustRegression::default(), wine(), Kind::Number),
        check::<L, _>(HorseshoeRegression::default(), wine(), Kind::Number),
        check::<L, _>(MlpRegressor::sized(4), wine(), Kind::Number),
        check::<L, _>(HeteroscedasticRegressor::sized(4), wine(), Kind::Number),
        check::<L, _>(ArdRegressor::sized(4), wine(), Kind::Number),
        check::<L, _>(LogisticRegression::default(), two(), Kind::Class),
        check::<L, _>(MultinomialRegression::sized(3), three(), Kind::Class),
        check::<L, _>(MlpClassifier::sized(4, 3), three(), Kind::Class),
        check::<L, _>(PoissonRegression::default(), count(), Kind::Count),
        check::<L, _>(NegativeBinomialRegression::default(), count(), Kind::Count),
        check::<L, _>(
            EightSchools::default(),
            EightSchools::data().unwrap(),
            Kind::Number,
        ),
    ];
    faults.concat()
}

fn every<L: Law>() {
    assert_eq!(of_every::<L>(), Vec::<String>::new());
}

/// Every kernel and algorithm, at a size that only shows that it works.
fn algorithms() -> Vec<(&'static str, Box<dyn Inference>)> {
    let smc = || smc().particles(24);
    let mcmc = || mcmc().chains(4).warmup(60).draws(10);
    vec![
        (
            "smc, random walk",
            Box::new(smc().kernel(RandomWalk).moves(8)),
        ),
        ("smc, MALA", Box::new(smc().kernel(Mala).moves(4))),
        ("smc, Langevin", Box::new(smc().kernel(UnadjustedLangevin))),
        ("smc, HMC", Box::new(smc().kernel(Hmc::leapfrogs(4)))),
        ("smc, ChEES", Box::new(smc().kernel(Chees::default()))),
        (
            "smc, tempering",
            Box::new(smc().annealing(Tempering::adaptive())),
        ),
        (
            "smc, steps",
            Box::new(smc().annealing(StepDataAnnealing::doubling())),
        ),
        (
            "smc, smooth",
            Box::new(smc().annealing(SmoothDataAnnealing::geometric())),
        ),
        (
            "smc, automatic",
            Box::new(smc().annealing(AutomaticAnnealing::default())),
        ),
        ("mcmc, HMC", Box::new(mcmc())),
        ("mcmc, ChEES", Box::new(mcmc().kernel(Chees::default()))),
        ("mcmc, MALA", Box::new(mcmc().kernel(Mala))),
        ("map", Box::new(map())),
        ("ensemble", Box::new(ensemble().members(4))),
    ]
}

/// log p(θ, y) of every draw.
fn log_posteriors<M: Model>(posterior: &Posterior<M>, data: &Dataset) -> Vec<f64> {
    let bound = bind(posterior.model().clone(), data, Engine::auto(), 0).unwrap();
    let (problem, thetas) = (&bound.problem, posterior.positions());
    let all = Segment {
        rows: 0..problem.rows(),
        weight: 0.0,
    };
    let sums = problem.log_likelihood(thetas, &[all], None);
    let priors = problem.prior().log_density(thetas, None);
    sums.totals()
        .iter()
        .zip(priors)
        .map(|(s, p)| s + p)
        .collect()
}

/// The best LPPD of ten independent samples of the prior, of 200 draws each.
fn best_of_the_prior<M: Infers>(case: &Case<M>) -> f64 {
    let run = || case.model.clone().infer_on(&case.real).threads(1);
    let of = |seed: u64| {
        let prior = run().seed(100 + seed).sample_prior(200).unwrap();
        prior.predict(&case.real).unwrap().lppd()
    };
    (0..10).map(of).fold(f64::NEG_INFINITY, f64::max)
}

/// What was learned from the targets, by a law that draws from the prior break ten times out of eleven: they predict the targets
/// better than ten samples of it.
fn has_learned<M: Infers>(
    case: &Case<M>,
    posterior: &Posterior<M>,
    best: f64,
) -> Result<(), String> {
    let lppd = posterior.predict(&case.real).unwrap().lppd();
    if lppd > best {
        return Ok(());
    }
    Err(format!(
        "LPPD {lppd:.3}, and the best of ten samples of the prior has {best:.3}"
    ))
}

struct EveryAlgorithmLearns;

impl Law for EveryAlgorithmLearns {
    fn faults<M: Infers>(case: &Case<M>) -> Vec<String> {
        let run = || case.model.clone().infer_on(&case.real).seed(3).threads(1);
        let draws = run().sample_prior(200).unwrap();
        let best = best_of_the_prior(case);
        let mut densities = log_posteriors(&draws, &case.real);
        densities.sort_by(f64::total_cmp);
        let middle = densities[densities.len() / 2];
        let fault = |name: &str, algorithm| -> Result<(), String> {
            let posterior = run().with_boxed(algorithm).run();
            let posterior = posterior.map_err(|e| e.to_string())?;
            if posterior
                .positions()
                .values()
                .iter()
                .any(|u| !u.is_finite())
            {
                return Err("a draw is not finite".to_owned());
            }
            let weight: f64 = posterior.weights().iter().sum();
            if (weight - 1.0).abs() > 1e-9 {
                return Err(format!("the weights sum to {weight}"));
            }
            if name != "map" {
                return has_learned(case, &posterior, best);
            }
            // The mode of a hierarchy need not predict well; its density is above that of where the search began.
            let found = log_posteriors(&posterior, &case.real)[0];
            if found > middle {
                Ok(())
            } else {
                Err(format!(
                    "{found}, and the median draw from the prior has {middle}"
                ))
            }
        };
        let each = algorithms().into_iter();
        let faults = each.filter_map(|(name, algorithm)| {
            let found = fault(name, algorithm).err()?;
            Some(format!("{name}: {found}"))
        });
        faults.collect()
    }
}

#[test]
fn every_algorithm_learns_from_real_data_with_every_model() {
    every::<EveryAlgorithmLearns>();
}

/// An algorithm that gives back draws from the prior has not learned.
struct DoingNothingIsNotLearning;

impl Law for DoingNothingIsNotLearning {
    fn faults<M: Infers>(case: &Case<M>) -> Vec<String> {
        let best = best_of_the_prior(case);
        let run = || case.model.clone().infer_on(&case.real).threads(1);
        let fault = |draws: usize| {
            let idle = run().seed(4).sample_prior(draws).unwrap();
            let learned = has_learned(case, &idle, best);
            learned
                .is_ok()
                .then(|| format!("{draws} draws from the prior have learned"))
        };
        [4, 24, 200].into_iter().filter_map(fault).collect()
    }
}

/// It gets by once in eleven times: of 36 about three times, with a standard deviation of 1.7.
#[test]
fn an_algorithm_that_does_nothing_has_not_learned() {
    let got_by = of_every::<DoingNothingIsNotLearning>();
    println!("{got_by:?}");
    assert!(got_by.len() < 10, "{got_by:?}");
}

/// What the model is asked: the rows that it learns from, and others. Targets are 0.
fn inputs<M: Model>(case: &Case<M>, seed: u64) -> [Dataset; 2] {
    if case.real.offset().is_some() {
        return [case.real.clone(), case.real.clone()];
    }
    [50, 25].map(|rows| {
        let x = normals(rows * 2, 1000 * seed + rows as u64);
        Dataset::new(2, x, vec![0.0; rows]).unwrap()
    })
}

fn with_targets(data: &Dataset, y: &[f64]) -> Dataset {
    let y = y.iter().map(|&y| y as f32).collect();
    let again = Dataset::new(data.columns(), data.features().to_vec(), y).unwrap();
    match data.offset() {
        Some(offset) => again.with_offset(offset.to_vec()).unwrap(),
        None => again,
    }
}

struct Calibrated;

impl Law for Calibrated {
    /// Parameters from the prior, data from the parameters, predictions of further data: whatever was drawn, targets fall
    /// into central intervals as often as these say, and classes come as often as they are given probability.
    fn faults<M: Infers>(case: &Case<M>) -> Vec<String> {
        const DATA_SETS: u64 = 24;
        let of = |seed: u64| -> f64 {
            let [learn, ask] = inputs(case, seed);
            let truth = case.model.clone().infer_on(&learn).seed(seed);
            let truth = truth.sample_prior(1).unwrap();
            let draw = |data: &Dataset, seed| {
                with_targets(data, &truth.predict(data).unwrap().sample(1, seed)[0])
            };
            let (learn, ask) = (draw(&learn, 2 * seed), draw(&ask, 2 * seed + 1));
            let run = case.model.clone().infer_on(&learn).seed(seed).threads(1);
            let run = run.with(smc().particles(48).kernel(Hmc::leapfrogs(8)).moves(3));
            let posterior = run.run().unwrap();
            let prediction = posterior.predict(&ask).unwrap();
            let rows = ask.rows() as f64;
            match case.kind {
                Kind::Number => prediction.coverage(0.8).unwrap() - 0.8,
                Kind::Class => {
                    let surprise = |i: usize| {
                        let p = prediction.probabilities(i).unwrap();
                        p[ask.target(i) as usize] - p.iter().map(|p| p * p).sum::<f64>()
                    };
                    (0..ask.rows()).map(surprise).sum::<f64>() / rows
                }
                // The middle of the step of the distribution function has mean 1/2.
                Kind::Count => {
                    let middle = |i: usize| {
                        let y = f64::from(ask.target(i));
                        let at = |y| prediction.cdf(i, y).unwrap();
                        0.5 * (at(y) + at(y - 1.0)) - 0.5
                    };
                    (0..ask.rows()).map(middle).sum::<f64>() / rows
                }
            }
        };
        let found: Vec<f64> = (1..=DATA_SETS).map(of).collect();
        let (mean, se) = mean_se(&found);
        println!("  off by {mean:.4} ± {se:.4}");
        let text = format!("predictions are off by {mean:.4} ± {se:.4}");
        // A law that cannot see anything says nothing.
        let wrong = mean.abs() >= 3.5 * se || se >= 0.05;
        wrong.then_some(text).into_iter().collect()
    }
}

#[test]
fn predictions_are_calibrated_on_data_of_the_model() {
    every::<Calibrated>();
}

/// `infer_with` is of the macro's making; here a model is any, and sees the data as they are: the laws are about its density.
trait InferOn: Infers {
    fn infer_on(self, data: &Dataset) -> Run<'_, Self> {
        Run::new(self, data).raw()
    }
}

impl<M: Infers> InferOn for M {}
