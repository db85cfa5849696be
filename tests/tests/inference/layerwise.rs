//! Laws of layerwise inference: a single layer has its conjugate posterior, factors are those of brute force and do not depend on how rows
//! are cut, a cold covariance does not eat the noise, and what cannot be done is named.

use laws::{infer, normals, table};
use smc_runtime::base::rng::Streams;
use smc_runtime::engine::{Engine, bind};
use smc_runtime::family::{Factors, around};
use smc_runtime::infer::{Curvature, DrawnFrom, Draws, Fitted, Form};
use smc_runtime::prelude::*;
use smc_runtime::problem::population::Population;
use smc_runtime::problem::rows::RowSet;
use smc_runtime::problem::{Problem, Segment};
use smc_runtime::testing::Regression;

fn fitted(draws: &Draws) -> Fitted {
    match draws.drawn_from() {
        DrawnFrom::Fitted(fitted) => fitted,
        other => panic!("{other:?}"),
    }
}

/// Weights and bias have priors of their own.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
struct Plane {
    #[prior(weight = Normal(0.0, 2.0), bias = Normal(0.3, 0.1))]
    output: Linear<3, 1>,
}

/// log N(y; bias's mean, 4 X Xᵀ + 0.01 1 1ᵀ + 0.25 I), by Cholesky's decomposition.
fn evidence(data: &Dataset) -> f64 {
    let (n, x) = (data.rows(), data.features());
    let at = |i: usize, c: usize| f64::from(x[i * 3 + c]);
    let mut a = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..n {
            let dot: f64 = (0..3).map(|c| at(i, c) * at(j, c)).sum();
            a[i * n + j] = 4.0 * dot + 0.01 + if i == j { 0.25 } else { 0.0 };
        }
    }
    let mut z: Vec<f64> = data.targets().iter().map(|y| f64::from(*y) - 0.3).collect();
    let mut log = -0.5 * n as f64 * std::f64::consts::TAU.ln();
    for i in 0..n {
        for j in 0..i {
            let known: f64 = (0..j).map(|k| a[i * n + k] * a[j * n + k]).sum();
            a[i * n + j] = (a[i * n + j] - known) / a[j * n + j];
        }
        let known: f64 = (0..i).map(|k| a[i * n + k].powi(2)).sum();
        a[i * n + i] = (a[i * n + i] - known).sqrt();
        let known: f64 = (0..i).map(|k| a[i * n + k] * z[k]).sum();
        z[i] = (z[i] - known) / a[i * n + i];
        log -= a[i * n + i].ln() + 0.5 * z[i] * z[i];
    }
    log
}

fn plane(rows: usize) -> Dataset {
    table(rows, 3, 4, |i, x| {
        0.4 * x[0] - 0.2 * x[1] + 0.3 * ((i % 7) as f32 - 3.0)
    })
}

/// The bound is the evidence, and log p/q the same at all draws: mean and covariance are those of the posterior.
#[test]
fn a_linear_layer_gets_its_conjugate_posterior() {
    let data = plane(80);
    let bound = bind(Plane::default(), &data, Engine::fused(), 1).unwrap();
    let exactly = bali().temperature(1.0).trust(f64::INFINITY);
    let draws = infer(&exactly.batch(80).passes(6000), &*bound.problem, 1).unwrap();
    let found = fitted(&draws);
    let spread = found.elbo_error * (found.draws as f64).sqrt();
    let exact = evidence(&data);
    assert!(
        (found.elbo - exact).abs() < 1e-3 && spread < 0.03,
        "{found:?} {exact}"
    );
    // Mini-batches find it, too, as the rate falls.
    let draws = infer(&exactly.batch(20).passes(1500), &*bound.problem, 1).unwrap();
    let some = fitted(&draws);
    assert!((some.elbo - exact).abs() < 5e-3, "{some:?} {exact}");
    // A covariance that is cold is not the posterior's.
    let draws = infer(&bali().batch(80).passes(30), &*bound.problem, 1).unwrap();
    assert!(fitted(&draws).elbo < exact - 1.0);
}

