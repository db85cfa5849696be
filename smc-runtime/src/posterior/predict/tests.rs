//! Laws of mixtures and their scores.

use super::*;
use crate::base::rng::{Purpose, Streams};
use crate::base::scores::{BINS, crps};
use crate::data::Dataset;
use crate::model::dist::{Categorical, Normal, StudentT, Term};

fn scored<'a>(
    arguments: Arguments,
    log_weights: &'a [f64],
    predictive: &'a dyn Predictive,
    targets: Vec<f32>,
) -> Scored<'a> {
    Scored::new(
        Prediction::new(arguments, log_weights, predictive),
        targets,
        0,
    )
}

#[test]
fn a_mixture_of_two_draws_has_the_scores_of_its_mean() {
    // Class 1 has probability ¾ under one draw and ¼ under the other, which has three quarters of the weight: ⅜.
    let three = 3f64.ln();
    let arguments = Arguments {
        rows: 2,
        width: 2,
        values: vec![0.0, three, 0.0, three, three, 0.0, three, 0.0],
    };
    let log_weights = [0.25f64.ln(), 0.75f64.ln()];
    let classes = Categorical::default();
    let prediction = scored(arguments, &log_weights, &classes, vec![1.0, 0.0]);
    let found = prediction.summary();
    let close = |found: Option<f64>, expected: f64| {
        assert!(
            found.is_some_and(|x| (x - expected).abs() < 1e-12),
            "{found:?} {expected}"
        );
    };
    let nll = -0.5 * (0.375f64.ln() + 0.625f64.ln());
    close(Some(found.lppd), -nll);
    close(found.nll, nll);
    close(found.accuracy, 0.5);
    close(found.brier, 0.625f64.powi(2) + 0.375f64.powi(2));
    close(found.calibration_error, 0.125);
    assert_eq!(
        found.to_string(),
        "2 rows: LPPD -0.725, accuracy 0.500, NLL 0.725, Brier 0.531, ECE 0.125"
    );
    assert_eq!((found.rmse, found.coverage_90), (None, None));
}

#[test]
fn real_targets_have_no_scores_of_classes() {
    let arguments = Arguments {
        rows: 1,
        width: 2,
        values: vec![0.0, 1.0],
    };
    let normal = Normal::default();
    let found = scored(arguments, &[0.0], &normal, vec![0.5]).summary();
    assert_eq!(
        (
            found.accuracy,
            found.nll,
            found.brier,
            found.calibration_error
        ),
        (None, None, None, None)
    );
    assert!(found.rmse.is_some());
}

/// Two rows of a mixture of three normals, with a standardisation or without.
fn normals(log_weights: &[f64], targets: [f32; 2]) -> Scored<'_> {
    static NORMAL: std::sync::LazyLock<Normal<crate::model::dist::Term>> =
        std::sync::LazyLock::new(Normal::default);
    let values = vec![0.0, 1.0, 3.0, 0.5, 1.0, 0.2, -2.0, 0.1, 4.0, 2.0, 3.0, 1.0];
    let arguments = Arguments {
        rows: 2,
        width: 2,
        values,
    };
    scored(arguments, log_weights, &*NORMAL, targets.to_vec())
}

fn standardised<'a>(scored: Scored<'a>, scale: &Standardise) -> Scored<'a> {
    let Scored {
        prediction,
        targets,
        ..
    } = scored;
    Scored::new(prediction.standardised_by(scale), targets, 0)
}

fn near(found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() <= tolerance,
        "{found}, expected {expected}"
    );
}

const WEIGHTS: [f64; 3] = [
    -1.609_437_912_434_100_3,
    -0.916_290_731_874_155,
    -0.916_290_731_874_155,
];

#[test]
fn quantiles_invert_the_distribution_function() {
    let prediction = normals(&WEIGHTS, [0.3, 4.0]);
    for p in [1e-6, 0.025, 0.3, 0.5, 0.77, 0.999] {
        for (row, q) in prediction.quantile(p).unwrap().into_iter().enumerate() {
            near(prediction.cdf(row, q).unwrap(), p, 1e-9);
        }
    }
    let (low, high) = prediction.interval(0.9).unwrap()[1];
    near(
        prediction.cdf(1, high).unwrap() - prediction.cdf(1, low).unwrap(),
        0.9,
        1e-9,
    );
    for p in [0.0, 1.0, -0.5, f64::NAN] {
        assert_eq!(prediction.quantile(p), None);
    }
    let pit = prediction.pit().unwrap();
    near(
        prediction.quantile(pit[0]).unwrap()[0],
        f64::from(0.3f32),
        1e-9,
    );
}

