//! Modes and ensembles of them: the mode is exact where it is known, training ends where the gradient does, and early
//! stopping keeps what it promises.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use laws::altered::Altered;
use laws::models::Softmax;
use laws::{infer, stepped, table};
use smc_runtime::engine::{Engine, bind};
use smc_runtime::infer::Form;
use smc_runtime::prelude::*;
use smc_runtime::problem::population::Population;
use smc_runtime::problem::{Problem, Sums};
use smc_runtime::sampling::cloud::Target;
use smc_runtime::sampling::stage::Stage;
use smc_runtime::testing::Regression;

fn regression() -> Regression {
    Regression::simulated(60, 3, 0.7, 1.5, 4).unwrap()
}

/// The largest distance of a coordinate from the exact mode.
fn error(problem: &Regression, theta: &[f32]) -> f64 {
    let mode = problem.posterior().mean;
    let errors = theta
        .iter()
        .zip(mode)
        .map(|(&x, m)| (f64::from(x) - m).abs());
    errors.fold(0.0, f64::max)
}

#[test]
fn the_mode_of_a_normal_posterior_is_its_mean() {
    let problem = regression();
    for batch in [60, 20] {
        let all = map().validation(0.0).batch(batch).epochs(3000);
        let draws = infer(&all, &problem, 1).unwrap();
        assert_eq!((draws.positions().len(), draws.log_evidence()), (1, None));
        let error = error(&problem, draws.positions().row(0));
        // Full batches end where steps drown in the rounding of f32; mini-batches at the noise that a falling rate leaves.
        let allowed = if batch == 60 { 1e-5 } else { 1e-3 };
        assert!(error < allowed, "batches of {batch}: off by {error}");
    }
}

#[test]
fn members_end_where_the_gradient_is_zero() {
    let data = table(90, 4, 3, |i, x| match i % 7 {
        0 => 2.0,
        _ => f32::from(u8::from(x[0] + x[1] > 0.3)),
    });
    let bound = bind(Softmax::<4, 3>::default(), &data, Engine::auto(), 1).unwrap();
    let problem = &*bound.problem;
    let settings = ensemble()
        .members(5)
        .validation(0.0)
        .batch(90)
        .epochs(10000);
    let members = infer(&settings, problem, 2).unwrap();
    let mut gradient = Population::zeros(5, problem.dim());
    let posterior = Stage::of(0..90);
    Target::new(problem, &posterior).gradient(members.positions(), &mut gradient);
    for (i, norm) in gradient.squared_norms().into_iter().enumerate() {
        // Each of 90 rows pulls by about 1.
        assert!(
            norm.sqrt() < 1e-3,
            "member {i}: a gradient of {}",
            norm.sqrt()
        );
    }
    assert!(matches!(members.form(), Form::Points));
    assert!(
        members
            .log_weights()
            .iter()
            .all(|w| (w.exp() - 0.2).abs() < 1e-12)
    );
}

/// Few rows and a vague prior, so that the held-out rows soon fit worse.
fn overfitting() -> Regression {
    Regression::simulated(30, 20, 2.0, 1.0, 8).unwrap()
}

#[test]
fn each_member_keeps_the_vector_that_fits_the_held_out_rows_best() {
    let inside = overfitting();
    // Every vector at the end of an epoch, with its score.
    let seen = Mutex::new(Vec::<(Vec<f32>, f64)>::new());
    let watched = Altered::likelihood(&inside, |thetas, segments, gradient| {
        let values = gradient.is_none();
        let sums = inside.log_likelihood(thetas, segments, gradient);
        if values {
            let rows = (0..thetas.len()).map(|i| (thetas.row(i).to_vec(), sums.of(i)[0]));
            seen.lock().unwrap().extend(rows);
        }
        sums
    });
    let settings = ensemble()
        .members(1)
        .validation(0.4)
        .rate(0.05)
        .epochs(400)
        .patience(30);
    let (steps, left) = stepped(&settings, &watched, 1).unwrap();
    let draws = left.draws;
    let seen = seen.lock().unwrap().clone();
    let best = (0..seen.len())
        .max_by(|&a, &b| seen[a].1.total_cmp(&seen[b].1))
        .unwrap();
    assert_eq!(draws.positions().row(0), seen[best].0);
    assert_eq!((seen.len(), steps.len()), (best + 31, best + 31));
    assert!(best + 31 < 400, "nothing was stopped early");
}

#[test]
fn no_gradient_sees_held_out_rows_and_the_others_stand_for_them() {
    let inside = Regression::simulated(103, 2, 1.0, 1.0, 5).unwrap();
    // A quarter of 103 rows is 25, and three members hold out three parts of them.
    let held_out = |part: usize| (103 - 25 * (part + 1)..103 - 25 * part).collect::<Vec<_>>();
    let (gradients, values) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let watched = Altered::likelihood(&inside, |thetas, segments, gradient| {
        let rows: Vec<usize> = segments.iter().flat_map(|s| s.rows.clone()).collect();
        if gradient.is_some() {
            let own = held_out(thetas.first());
            assert!(rows.iter().all(|i| !own.contains(i)), "{rows:?}");
            let stands_for: f64 = segments
                .iter()
                .map(|s| s.weight * s.rows.len() as f64)
                .sum();
            assert!(
                (stands_for - 103.0).abs() < 1e-9,
                "weights for {stands_for} rows"
            );
            gradients.fetch_add(rows.len(), Ordering::Relaxed);
        } else {
            assert_eq!(rows, held_out(thetas.first()));
            values.fetch_add(1, Ordering::Relaxed);
        }
        inside.log_likelihood(thetas, segments, gradient)
    });
    let settings = ensemble()
        .members(3)
        .validation(0.25)
        .batch(10)
        .epochs(12)
        .patience(12);
    infer(&settings, &watched, 1).unwrap();
    assert_eq!(
        (
            gradients.load(Ordering::Relaxed),
            values.load(Ordering::Relaxed)
        ),
        (3 * 12 * 78, 3 * 12)
    );
}

