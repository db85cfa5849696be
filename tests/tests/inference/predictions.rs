//! Laws of predictions: without targets they are the same, draws from them have their distribution, and those of the prior
//! are exact before any data.

use laws::conjugate::{Line, NOISE, PRIOR, data};
use laws::models::Softmax;
use laws::{mean_se, near};
use smc_runtime::data::TargetScale;
use smc_runtime::prelude::*;

/// Draws from each predictive distribution.
const DRAWS: usize = 20_000;
/// Standard errors that a random quantity may be off.
const Z: f64 = 4.5;

fn text<T>(result: Result<T>) -> String {
    match result {
        Ok(_) => "no error".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// Some draws of a line in units of its own, with unequal weights, and rows to predict at.
fn line() -> (Posterior<Line<2>>, Dataset) {
    let inner = data::<2>(40, 5);
    let targets = inner.targets().iter().map(|y| 100.0 + 20.0 * y).collect();
    let data = inner.inputs().clone().with_targets(targets).unwrap();
    let (train, test) = data.split(0.1, 1).unwrap();
    // Without a resampling the weights are not equal.
    let posterior = Run::new(Line::<2>::default(), &train)
        .standardise(Standardise::fit(&train))
        .with(smc().particles(24).ess(0.01))
        .run()
        .unwrap();
    (posterior, test)
}

#[test]
fn without_targets_a_prediction_is_the_same() {
    let (posterior, test) = line();
    let scored = posterior.predict(&test).unwrap();
    let alone = posterior.predict(test.inputs()).unwrap();
    assert_eq!(alone.rows(), test.rows());
    assert_eq!(alone.target_scale(), TargetScale::Original);
    assert_eq!(alone.mean(), scored.mean());
    assert_eq!(alone.interval(0.9), scored.interval(0.9));
    assert_eq!(alone.epistemic_sd(), scored.epistemic_sd());
    let fewer = Features::new(3, vec![0.0; 6]).unwrap();
    assert_eq!(
        text(posterior.predict(&fewer)),
        "data to standardise: expected 2 features, as in the training rows, found 3 features"
    );
}

/// Targets around nothing.
#[bayes_model]
#[likelihood(Normal(mean = 0.0, sd = noise))]
struct Still {
    #[prior(HalfNormal(1.0))]
    noise: Scale,
}

#[test]
fn a_model_without_features_predicts_at_rows_of_none() {
    let table = Dataset::new(0, vec![], vec![0.3, -0.2, 0.9]).unwrap();
    let prior = Still::infer(&table).sample_prior(50).unwrap();
    let two = prior.predict(&Features::none(2).unwrap()).unwrap();
    assert_eq!(two.sd(), prior.predict(&table).unwrap().sd()[..2].to_vec());
}

#[test]
fn draws_of_targets_have_the_moments_and_the_distribution_of_the_mixture() {
    let (posterior, test) = line();
    let weights = posterior.weights();
    assert!(weights.iter().any(|w| (w * 24.0 - 1.0).abs() > 0.1));
    let prediction = posterior.predict(test.inputs()).unwrap();
    let draws = prediction.sample(DRAWS, 3);
    for row in 0..test.rows() {
        let y: Vec<f64> = draws.iter().map(|draw| draw[row]).collect();
        let mean = prediction.mean()[row];
        near("mean", &y, mean, Z).unwrap();
        let squares: Vec<f64> = y.iter().map(|y| (y - mean).powi(2)).collect();
        near("variance", &squares, prediction.sd()[row].powi(2), Z).unwrap();
        for p in [0.05, 0.3, 0.5, 0.9] {
            let quantile = prediction.quantile(p).unwrap()[row];
            let below: Vec<f64> = y
                .iter()
                .map(|y| f64::from(u8::from(*y <= quantile)))
                .collect();
            near("P(Y <= quantile)", &below, p, Z).unwrap();
        }
    }
}

#[test]
fn the_targets_of_one_draw_lie_around_one_function() {
    // Cov(y_i, y_j) is that of the functions: the noise of two rows is independent.
    let data = data::<2>(4, 5);
    let prior = Run::new(Line::<2>::default(), &data)
        .sample_prior(30)
        .unwrap();
    let prediction = prior.predict(data.inputs()).unwrap();
    let (mean, weights) = (prediction.mean(), prior.weights());
    let f = |k: usize, row: usize| prediction.function(k, row) - mean[row];
    let draws = prediction.sample(DRAWS, 4);
    for (i, j) in [(0, 1), (1, 2), (0, 3)] {
        let terms = weights.iter().enumerate();
        let expected: f64 = terms.map(|(k, w)| w * f(k, i) * f(k, j)).sum();
        let products = draws.iter().map(|y| (y[i] - mean[i]) * (y[j] - mean[j]));
        let products: Vec<f64> = products.collect();
        near("covariance", &products, expected, Z).unwrap();
        assert!(
            expected.abs() > 2.0 * mean_se(&products).1,
            "a covariance that can be seen"
        );
    }
}

#[test]
fn classes_are_drawn_with_their_probabilities() {
    let table = Dataset::new(1, vec![-1.0, 0.5, 2.0], vec![0.0, 2.0, 1.0]).unwrap();
    let prior = Run::new(Softmax::<1, 3>::default(), &table)
        .sample_prior(20)
        .unwrap();
    let prediction = prior.predict(table.inputs()).unwrap();
    let draws = prediction.sample(DRAWS, 5);
    for row in 0..3 {
        for (class, p) in prediction
            .probabilities(row)
            .unwrap()
            .into_iter()
            .enumerate()
        {
            let hits: Vec<f64> = draws
                .iter()
                .map(|y| f64::from(u8::from(y[row] == class as f64)))
                .collect();
            near("P(class)", &hits, p, Z).unwrap();
        }
    }
}

#[test]
fn a_seed_gives_one_sample_and_fewer_draws_are_the_first() {
    let (posterior, test) = line();
    let prediction = posterior.predict(&test).unwrap();
    let draws = prediction.sample(40, 7);
    assert_eq!(prediction.sample(15, 7), draws[..15]);
    assert_ne!(prediction.sample(40, 8), draws);
    assert!(prediction.sample(0, 7).is_empty());
}

#[test]
fn the_prior_predictive_of_a_line_is_exact() {
    // y = 100 + 20·z with z ~ N(0, PRIOR²·(1 + x·x) + NOISE²) at standardised x.
    let inner = data::<2>(30, 9);
    let targets = inner.targets().iter().map(|y| 100.0 + 20.0 * y).collect();
    let train = inner.inputs().clone().with_targets(targets).unwrap();
    let scale = Standardise::fit(&train);
    let prior = Run::new(Line::<2>::default(), &train)
        .standardise(scale.clone())
        .seed(11)
        .sample_prior(DRAWS)
        .unwrap();
    let equal = (1.0 / DRAWS as f64).ln();
    assert!(
        prior
            .log_weights()
            .iter()
            .all(|w| (w - equal).abs() < 1e-12)
    );
    assert_eq!(prior.log_evidence(), None);
    let at = train.inputs().select(&[0, 1, 2, 3]).unwrap();
    let prediction = prior.predict(&at).unwrap();
    let inputs = scale.apply_features(&at).unwrap();
    for row in 0..4 {
        let x = inputs.row(row).iter();
        let spread = PRIOR.powi(2) * (1.0 + x.map(|&x| f64::from(x).powi(2)).sum::<f64>());
        let (mean, sd) = (scale.target_mean(), scale.target_sd());
        let functions: Vec<f64> = (0..DRAWS).map(|k| prediction.function(k, row)).collect();
        near("mean of functions", &functions, mean, Z).unwrap();
        let squares: Vec<f64> = functions.iter().map(|f| (f - mean).powi(2)).collect();
        near("variance of functions", &squares, sd * sd * spread, Z).unwrap();
        // The mixture adds the noise to what its draws have, exactly.
        let noise = prediction.aleatoric_sd().unwrap()[row];
        assert!((noise - sd * NOISE).abs() < 1e-6 * sd, "{noise}");
        let found = prediction.sd()[row].powi(2) - noise.powi(2);
        let (_, se) = mean_se(&squares);
        assert!((found - sd * sd * spread).abs() < Z * se, "{found}");
    }
}

#[test]
fn the_prior_does_not_know_the_targets() {
    let one = data::<2>(20, 1);
    let other = one.inputs().clone().with_targets(vec![0.5; 20]).unwrap();
    let draw = |data| Run::new(Line::<2>::default(), data).seed(2).sample_prior(8);
    let (one, other) = (draw(&one).unwrap(), draw(&other).unwrap());
    assert_eq!(one.positions(), other.positions());
    assert!(
        one.report().to_string().contains("draws from the prior"),
        "{}",
        one.report()
    );
    // Independent draws are worth their number.
    assert!(
        one.summary()
            .quantities
            .iter()
            .all(|q| q.ess.is_some_and(|n| (n - 8.0).abs() < 1e-9)),
        "{}",
        one.summary()
    );
    assert_eq!(
        text(Run::new(Line::<2>::default(), &data::<2>(20, 1)).sample_prior(0)),
        "draws = 0: at least 1 is needed"
    );
}

#[test]
fn the_interval_of_the_function_holds_its_share_of_the_draws() {
    let (posterior, test) = line();
    let prediction = posterior.predict(test.inputs()).unwrap();
    let weights = posterior.weights();
    let heaviest = weights.iter().copied().fold(0.0, f64::max);
    for level in [0.5, 0.9] {
        let intervals = prediction.function_interval(level).unwrap();
        for (row, (low, high)) in intervals.into_iter().enumerate() {
            let share = |inside: &dyn Fn(f64) -> bool| {
                let draws = weights.iter().enumerate();
                let held = draws.filter(|(k, _)| inside(prediction.function(*k, row)));
                held.map(|(_, w)| w).sum::<f64>()
            };
            let tail = 0.5 * (1.0 - level);
            // The ends are draws, so that a tail is short of its share, or over it, by less than one draw.
            for outside in [share(&|f| f < low), share(&|f| f > high)] {
                assert!(
                    outside <= tail + 1e-9 && outside > tail - heaviest - 1e-9,
                    "{outside}"
                );
            }
        }
    }
    assert_eq!(prediction.function_interval(1.0), None);
}
