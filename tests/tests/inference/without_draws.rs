//! Laws of predictions without draws: slopes are those of differences, covariances of outputs those of the density, one layer is exact,
//! a likelihood is integrated as a quadrature does it, copies of a network say the same, and what cannot be done is named.

use laws::{infer, normals, table};
use smc_runtime::base::rng::Streams;
use smc_runtime::engine::{Bound, Engine, bind};
use smc_runtime::family::{DiagonalNormal, FullNormal, LowRankNormal, Mixture, around};
use smc_runtime::infer::{Curvature, Form};
use smc_runtime::posterior::predict::{
    Said, WithoutDraws, last_layer, linearised, noise_propagation,
};
use smc_runtime::prelude::*;
use smc_runtime::problem::density::Density;
use smc_runtime::problem::population::Population;
use smc_runtime::problem::{Problem, Slopes};
use std::sync::Arc;

/// Two hidden layers and two outputs.
#[bayes_model]
#[likelihood(Normal(mean = output[0], sd = output[1].softplus()))]
struct Deep {
    #[prior(Normal(0.0, 1.0))]
    first: Linear<2, 4>,
    bend: Tanh,
    #[prior(Normal(0.0, 1.0))]
    second: LinearNoBias<4, 3>,
    knee: Softplus,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<3, 2>,
}

fn deep() -> (Dataset, Bound<Deep>) {
    let data = table(40, 2, 3, |_, x| x[0] - 0.5 * x[1]);
    let bound = bind(Deep::default(), &data, Engine::fused(), 1).unwrap();
    (data, bound)
}

fn said(way: &dyn WithoutDraws, density: &dyn Density, bound: &dyn Problem, x: &Features) -> Said {
    way.said(density, bound.model(), x).unwrap()
}

/// Mean and variance over sets of one argument of a row.
fn moments(said: &Said, row: usize, slot: usize) -> (f64, f64) {
    let of = |k: usize| said.arguments.at(k, row)[slot];
    let each = || said.log_weights.iter().enumerate();
    let total: f64 = each().map(|(_, w)| w.exp()).sum();
    assert!((total - 1.0).abs() < 1e-9, "{total}");
    let mean: f64 = each().map(|(k, w)| w.exp() * of(k)).sum();
    let square: f64 = each().map(|(k, w)| w.exp() * (of(k) - mean).powi(2)).sum();
    (mean, square)
}

#[test]
fn slopes_are_those_of_differences() {
    let (data, bound) = deep();
    let model = bound.problem.model();
    let seen = model.transparent().unwrap();
    let dim = bound.problem.dim();
    let theta = normals(dim, 5);
    let mut slopes = Slopes::new(seen.layers());
    let outputs = seen.look(&theta, data.inputs(), true, &mut slopes);
    assert_eq!((slopes.rows, slopes.outputs), (40, 2));
    let at =
        |theta: &[f32]| seen.look(theta, data.inputs(), false, &mut Slopes::new(seen.layers()));
    assert_eq!(at(&theta), outputs);
    for k in 0..dim {
        let moved = |by: f32| {
            let mut theta = theta.clone();
            theta[k] += by;
            at(&theta)
        };
        let (up, down) = (moved(1e-2), moved(-1e-2));
        for (place, (up, down)) in up.iter().zip(down).enumerate() {
            let found = slopes.at(place / 2, place % 2, dim)[k];
            let exact = (up - down) / 2e-2;
            assert!(
                (found - exact).abs() < 2e-3 * exact.abs().max(1.0),
                "{k}, {place}: {found} {exact}"
            );
        }
    }
    // What the likelihood reads of them is what it reads of the network.
    let thetas = Population::from_values(dim, theta.clone()).unwrap();
    let usual = model.arguments(&thetas, data.inputs()).unwrap();
    assert_eq!(seen.read(&theta, data.inputs(), &outputs), usual);
}

/// Normal densities of the parameters of a problem.
fn densities(problem: &dyn Problem) -> Vec<Arc<dyn Density>> {
    let dim = problem.dim();
    let (mean, other) = (normals(dim, 7), normals(dim * 3, 8));
    let sd: Vec<f32> = (0..dim).map(|i| 0.05 + 0.01 * (i % 7) as f32).collect();
    let mut covariance: Vec<f64> = vec![0.0; dim * dim];
    for (at, c) in covariance.iter_mut().enumerate() {
        let (i, j) = (at / dim, at % dim);
        *c = 0.01 * f64::from(other[i] * other[j]) + if i == j { 0.02 } else { 0.0 };
    }
    let small: Vec<f32> = other.iter().map(|x| 0.1 * x).collect();
    let laplace = infer(&laplace(), problem, 1).unwrap();
    let Form::Density(kronecker) = laplace.form() else {
        panic!("{laplace:?}")
    };
    vec![
        Arc::new(DiagonalNormal::new(mean.clone(), sd.clone()).unwrap()),
        Arc::new(FullNormal::new(mean.clone(), &covariance).unwrap()),
        Arc::new(LowRankNormal::new(mean, sd, small, 3).unwrap()),
        kronecker.clone(),
    ]
}