/// A normal posterior is what Laplace's approximation says, and its evidence is the evidence.
#[test]
fn laplace_is_exact_where_the_posterior_is_normal() {
    let data = plane(80);
    let bound = bind(Plane::default(), &data, Engine::fused(), 1).unwrap();
    let exact = evidence(&data);
    let of =
        |curvature| fitted(&infer(&laplace().curvature(curvature), &*bound.problem, 1).unwrap());
    for curvature in [Curvature::Kronecker, Curvature::Full] {
        let found = of(curvature);
        let evidence = found.laplace.unwrap();
        assert!(
            (evidence - exact).abs() < 2e-3 && (found.elbo - exact).abs() < 5e-3,
            "{curvature:?}: {found:?} {exact}"
        );
    }
    // Squares of single rows are the information in expectation alone, and say nothing of correlations.
    let apart = of(Curvature::Diagonal);
    assert!(apart.elbo < exact - 0.01, "{apart:?} {exact}");
    assert!(
        (apart.laplace.unwrap() - exact).abs() < 3.0,
        "{apart:?} {exact}"
    );
    // At another temperature it is none.
    let cold = infer(&laplace().temperature(0.5), &*bound.problem, 1).unwrap();
    assert_eq!(fitted(&cold).laplace, None);
}

/// Weights with a prior of standard deviation 10, a hundred times wider than they are.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
struct Vague {
    #[prior(Normal(0.0, 10.0))]
    output: LinearNoBias<3, 1>,
}

/// A prior that is far too wide is learned to be as wide as its weights are, and the evidence said is that with the prior as learned.
#[test]
fn a_learned_prior_is_where_the_evidence_is_largest() {
    let data = plane(400);
    let bound = bind(Vague::default(), &data, Engine::fused(), 1).unwrap();
    let exact = |c: f64| {
        let regression = Regression::new(data.clone(), 0.5, 10.0 / c.sqrt());
        regression.posterior().log_evidence
    };
    let grid = (0..4000).map(|k| 10f64.powf(f64::from(k) / 1000.0));
    let best = grid.max_by(|a, b| exact(*a).total_cmp(&exact(*b))).unwrap();
    assert!(best > 100.0, "{best}");
    for (curvature, off, by) in [
        (Curvature::Kronecker, 0.03, 0.02),
        (Curvature::Diagonal, 0.05, 1.0),
    ] {
        let search = map().validation(0.0).batch(400).epochs(2000);
        let declared = laplace().around(search).curvature(curvature);
        let learned = declared.clone().learned_prior();
        let mut run = learned
            .begin(bound.problem.clone(), Streams::new(1))
            .unwrap();
        while run.step().unwrap().is_some() {}
        let said = run.chosen().pop().unwrap();
        let words = "the prior's precision of `output` times ";
        let c = said
            .strip_prefix(words)
            .and_then(|rest| rest.split(',').next());
        let c: f64 = c.unwrap_or_else(|| panic!("{said}")).parse().unwrap();
        assert!(
            (c / best - 1.0).abs() < off,
            "{curvature:?}: {c}, exactly {best}"
        );
        let found = fitted(&run.finish().unwrap().draws).laplace.unwrap();
        assert!(
            (found - exact(c)).abs() < by,
            "{found}, exactly {}",
            exact(c)
        );
        let before = fitted(&infer(&declared, &*bound.problem, 1).unwrap());
        assert!(found > before.laplace.unwrap() + 3.0);
    }
    let full = laplace().curvature(Curvature::Full).learned_prior();
    let said = infer(&full, &*bound.problem, 1).err().unwrap().to_string();
    assert!(said.contains("Kronecker or diagonal"), "{said}");
}

