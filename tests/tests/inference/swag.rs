//! Laws of weights that an optimiser comes through.

use laws::{infer, normals, table};
use smc_runtime::engine::{Engine, bind};
use smc_runtime::family::Trail;
use smc_runtime::infer::Form;
use smc_runtime::prelude::*;
use smc_runtime::problem::population::Population;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
struct Plane {
    #[prior(Normal(0.0, 2.0))]
    output: Linear<3, 1>,
}

/// Half of the variances, and half of what the last distances say.
#[test]
fn a_trail_has_the_moments_of_its_vectors() {
    let vectors: Vec<Vec<f32>> = (0..9).map(|i| normals(4, i)).collect();
    let mut trail = Trail::default();
    let mut means = vec![vec![0.0f64; 4]];
    for (n, x) in vectors.iter().enumerate() {
        trail.look(&Population::from_values(4, x.clone()).unwrap(), 3);
        let sum = means[n].iter().map(|m| m * n as f64).zip(x);
        let mean = sum.map(|(s, x)| (s + f64::from(*x)) / (n + 1) as f64);
        means.push(mean.collect());
    }
    let moments = trail.density(&Population::zeros(1, 4)).unwrap().moments();
    for c in 0..4 {
        let mean = means[9][c];
        assert!((moments.mean[c] - mean).abs() < 1e-6);
        let all = vectors.iter().map(|x| (f64::from(x[c]) - mean).powi(2));
        let own = 0.5 * all.sum::<f64>() / 8.0;
        let far = (6..9).map(|i| (f64::from(vectors[i][c]) - means[i + 1][c]).powi(2));
        let exact = own + 0.5 * far.sum::<f64>() / 2.0;
        assert!(
            (moments.variance[c] / exact - 1.0).abs() < 1e-4,
            "{} {exact}",
            moments.variance[c]
        );
    }
}

/// The mean is the mode to a small part of its width, and the density is wider where the rate is larger.
#[test]
fn the_mean_is_near_the_mode_and_the_width_follows_the_rate() {
    let data = table(200, 3, 4, |i, x| {
        0.4 * x[0] - 0.2 * x[1] + 0.2 * ((i % 7) as f32 - 3.0)
    });
    let bound = bind(Plane::default(), &data, Engine::fused(), 1).unwrap();
    let mode = infer(&map().validation(0.0), &*bound.problem, 1).unwrap();
    let of = |share: f64| {
        let fit = swag().passes(200).rank(4).constant(share);
        let draws = infer(&fit, &*bound.problem, 1).unwrap();
        let Form::Density(density) = draws.form() else {
            panic!()
        };
        density.moments()
    };
    let (narrow, wide) = (of(0.1), of(1.0));
    for c in 0..4 {
        let far = narrow.mean[c] - f64::from(mode.positions().row(0)[c]);
        assert!(far.abs() < 0.02, "{c}: {far}");
        assert!(wide.variance[c] > 4.0 * narrow.variance[c]);
    }
}

#[test]
fn what_is_no_setting_is_refused() {
    let data = table(40, 3, 4, |_, x| x[0]);
    let bound = bind(Plane::default(), &data, Engine::fused(), 1).unwrap();
    let refused = |fit: smc_runtime::infer::Swag| {
        let found = infer(&fit, &*bound.problem, 1);
        found.err().map(|e| e.to_string()).unwrap_or_default()
    };
    assert!(refused(swag().constant(0.0)).contains("constant"));
    assert!(refused(swag().rate(f64::NAN)).contains("rate"));
    assert!(refused(swag().rank(1)).contains("between 2 and 100"));
}