#[test]
fn the_crps_of_a_mixture_of_normals_is_its_closed_form() {
    // E|Y − y| − ½ E|Y − Y'| by A(m, s) = E|N(m, s²)| (Grimit et al., 2006).
    let a = |mean: f64, sd: f64| {
        let z = mean / sd;
        let density = (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt();
        mean * libm::erf(z * std::f64::consts::FRAC_1_SQRT_2) + 2.0 * sd * density
    };
    for targets in [[0.3, 4.0], [-9.0, 30.0]] {
        let prediction = normals(&WEIGHTS, targets);
        let mut expected = 0.0;
        for (row, &target) in targets.iter().enumerate() {
            let of = |k: usize| (WEIGHTS[k].exp(), prediction.arguments.at(k, row));
            for k in 0..3 {
                let (w, one) = of(k);
                expected += 0.5 * w * a(one[0] - f64::from(target), one[1]);
                for j in 0..3 {
                    let (v, other) = of(j);
                    let sd = one[1].hypot(other[1]);
                    expected -= 0.25 * w * v * a(one[0] - other[0], sd);
                }
            }
        }
        near(prediction.crps().unwrap(), expected, 1e-5 * expected);
    }
}

#[test]
fn variance_and_entropy_are_the_sums_of_their_parts() {
    let prediction = normals(&WEIGHTS, [0.0, 0.0]);
    let parts = prediction
        .epistemic_sd()
        .unwrap()
        .into_iter()
        .zip(prediction.aleatoric_sd().unwrap());
    for (sd, (epistemic, aleatoric)) in prediction.sd().into_iter().zip(parts) {
        near(sd * sd, epistemic.powi(2) + aleatoric.powi(2), 1e-12);
    }
    // Draws that are sure of different classes: all entropy is disagreement; draws that agree: none is.
    let classes = Categorical::default();
    let arguments = Arguments {
        rows: 2,
        width: 2,
        values: vec![50.0, -50.0, 1.0, 0.0, -50.0, 50.0, 1.0, 0.0],
    };
    let half = [0.5f64.ln(); 2];
    let prediction = scored(arguments, &half, &classes, vec![0.0, 1.0]);
    let (total, information) = (
        prediction.entropy().unwrap(),
        prediction.mutual_information().unwrap(),
    );
    near(total[0], 2f64.ln(), 1e-12);
    near(information[0], 2f64.ln(), 1e-12);
    near(information[1], 0.0, 1e-12);
    near(prediction.expected_entropy().unwrap()[1], total[1], 1e-12);
    let confusion = prediction.confusion().unwrap();
    assert_eq!((confusion.count(0, 0), confusion.count(1, 0)), (1, 1));
    // The row of class 1 has the lower probability of it.
    assert_eq!(prediction.auroc(1), Some(0.0));
    assert_eq!(
        (
            prediction.crps(),
            prediction.pit(),
            prediction.quantile(0.5)
        ),
        (None, None, None)
    );
    assert_eq!(
        (prediction.epistemic_sd(), prediction.auroc(2)),
        (None, None)
    );
}

#[test]
fn a_carried_standardisation_is_undone_and_counted_in_densities() {
    // Mean 10 and sd 5.
    let train = Dataset::new(0, vec![], vec![5.0, 15.0]).unwrap();
    let scale = Standardise::fit(&train);
    let inner = normals(&WEIGHTS, [0.5, -1.0]);
    let outer = standardised(normals(&WEIGHTS, [12.5, 5.0]), &scale);
    for row in 0..2 {
        near(outer.mean()[row], 10.0 + 5.0 * inner.mean()[row], 1e-12);
        near(outer.sd()[row], 5.0 * inner.sd()[row], 1e-12);
        near(
            outer.function(2, row),
            10.0 + 5.0 * inner.function(2, row),
            1e-12,
        );
        let quantile = inner.quantile(0.2).unwrap()[row];
        near(
            outer.quantile(0.2).unwrap()[row],
            10.0 + 5.0 * quantile,
            1e-9,
        );
        near(
            outer.log_densities()[row],
            inner.log_densities()[row] - 5f64.ln(),
            1e-12,
        );
    }
    assert_eq!(outer.pit(), inner.pit());
    near(outer.crps().unwrap(), 5.0 * inner.crps().unwrap(), 1e-9);
    near(outer.rmse().unwrap(), 5.0 * inner.rmse().unwrap(), 1e-12);
    // A density integrates to one on the scale that it is stated on.
    let density = |y: f32| standardised(normals(&WEIGHTS, [y, y]), &scale).log_densities()[0].exp();
    let total: f64 = (-4000..8000).map(|i| density(i as f32 * 0.01) * 0.01).sum();
    near(total, 1.0, 1e-6);
}

/// ECE of `rows` rows of three classes whose targets are drawn from the mixture of two draws and whose logits are then
/// multiplied by `sharpen`; with what it is expected to be, and with its standard deviation, if nothing is sharpened.
fn simulated(sharpen: f64, seed: u64) -> (f64, f64, f64) {
    const ROWS: usize = 20_000;
    let mut stream = Streams::new(seed).stream(Purpose::Simulate, 0, 0, 0);
    let logits: Vec<f64> = (0..2 * ROWS * 3).map(|_| 1.5 * stream.normal()).collect();
    let log_weights = [0.3f64.ln(), 0.7f64.ln()];
    let classes = Categorical::default();
    let of = |factor: f64, targets: Vec<f32>| {
        let arguments = Arguments {
            rows: ROWS,
            width: 3,
            values: logits.iter().map(|l| factor * l).collect(),
        };
        scored(arguments, &log_weights, &classes, targets)
    };
    let truth = of(1.0, vec![0.0; ROWS]);
    let mut draw = |i: usize| {
        let mut left = stream.uniform();
        let p = truth.probabilities(i).unwrap();
        let class = p.iter().position(|p| {
            left -= p;
            left < 0.0
        });
        class.unwrap_or(2) as f32
    };
    let targets = (0..ROWS).map(&mut draw).collect();
    let prediction = of(sharpen, targets);
    let mut variances = [0.0; BINS];
    for row in prediction.classified().unwrap() {
        let p = row.confidence;
        variances[(p * BINS as f64).ceil() as usize - 1] += p * (1.0 - p);
    }
    // The gap of a bin is normal with that variance; |gap| has mean √(2/π)·sd and variance (1 − 2/π)·sd².
    let share = std::f64::consts::FRAC_2_PI;
    let expected: f64 = variances.iter().map(|v| (share * v).sqrt()).sum();
    let sd = (variances.iter().sum::<f64>() * (1.0 - share)).sqrt();
    let n = ROWS as f64;
    (
        prediction.calibration_error().unwrap(),
        expected / n,
        sd / n,
    )
}

#[test]
fn calibrated_predictions_have_the_calibration_error_of_their_sampling() {
    for seed in 0..10 {
        let (ece, expected, sd) = simulated(1.0, seed);
        assert!(
            (ece - expected).abs() <= 4.0 * sd,
            "{ece}, expected {expected} ± {sd}"
        );
        let (ece, expected, sd) = simulated(1.3, seed);
        assert!(
            ece > expected + 10.0 * sd,
            "overconfident: {ece}, {expected} ± {sd}"
        );
    }
}

/// y(2F − 1) + 2f(ν + y²)/(ν − 1) − 2√ν/(ν − 1) · B(½, ν − ½)/B(½, ν/2)² (Jordan, Krüger and Lerch, 2019).
#[test]
fn the_crps_of_heavy_tails_is_its_closed_form() {
    let t = StudentT::<Term>::default();
    let ln_beta = |a, b| libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b);
    for df in [2.2, 3.0, 50.0] {
        for y in [-4.0, 0.0, 0.7, 25.0] {
            let cdf = |z| t.cdf(&[df, 0.0, 1.0], z).unwrap();
            let density = t.log_density(&[df, 0.0, 1.0], y).exp();
            let betas = (ln_beta(0.5, df - 0.5) - 2.0 * ln_beta(0.5, 0.5 * df)).exp();
            let exact = y * (2.0 * cdf(y) - 1.0)
                + 2.0 / (df - 1.0) * (density * (df + y * y) - df.sqrt() * betas);
            let found = crps(cdf, -1e4, 1e4, y, 1.0);
            assert!(
                (found - exact).abs() < 1e-5,
                "{df}, {y}: {found} against {exact}"
            );
        }
    }
}