/// The density does not know in which order hidden units stand: those of a network with two of them exchanged are exchanged.
#[test]
fn the_full_approximation_follows_the_symmetries_of_the_network() {
    let data = plane(60);
    let bound = bind(Small::default(), &data, Engine::fused(), 1).unwrap();
    let problem = &*bound.problem;
    let layout = problem.layout().blocks();
    let of = |name: &str| {
        layout
            .iter()
            .find(|b| b.name == name)
            .unwrap()
            .range
            .clone()
    };
    let (weight, bias, out) = (of("hidden.weight"), of("hidden.bias"), of("output.weight"));
    let exchanged = |theta: &[f32]| {
        let mut to = theta.to_vec();
        for i in 0..3 {
            to.swap(weight.start + i, weight.start + 3 + i);
        }
        to.swap(bias.start, bias.start + 1);
        to.swap(out.start, out.start + 1);
        to
    };
    let theta = normals(problem.dim(), 5);
    let moved = exchanged(&theta);
    let one = |theta: &[f32]| Population::from_values(theta.len(), theta.to_vec()).unwrap();
    let density = |at: &[f32]| around(problem, &one(at), 0.5, 1.0).unwrap();
    let (here, there) = (density(&theta), density(&moved));
    for seed in 0..4 {
        let x: Vec<f32> = theta
            .iter()
            .zip(normals(theta.len(), seed))
            .map(|(t, e)| t + 0.1 * e)
            .collect();
        let a = here.log_density(&one(&x), None)[0];
        let b = there.log_density(&one(&exchanged(&x)), None)[0];
        assert!((a - b).abs() < 1e-2 * (1.0 + a.abs()), "{a} {b}");
        let wrong = there.log_density(&one(&x), None)[0];
        assert!((a - wrong).abs() > 1.0, "{a} {wrong}");
    }
}

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
struct Small {
    #[prior(Normal(0.0, 1.0))]
    hidden: Linear<3, 2>,
    activation: Tanh,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<2, 1>,
}

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
struct Linears {
    #[prior(Normal(0.0, 1.0))]
    hidden: Linear<3, 2>,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<2, 1>,
}

#[test]
fn factors_are_those_of_brute_force_however_rows_are_cut() {
    let data = plane(96);
    let bound = bind(Linears::default(), &data, Engine::fused(), 1).unwrap();
    let problem = &*bound.problem;
    let layered = problem.layered().unwrap();
    let w = normals(problem.dim(), 3);
    let at = Population::from_values(w.len(), w.clone()).unwrap();
    let cut = |batches: usize| {
        let mut factors = Factors::new(layered, w.len(), 96).following(1e-6);
        for b in 0..batches {
            let rows = b * 96 / batches..(b + 1) * 96 / batches;
            let segment = Segment {
                rows,
                weight: batches as f64,
            };
            let mut gradient = at.zeros_like();
            factors.update(layered, &at, &[segment], &mut gradient);
        }
        factors
    };
    let (whole, four) = (cut(1), cut(4));
    let [first, second] = [&layered.layers()[0], &layered.layers()[1]];
    let mut exact = [
        [vec![0.0f64; 16], vec![0.0; 4]],
        [vec![0.0; 9], vec![0.0; 1]],
    ];
    for i in 0..96 {
        let row = data.row(i);
        let x: Vec<f64> = row.iter().map(|x| f64::from(*x)).chain([1.0]).collect();
        let of = |layer: &smc_runtime::problem::Layer, x: &[f64], o: usize| {
            let weight = &w[layer.weight.clone()][o * layer.inputs..][..layer.inputs];
            let bias = f64::from(w[layer.bias.clone().unwrap()][o]);
            bias + weight
                .iter()
                .zip(x)
                .map(|(w, x)| f64::from(*w) * x)
                .sum::<f64>()
        };
        let mut hidden: Vec<f64> = (0..2).map(|o| of(first, &x, o)).collect();
        let f = of(second, &hidden, 0);
        hidden.push(1.0);
        let g = (f64::from(data.targets()[i]) - f) / 0.25;
        let back: Vec<f64> = w[second.weight.clone()]
            .iter()
            .map(|w| g * f64::from(*w))
            .collect();
        let squares = [[&x[..], &back], [&hidden, &[g][..]]];
        for (exact, vectors) in exact.iter_mut().flatten().zip(squares.iter().flatten()) {
            let n = vectors.len();
            for (at, sum) in exact.iter_mut().enumerate() {
                *sum += vectors[at / n] * vectors[at % n] / 96.0;
            }
        }
    }
    for (layer, exact) in exact.iter().enumerate() {
        for (side, exact) in exact.iter().enumerate() {
            let [whole, four] = [&whole, &four].map(|f| f.mean(layer, side).unwrap());
            for ((a, b), exact) in whole.iter().zip(four).zip(exact) {
                let allowed = 2e-5 * (1.0 + exact.abs());
                let off = (f64::from(*a) - exact)
                    .abs()
                    .max((f64::from(b) - exact).abs());
                assert!(off < allowed, "layer {layer}, side {side}: {a} {b} {exact}");
            }
        }
    }
}