/// x with A x = b, by elimination with pivots.
fn solved(a: &[f64], b: &[f64]) -> Vec<f64> {
    let n = b.len();
    let (mut a, mut x) = (a.to_vec(), b.to_vec());
    for k in 0..n {
        let pivot = (k..n)
            .max_by(|i, j| a[i * n + k].abs().total_cmp(&a[j * n + k].abs()))
            .unwrap();
        for c in 0..n {
            a.swap(k * n + c, pivot * n + c);
        }
        x.swap(k, pivot);
        for i in k + 1..n {
            let factor = a[i * n + k] / a[k * n + k];
            for c in k..n {
                a[i * n + c] -= factor * a[k * n + c];
            }
            x[i] -= factor * x[k];
        }
    }
    for k in (0..n).rev() {
        let known: f64 = (k + 1..n).map(|c| a[k * n + c] * x[c]).sum();
        x[k] = (x[k] - known) / a[k * n + k];
    }
    x
}

/// Of every family: J Σ Jᵀ, Σ⁻¹ being what the gradient of the log-density falls by.
#[test]
fn covariances_of_outputs_are_those_of_the_density() {
    let (data, bound) = deep();
    let problem = &*bound.problem;
    let (seen, dim) = (problem.model().transparent().unwrap(), problem.dim());
    for density in densities(problem) {
        let normal = density.normal().unwrap();
        let mean = normal.mean();
        let mut slopes = Slopes::new(seen.layers());
        seen.look(&mean, data.inputs(), true, &mut slopes);
        let mut covariance = vec![0.0; slopes.rows * 4];
        normal.spread(&slopes, &mut covariance);
        let mut thetas = Population::zeros(dim, dim);
        for i in 0..dim {
            let theta = thetas.on_host().row_mut(i);
            theta.copy_from_slice(&mean);
            theta[i] += 1.0;
        }
        let mut gradient = thetas.zeros_like();
        density.log_density(&thetas, Some(&mut gradient));
        let mut precision = vec![0.0; dim * dim];
        for i in 0..dim {
            let moved = f64::from(thetas.row(i)[i] - mean[i]);
            for (p, g) in precision[i * dim..].iter_mut().zip(gradient.row(i)) {
                *p = -f64::from(*g) / moved;
            }
        }
        for row in [0, 17, 39] {
            let of = |c| {
                slopes
                    .at(row, c, dim)
                    .iter()
                    .map(|x| f64::from(*x))
                    .collect()
            };
            let own: [Vec<f64>; 2] = [of(0), of(1)];
            for at in 0..4 {
                let along = solved(&precision, &own[at / 2]);
                let exact: f64 = along.iter().zip(&own[at % 2]).map(|(a, j)| a * j).sum();
                let found = covariance[row * 4 + at];
                let scale = covariance[row * 4].max(covariance[row * 4 + 3]);
                assert!(
                    (found - exact).abs() < 2e-3 * scale,
                    "{density:?}: {found} {exact}"
                );
            }
        }
    }
}

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
struct Plane {
    #[prior(weight = Normal(0.0, 2.0), bias = Normal(0.3, 0.1))]
    output: Linear<3, 1>,
}

/// The posterior of one layer is normal, its outputs are linear in it: every way says what the formula says.
#[test]
fn one_layer_is_exact() {
    let data = table(60, 3, 4, |i, x| {
        0.4 * x[0] - 0.2 * x[1] + 0.1 * ((i % 7) as f32)
    });
    let bound = bind(Plane::default(), &data, Engine::fused(), 1).unwrap();
    let columns = |i: usize| {
        let mut x: Vec<f64> = data.row(i).iter().map(|x| f64::from(*x)).collect();
        x.push(1.0);
        x
    };
    let mut precision = vec![0.0; 16];
    let mut b = [0.0, 0.0, 0.0, 0.3 / 0.01];
    for k in 0..4 {
        precision[k * 5] = [0.25, 0.25, 0.25, 100.0][k];
    }
    for i in 0..data.rows() {
        let x = columns(i);
        for at in 0..16 {
            precision[at] += 4.0 * x[at / 4] * x[at % 4];
        }
        for (b, x) in b.iter_mut().zip(&x) {
            *b += 4.0 * x * f64::from(data.targets()[i]);
        }
    }
    let mean = solved(&precision, &b);
    for curvature in [Curvature::Kronecker, Curvature::Full] {
        let fit = Plane::infer(&data);
        let fit = fit
            .with(laplace().curvature(curvature))
            .seed(1)
            .run()
            .unwrap();
        let ways: [&dyn WithoutDraws; 3] = [&linearised(), &last_layer(), &noise_propagation()];
        let kept = if curvature == Curvature::Full { 2 } else { 3 };
        for way in &ways[..kept] {
            let found = fit.predict_with(data.inputs(), *way).unwrap();
            for row in [0, 31, 59] {
                let x = columns(row);
                let along = solved(&precision, &x);
                let variance: f64 = along.iter().zip(&x).map(|(a, x)| a * x).sum();
                let at: f64 = mean.iter().zip(&x).map(|(m, x)| m * x).sum();
                let sd = (variance + 0.25).sqrt();
                assert!((found.mean()[row] - at).abs() < 2e-3, "{curvature:?}");
                let spread = found.epistemic_sd().unwrap()[row];
                assert!(
                    (spread / variance.sqrt() - 1.0).abs() < 2e-3,
                    "{spread} {variance}"
                );
                assert!((found.sd()[row] / sd - 1.0).abs() < 1e-3);
            }
        }
    }
    drop(bound);
}

