//! Both pitfalls of sequential weighting, shown with a perfectly mixing kernel on a conjugate Gaussian with known answers.

use laws::laws::weighting_is_exact;
use laws::textbook::{Order, Textbook};
use laws::{expectation, infer, near};
use smc_runtime::prelude::*;
use smc_runtime::sampling::anneal::{Annealing, Lookahead};
use smc_runtime::sampling::stage::Stage;
use smc_runtime::testing::{Perfect, Regression};

/// y ~ N(θ, 1), θ ~ N(0, 1), eight rows. Exactly: mean 1.646, log Z −11.21.
fn gaussian() -> Regression {
    let z = [
        0.125_730, -0.132_105, 0.640_423, 0.104_900, -0.535_669, 0.361_595, 1.304, 0.947_081,
    ];
    let y = z.iter().map(|z| 1.5 + z).collect();
    Regression::new(Dataset::new(1, vec![1.0; 8], y).unwrap(), 1.0, 1.0)
}

/// Two rows at a time.
#[derive(Clone, Debug)]
struct Pairs;

impl Annealing for Pairs {
    fn next(&self, ahead: &mut Lookahead<'_>) -> Result<Option<Stage>> {
        let now = ahead.stage().full().len();
        Ok((now < ahead.rows()).then(|| Stage::of(0..now + 2)))
    }
}

fn stages() -> Vec<Stage> {
    (1..=4).map(|k| Stage::of(0..2 * k)).collect()
}

#[test]
fn the_closed_form_is_the_published_one() {
    let exact = gaussian().posterior();
    assert!((exact.mean[0] - 1.646).abs() < 5e-4, "{exact:?}");
    assert!((exact.log_evidence - -11.21).abs() < 5e-3, "{exact:?}");
}

#[test]
fn smc_weighs_before_it_moves() {
    let problem = gaussian();
    let exact = problem.posterior();
    let settings = smc()
        .particles(1000)
        .annealing(Pairs)
        .kernel(Perfect::of(&problem))
        .ess(1.0);
    let runs: Vec<_> = (0..100)
        .map(|seed| infer(&settings, &problem, seed).unwrap())
        .collect();
    let means: Vec<f64> = runs
        .iter()
        .map(|d| expectation(d, |x| f64::from(x[0])))
        .collect();
    let ratios: Vec<f64> = runs
        .iter()
        .map(|d| (d.log_evidence().unwrap() - exact.log_evidence).exp())
        .collect();
    near("the posterior mean", &means, exact.mean[0], 3.0).unwrap();
    near("mean(Ẑ/Z)", &ratios, 1.0, 3.0).unwrap();
}

#[test]
fn the_textbook_order_is_right() {
    weighting_is_exact(&Textbook::default(), &gaussian(), &stages()).unwrap();
}

/// Weighting the moved particles by new over old counts the newest rows twice: mean 1.827, log Z −9.45.
#[test]
fn weighting_moved_particles_counts_the_newest_rows_twice() {
    let faulty = Textbook {
        order: Order::MoveThenReweight,
        ..Textbook::default()
    };
    weighting_is_exact(&faulty, &gaussian(), &stages()).unwrap_err();
    let answers: Vec<_> = (0..100)
        .map(|seed| faulty.run(&gaussian(), &stages(), 1000, seed))
        .collect();
    let mean = answers.iter().map(|a| a.mean).sum::<f64>() / 100.0;
    let log_evidence = answers.iter().map(|a| a.log_evidence).sum::<f64>() / 100.0;
    // To the digits of the published numbers, which come from one run of 20000 particles.
    assert!((mean - 1.827).abs() < 5e-3, "{mean}");
    assert!((log_evidence - -9.45).abs() < 2e-2, "{log_evidence}");
}

/// Both targets on the current rows: nothing new ever enters, and log Z stays at zero.
#[test]
fn evaluating_both_targets_on_the_current_rows_loses_the_evidence() {
    let faulty = Textbook {
        increment: |_, _, next, terms| next.increment(terms, next, terms),
        ..Textbook::default()
    };
    weighting_is_exact(&faulty, &gaussian(), &stages()).unwrap_err();
    let found = faulty.run(&gaussian(), &stages(), 1000, 0).log_evidence;
    assert!(found.abs() < 1e-9, "{found}");
}