#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
struct Noisy {
    #[prior(Normal(0.0, 3.0))]
    output: Linear<11, 1>,
    #[prior(HalfNormal(3.0))]
    noise: Scale,
}

/// Twelve weights for forty rows: what is left beside their mean is too little by the square root of 28/40, whatever the temperature.
#[test]
fn cold_weights_do_not_eat_the_noise() {
    let data = table(40, 11, 8, |i, x| x[0] - x[5] + normals(40, 77)[i]);
    let bound = bind(Noisy::default(), &data, Engine::fused(), 1).unwrap();
    let mean = |heat: f64| {
        let fit = bali().temperature(heat).batch(40).passes(4000);
        let draws = infer(&fit, &*bound.problem, 1).unwrap();
        let Form::Density(density) = draws.form() else {
            panic!("no density")
        };
        density.moments().mean
    };
    let (warm, at) = (mean(1.0), mean(0.1));
    // The last coordinate is log noise.
    let [warm, cold] = [&warm, &at].map(|mean| mean.last().unwrap().exp());
    assert!((cold / warm - 1.0).abs() < 0.05, "{cold} {warm}");
    // By least squares, in the end.
    let all = RowSet::from(0..40).segments(1.0);
    let at: Vec<f32> = at.iter().map(|m| *m as f32).collect();
    let at = Population::from_values(at.len(), at).unwrap();
    let log = bound.problem.log_likelihood(&at, &all, None).totals()[0];
    let of = |sd: f64| 40.0 * (sd.ln() + 0.5 * std::f64::consts::TAU.ln());
    let squares = (-log - of(cold)) * 2.0 * cold * cold;
    let (divided, plain) = ((squares / 28.0).sqrt(), (squares / 40.0).sqrt());
    assert!(
        (cold / divided - 1.0).abs() < 0.07 && cold / plain > 1.1,
        "{cold}: {divided} {plain}"
    );
}

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
struct Tailed {
    #[prior(Laplace(0.0, 1.0))]
    output: Linear<3, 1>,
}

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
struct Wide {
    #[prior(Normal(0.0, 1.0))]
    hidden: Linear<3, 1030>,
    activation: Tanh,
    #[prior(Normal(0.0, 0.03))]
    output: Linear<1030, 1>,
}

#[test]
fn what_cannot_be_fitted_by_layers_is_named() {
    let data = plane(40);
    let refusal = |problem: &dyn Problem, fit: Box<dyn Inference>| {
        let run = infer(&*fit, problem, 1).map(|_| ());
        run.unwrap_err().to_string()
    };
    let of = |text: String, expected: &str| assert!(text.contains(expected), "{text}");
    let tailed = bind(Tailed::default(), &data, Engine::fused(), 1).unwrap();
    of(
        refusal(&*tailed.problem, Box::new(bali())),
        "the prior of `output` is not normal",
    );
    let wide = bind(Wide::default(), &data, Engine::fused(), 1).unwrap();
    of(
        refusal(&*wide.problem, Box::new(bali())),
        "`hidden` is 3 × 1030, and Kronecker factors go to 1024 units",
    );
    let plane = bind(Plane::default(), &data, Engine::fused(), 1).unwrap();
    of(
        refusal(&*plane.problem, Box::new(bali().temperature(0.0))),
        "temperature = 0: a positive, finite number is needed",
    );
    of(
        refusal(&*plane.problem, Box::new(bali().rate(1.5))),
        "rate = 1.5: a number above 0 and at most 1 is needed",
    );
    // A density for several starts, too, and its draws are said to be cold.
    let fit = infer(&modes(bali().passes(4), 2), &*plane.problem, 1).unwrap();
    let Form::Density(density) = fit.form() else {
        panic!("no density")
    };
    let mut thetas = Population::zeros(2, 4);
    density.sample(Streams::new(1), 0, &mut thetas);
    assert!(density.log_density(&thetas, None)[0].is_finite());
}