#[test]
fn a_member_that_fails_goes_back_and_the_others_never_know() {
    let inside = regression();
    let settings = ensemble().members(3).batch(20).epochs(1000).validation(0.0);
    let whole = infer(&settings, &inside, 3).unwrap();
    for fault in [0, 500] {
        let calls = AtomicUsize::new(0);
        let faulty = Altered::likelihood(&inside, |thetas, segments, gradient| {
            let fails = gradient.is_some() && calls.fetch_add(1, Ordering::Relaxed) == fault;
            let mut sums = match gradient {
                Some(gradient) if fails => {
                    let sums = inside.log_likelihood(thetas, segments, Some(&mut *gradient));
                    gradient.on_host().row_mut(1).fill(f32::NAN);
                    sums
                }
                gradient => inside.log_likelihood(thetas, segments, gradient),
            };
            if fails {
                sums.of_mut(1).fill(f64::NAN);
            }
            sums
        });
        let (steps, left) = stepped(&settings, &faulty, 3).unwrap();
        let draws = left.draws;
        for i in [0, 2] {
            assert_eq!(
                draws.positions().row(i),
                whole.positions().row(i),
                "member {i}"
            );
        }
        assert_ne!(draws.positions().row(1), whole.positions().row(1));
        assert!(error(&inside, draws.positions().row(1)) < 0.01);
        assert_eq!(steps.iter().map(|s| s.non_finite).sum::<usize>(), 1);
    }
}

#[test]
fn members_that_start_at_an_impossible_place_start_anew() {
    let inside = Regression::simulated(40, 2, 1.0, 1.0, 6).unwrap();
    let mode = inside.posterior().mean[0] as f32;
    let halved = Altered::likelihood(&inside, |thetas, segments, gradient| {
        let mut sums = inside.log_likelihood(thetas, segments, gradient);
        for i in 0..thetas.len() {
            if (thetas.row(i)[0] - mode).abs() > 0.5 {
                sums.of_mut(i).fill(f64::NEG_INFINITY);
            }
        }
        sums
    });
    let draws = infer(&ensemble().members(8), &halved, 1).unwrap();
    assert_eq!(draws.positions().len(), 8);
    for i in 0..8 {
        assert!((draws.positions().row(i)[0] - mode).abs() <= 0.5);
    }
    let impossible = Altered::likelihood(&inside, |thetas, segments, _| {
        let mut sums = Sums::zeros(thetas.len(), segments.len());
        sums.values_mut().fill(f64::NAN);
        sums
    });
    assert_eq!(
        infer(&ensemble().members(4), &impossible, 1)
            .unwrap_err()
            .to_string(),
        "none of 4 members ever had a finite log-density: try a smaller rate, smaller prior scales or standardised data"
    );
}

/// A network whose scales stand in the priors of its weights alone.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
struct Scaled {
    #[prior(Normal(0.0, first / fan_in.sqrt()))]
    hidden: Linear<1, 20>,
    activation: Relu,
    #[prior(Normal(0.0, second / fan_in.sqrt()))]
    output: Linear<20, 1>,
    #[prior(HalfNormal(1.0))]
    first: Scale,
    #[prior(HalfNormal(50.0))]
    second: Scale,
    #[prior(HalfNormal(1.0))]
    noise: Scale,
}

/// The joint density of a scale and the weights under it has no maximum: both would go to zero.
#[test]
fn a_scale_that_has_no_mode_stays_where_it_begins_and_the_network_fits_whatever_its_prior() {
    let data = table(60, 1, 3, |_, x| x[0].abs() * 2.0 - 1.0);
    let run = Run::new(Scaled::default(), &data).with(ensemble().members(4));
    let members = run.seed(1).run().unwrap();
    let at = |i: usize| (*members.draw(i).first, *members.draw(i).second);
    // The third quartiles are 1.15 and 57.5, from 255 draws.
    assert!((0..4).all(|i| at(i) == at(0)), "{:?}", at(1));
    assert!(
        (0.9..1.4).contains(&at(0).0) && (45.0..75.0).contains(&at(0).1),
        "{:?}",
        at(0)
    );
    let noise = *members.draw(0).noise;
    assert!(noise < 0.1, "what the likelihood names is learned: {noise}");
    let rmse = members.predict(&data).unwrap().summary().rmse.unwrap();
    assert!(rmse < 0.1, "{rmse}");
    let told = members.report().cautions.join("\n");
    assert!(told.contains("`first` at 1."), "{told}");
    assert!(told.contains("`second` at "), "{told}");
}
