//! Each density integrates to one, and its sampler, its distribution function, its gradient and its fast path agree.

use laws::laws::{predictive_is_consistent, prior_integrates_to_one};
use laws::models::Noise;
use laws::{near, normals, table};
use smc_runtime::algebra::Num;
use smc_runtime::dist::Predictive;
use smc_runtime::engine::{Engine, bind};
use smc_runtime::prelude::*;
use smc_runtime::rng::{Purpose, Stream, Streams};
use smc_runtime::transform::Support;

fn density<P: Prior>(prior: &P, x: f64) -> f64 {
    prior.log_density(Num::from(x)).value().exp()
}

/// The integral of `f` over (a, b) by Simpson's rule.
fn integral(f: impl Fn(f64) -> f64, a: f64, b: f64) -> f64 {
    let n = 20_000;
    let h = (b - a) / f64::from(n);
    let inner: f64 = (1..n)
        .map(|k| f(a + h * f64::from(k)) * if k % 2 == 0 { 2.0 } else { 4.0 })
        .sum();
    (f(a) + inner + f(b)) * h / 3.0
}

/// In constrained and unconstrained coordinates: integrates to one, its moments and quantiles are the sampler's.
fn prior_is_consistent<P: Prior>(prior: &P, reach: f64) {
    let low = if P::SUPPORT == Support::Positive {
        0.0
    } else {
        -reach
    };
    let total = integral(|x| density(prior, x), low, reach);
    assert!(
        (total - 1.0).abs() < 1e-9,
        "{prior:?} integrates to {total}"
    );

    let unconstrained = |u: f64| {
        let x = P::SUPPORT.constrain(u);
        density(prior, x) * P::SUPPORT.log_jacobian(u).exp()
    };
    let (low_u, high_u) = if P::SUPPORT == Support::Positive {
        (-40.0, reach.ln())
    } else {
        (-reach, reach)
    };
    let total = integral(unconstrained, low_u, high_u);
    assert!(
        (total - 1.0).abs() < 1e-9,
        "{prior:?} integrates to {total} in unconstrained coordinates"
    );

    let mut stream = Streams::new(51).stream(Purpose::Simulate, 0, 0, 0);
    let draws: Vec<f64> = (0..20_000).map(|_| prior.sample(&mut stream)).collect();
    for power in [1, 2] {
        let moments: Vec<f64> = draws.iter().map(|x| x.powi(power)).collect();
        let exact = integral(|x| x.powi(power) * density(prior, x), low, reach);
        near(
            &format!("moment {power} of {prior:?}"),
            &moments,
            exact,
            4.0,
        )
        .unwrap();
    }
    for x in [0.1, 0.4, 1.1] {
        let below: Vec<f64> = draws.iter().map(|&d| f64::from(u8::from(d < x))).collect();
        let exact = integral(|x| density(prior, x), low, x);
        near(&format!("P(x < {x}) of {prior:?}"), &below, exact, 4.0).unwrap();
    }
}

#[test]
fn priors_integrate_to_one_and_agree_with_their_samplers() {
    prior_is_consistent(&Normal(Num::from(0.3), Num::from(0.7)), 12.0);
    prior_is_consistent(&Normal(Num::from(-1.0), Num::from(1.6)), 24.0);
    prior_is_consistent(&HalfNormal(Num::from(0.7)), 10.0);
}

#[test]
fn a_positive_parameter_integrates_to_one_in_the_coordinates_that_samplers_see() {
    let data = table(3, 1, 6, |_, row| row[0]);
    let bound = bind(Noise { scale: 0.8 }, &data, Engine::autodiff(), 1).unwrap();
    prior_integrates_to_one(&*bound.problem).unwrap();
}

/// The same density without its fast path.
#[derive(Clone, Debug)]
struct Slow<P>(P);

impl<P: Prior> Prior for Slow<P> {
    const SUPPORT: Support = P::SUPPORT;
    fn log_density(&self, x: Num) -> Num {
        self.0.log_density(x)
    }
    fn sample(&self, stream: &mut Stream) -> f64 {
        self.0.sample(stream)
    }
}

fn fast_path_agrees<P: Prior>(prior: &P) {
    for n in [0, 1, 7, 8, 9, 100] {
        let x: Vec<f32> = normals(n, 52)
            .iter()
            .map(|x| {
                if P::SUPPORT == Support::Positive {
                    x.abs()
                } else {
                    *x
                }
            })
            .collect();
        let (mut fast_gradient, mut slow_gradient) = (vec![0.5; n], vec![0.5; n]);
        let fast = prior.log_density_of(&x, Some(&mut fast_gradient));
        let slow = Slow(prior.clone()).log_density_of(&x, Some(&mut slow_gradient));
        let close = |a: f64, b: f64, tolerance: f64| (a - b).abs() <= tolerance * (1.0 + b.abs());
        assert!(
            close(fast.value(), slow.value(), 1e-12),
            "{prior:?}: {fast:?} against {slow:?}"
        );
        for lane in 1..3 {
            assert!(
                close(fast.partial(lane), slow.partial(lane), 1e-12),
                "{prior:?}: {fast:?} against {slow:?}"
            );
        }
        for (f, s) in fast_gradient.iter().zip(&slow_gradient) {
            assert!(
                close(f64::from(*f), f64::from(*s), 1e-6),
                "{prior:?}: {f} against {s}"
            );
        }
        assert_eq!(
            prior.log_density_of(&x, None).value().to_bits(),
            fast.value().to_bits()
        );
    }
}

#[test]
fn the_fast_path_over_a_block_agrees_with_the_loop() {
    fast_path_agrees(&Normal(Num::variable(0.3, 1), Num::variable(0.7, 2)));
    fast_path_agrees(&Normal(
        Num::variable(-1.0, 2) * 2.0,
        Num::variable(0.4, 1).exp(),
    ));
    fast_path_agrees(&HalfNormal(Num::variable(0.7, 1)));
}

#[test]
fn likelihoods_integrate_to_one_and_agree_with_their_samplers() {
    let normal = Normal::default().mean(Term::Field(0)).sd(1.0);
    for arguments in [[0.0, 1.0], [-3.0, 0.2], [100.0, 7.0]] {
        predictive_is_consistent(&normal, &arguments).unwrap();
    }
    let categorical = Categorical::default().logits(Term::Field(0));
    for logits in [&[0.3, -1.0, 2.0][..], &[1000.0, 1001.0], &[0.0; 10]] {
        predictive_is_consistent(&categorical, logits).unwrap();
    }
    let mean = categorical.mean(&[0.1, 0.7, -2.0]);
    assert!((mean - 1.0).abs() < 1e-12, "the likeliest class is {mean}");
}