#[bayes_model]
#[likelihood(Bernoulli(logit = output))]
struct Logistic {
    #[prior(Normal(0.0, 2.0))]
    output: Linear<2, 1>,
}

/// E σ(f) over a normal f, by the rule of trapezes on a fine grid.
fn sigmoid_of(mean: f64, sd: f64) -> f64 {
    let step = 1e-3;
    let at = |x: f64| (-0.5 * x * x).exp() / (1.0 + (-(mean + sd * x)).exp());
    let sum: f64 = (-10_000..=10_000).map(|i| at(f64::from(i) * step)).sum();
    sum * step / std::f64::consts::TAU.sqrt()
}

#[test]
fn probabilities_are_those_of_a_quadrature() {
    let data = table(50, 2, 6, |_, x| {
        f32::from(u8::from(x[0] + 0.3 * x[1] > 0.2))
    });
    let fit = Logistic::infer(&data)
        .with(laplace())
        .seed(1)
        .run()
        .unwrap();
    let Form::Density(density) = fit.form() else {
        panic!()
    };
    let seen = fit.predictor().transparent().unwrap();
    let normal = density.normal().unwrap();
    let mut slopes = Slopes::new(seen.layers());
    let outputs = seen.look(&normal.mean(), data.inputs(), true, &mut slopes);
    let mut variance = vec![0.0; slopes.rows];
    normal.spread(&slopes, &mut variance);
    let found = fit.predict_with(data.inputs(), &linearised()).unwrap();
    let probit = fit
        .predict_with(data.inputs(), &linearised().probit())
        .unwrap();
    let drawn = fit
        .predict_with(data.inputs(), &linearised().draws(4000))
        .unwrap();
    let one =
        |p: &smc_runtime::posterior::predict::Prediction<'_>, row| p.probabilities(row).unwrap()[1];
    for row in 0..50 {
        let exact = sigmoid_of(f64::from(outputs[row]), variance[row].sqrt());
        assert!(
            (one(&found, row) - exact).abs() < 1e-5,
            "{} {exact}",
            one(&found, row)
        );
        assert!((one(&probit, row) - exact).abs() < 0.02);
        assert!((one(&drawn, row) - exact).abs() < 0.02);
    }
    assert!(variance.iter().any(|v| *v > 0.5), "{variance:?}");
}

/// A network with its neurons in another order and signs has the same curvature, turned, and says the same.
#[test]
fn copies_of_a_network_say_the_same() {
    let (data, bound) = deep();
    let problem = &*bound.problem;
    let mode = infer(&map().validation(0.0), problem, 1).unwrap();
    let mode = mode.positions().clone();
    let mut copy = mode.clone();
    let seen = problem.model().transparent().unwrap();
    let layers = seen.layers();
    let (first, second) = (&layers[0], &layers[1]);
    let place = |k: usize| [2, 0, 3, 1][k];
    let own = mode.row(0).to_vec();
    let theta = copy.on_host().row_mut(0);
    for k in 0..4 {
        let sign = if k % 2 == 0 { -1.0 } else { 1.0 };
        for i in 0..2 {
            theta[first.weight.start + k * 2 + i] =
                sign * own[first.weight.start + place(k) * 2 + i];
        }
        let bias = first.bias.as_ref().unwrap().start;
        theta[bias + k] = sign * own[bias + place(k)];
        for o in 0..3 {
            theta[second.weight.start + o * 4 + k] =
                sign * own[second.weight.start + o * 4 + place(k)];
        }
    }
    let of = |mode: &Population| {
        let density = around(problem, mode, 1.0, 1.0).unwrap();
        said(&linearised().draws(2000), &*density, problem, data.inputs())
    };
    let (one, other) = (of(&mode), of(&copy));
    for row in 0..40 {
        for slot in 0..2 {
            let ((m, v), (n, w)) = (moments(&one, row, slot), moments(&other, row, slot));
            assert!(
                (m - n).abs() < 2e-2 * v.sqrt().max(0.01) && (v / w - 1.0).abs() < 0.02,
                "{m} {n} {v} {w}"
            );
        }
    }
}

/// With one hidden layer and independent weights nothing is left out: mean and variance are those of many draws.
#[test]
fn moments_through_a_hidden_layer_are_those_of_draws() {
    #[bayes_model]
    #[likelihood(Normal(mean = output, sd = 0.1))]
    struct Net {
        #[prior(Normal(0.0, 1.0))]
        hidden: Linear<2, 6>,
        bend: Relu,
        #[prior(Normal(0.0, 1.0))]
        output: Linear<6, 1>,
    }
    let data = table(8, 2, 3, |_, x| x[0]);
    let bound = bind(Net::default(), &data, Engine::fused(), 1).unwrap();
    let (problem, dim) = (&*bound.problem, bound.problem.dim());
    let sd: Vec<f32> = (0..dim).map(|i| 0.2 + 0.05 * (i % 5) as f32).collect();
    let density = DiagonalNormal::new(normals(dim, 2), sd).unwrap();
    let found = said(&noise_propagation(), &density, problem, data.inputs());
    let mut thetas = Population::zeros(40_000, dim);
    density.sample(Streams::new(4), 0, &mut thetas);
    let drawn = Said {
        arguments: problem.model().arguments(&thetas, data.inputs()).unwrap(),
        log_weights: vec![-(40_000f64).ln(); 40_000],
    };
    // The last layer's share without draws, the hidden one's with 500.
    let halfway = said(&last_layer().draws(500), &density, problem, data.inputs());
    for row in 0..8 {
        let (mean, variance) = moments(&drawn, row, 0);
        let (m, v) = moments(&found, row, 0);
        assert!((m - mean).abs() < 0.02 * variance.sqrt(), "{m} {mean}");
        assert!((v / variance - 1.0).abs() < 0.03, "{v} {variance}");
        let (m, v) = moments(&halfway, row, 0);
        assert!((m - mean).abs() < 0.15 * variance.sqrt() && (v / variance - 1.0).abs() < 0.2);
    }
}

#[test]
fn a_mixture_is_predicted_by_its_parts() {
    let (data, bound) = deep();
    let problem = &*bound.problem;
    let parts: Vec<Arc<dyn Density>> = densities(problem).into_iter().take(2).collect();
    let way = linearised().draws(10);
    let [one, two] = [0, 1].map(|k: usize| said(&way, &*parts[k], problem, data.inputs()));
    let both = Mixture::new(parts, &[0.25, 0.75]).unwrap();
    let both = said(&way, &both, problem, data.inputs());
    assert_eq!(
        both.arguments.values,
        [one.arguments.values, two.arguments.values].concat()
    );
    assert!((both.log_weights[0] - 0.025f64.ln()).abs() < 1e-6);
    assert!((both.log_weights[19] - 0.075f64.ln()).abs() < 1e-6);
}

#[test]
fn what_cannot_be_done_is_named() {
    let (data, bound) = deep();
    let problem = &*bound.problem;
    let refused = |way: &dyn WithoutDraws, density: &dyn Density| {
        let found = way.said(density, problem.model(), data.inputs());
        found.err().map(|e| e.to_string()).unwrap_or_default()
    };
    let all = densities(problem);
    let full = &*all[1];
    let full_refused = refused(&noise_propagation(), full);
    assert!(
        full_refused.contains("layers depend on each other"),
        "{full_refused}"
    );
    assert!(refused(&last_layer(), full).contains("layers depend on each other"));
    assert!(refused(&linearised().probit(), full).contains("classes are needed"));
    assert!(refused(&linearised().draws(1), full).contains("at least 2"));
    let prior = problem.prior();
    assert!(refused(&linearised(), prior).contains("no normal density"));
    let map = Deep::infer(&data).with(map()).seed(1).run().unwrap();
    let said = map
        .predict_with(&data, &linearised())
        .err()
        .unwrap()
        .to_string();
    assert!(said.contains("`map` leaves no density"), "{said}");
    // The engine that has no walk at rows of its own says so.
    let bound = bind(Deep::default(), &data, Engine::autodiff(), 1).unwrap();
    let found = linearised().said(full, bound.problem.model(), data.inputs());
    let found = found.err().unwrap().to_string();
    assert!(found.contains("autodiff"), "{found}");
}
