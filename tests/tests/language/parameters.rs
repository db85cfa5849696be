//! Parameters beside the chain, and priors of parts of a layer: vectors, numbers between bounds, numbers that are given,
//! layers without bias or prior. Each is compared with the same model written another way, or with its own formula.

use laws::{normals, table};
use smc_runtime::base::rng::Streams;
use smc_runtime::engine::bind;
use smc_runtime::model::Model;
use smc_runtime::prelude::*;
use smc_runtime::problem::population::Population;
use smc_runtime::problem::{Problem, Segment};
use smc_runtime::testing::check_model;
use std::sync::Arc;

fn data(columns: usize) -> Dataset {
    table(40, columns, 7, |_, x| x.iter().sum())
}

fn bound<M: Model>(model: M, data: &Dataset) -> Arc<dyn Problem> {
    bind(model, data, Engine::auto(), 3).unwrap().problem
}

fn refused<M: Model>(model: M, data: &Dataset) -> String {
    match bind(model, data, Engine::auto(), 3) {
        Ok(_) => "nothing".to_owned(),
        Err(error) => error.to_string(),
    }
}

fn log_prior(problem: &dyn Problem, theta: &[f32]) -> f64 {
    let one = Population::from_values(theta.len(), theta.to_vec()).unwrap();
    problem.prior().log_density(&one, None)[0]
}

fn log_likelihood(problem: &dyn Problem, theta: &[f32]) -> f64 {
    let one = Population::from_values(theta.len(), theta.to_vec()).unwrap();
    let all = Segment {
        rows: 0..problem.rows(),
        weight: 1.0,
    };
    problem.log_likelihood(&one, &[all], None).of(0)[0]
}

fn close(what: &str, a: f64, b: f64) {
    assert!(
        (a - b).abs() < 1e-5 * (1.0 + b.abs()),
        "{what}: {a} against {b}"
    );
}

/// A scale for each input.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
struct ByInput {
    #[prior(HalfCauchy(global))]
    relevance: Scale<3>,
    #[prior(HalfNormal(1.0))]
    global: Scale,
    #[prior(weight = Normal(0.0, relevance * global), bias = Normal(1.0, 2.0))]
    hidden: Linear<3, 2>,
    activation: Tanh,
    output: Linear<2, 1>,
}

/// The same with a length that the data decide.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
struct Open {
    #[prior(HalfCauchy(global))]
    relevance: Scale<Dyn>,
    #[prior(HalfNormal(1.0))]
    global: Scale,
    #[prior(weight = Normal(0.0, relevance * global), bias = Normal(1.0, 2.0))]
    hidden: Linear<Dyn, 2>,
    activation: Tanh,
    output: Linear<2, 1>,
}

#[test]
fn a_vector_has_an_element_for_each_input() {
    let data = data(3);
    let (fixed, open) = (
        bound(ByInput::default(), &data),
        bound(Open::default(), &data),
    );
    for seed in 0..5 {
        let theta = normals(fixed.layout().dim(), seed);
        let at = |name: &str| &theta[fixed.layout().block(name).unwrap().range.clone()];
        let value = |u: f32| f64::from(u).exp();
        let global = value(at("global")[0]);
        let jacobian = |u: &[f32]| u.iter().map(|&u| f64::from(u)).sum::<f64>();
        let normal = |sd: f64, mean: f64, x: f32| Normal(mean, sd).log_density(f64::from(x));
        let mut exact = HalfNormal(1.0).log_density(global) + jacobian(at("global"));
        exact += jacobian(at("relevance"));
        for &u in at("relevance") {
            exact += HalfCauchy(global).log_density(value(u));
        }
        for row in at("hidden.weight").chunks(3) {
            for (&w, &u) in row.iter().zip(at("relevance")) {
                exact += normal(value(u) * global, 0.0, w);
            }
        }
        for &b in at("hidden.bias") {
            exact += normal(2.0, 1.0, b);
        }
        // The default of a layer.
        for &w in at("output.weight") {
            exact += normal(1.0 / 2f64.sqrt(), 0.0, w);
        }
        exact += normal(1.0, 0.0, at("output.bias")[0]);
        close("the log-prior", log_prior(&*fixed, &theta), exact);
        assert_eq!(log_prior(&*open, &theta), log_prior(&*fixed, &theta));
    }
}

#[test]
fn models_with_vectors_conform() {
    check_model(ByInput::default(), &data(3)).unwrap();
    check_model(Open::default(), &data(3)).unwrap();
    check_model(Horseshoe::default(), &data(4)).unwrap();
}

/// Draws from the prior have the scale of their input: w/(λ_i τ) is standard normal, and so independent of it.
#[test]
fn a_vector_scales_draws_from_the_prior() {
    let problem = bound(ByInput::default(), &data(3));
    let mut draws = Population::zeros(4000, problem.dim());
    problem.prior().sample(Streams::new(5), 0, &mut draws);
    let at = |name: &str| problem.layout().block(name).unwrap().range.start;
    let (weight, relevance, global) = (at("hidden.weight"), at("relevance"), at("global"));
    for i in 0..6 {
        let squares: Vec<f64> = (0..draws.len())
            .map(|p| {
                let row = draws.row(p);
                let log_scale = f64::from(row[relevance + i % 3]) + f64::from(row[global]);
                (f64::from(row[weight + i]) / log_scale.exp()).powi(2)
            })
            .collect();
        laws::near("the mean square", &squares, 1.0, 4.0).unwrap();
    }
}

/// β_j ~ N(0, τ λ_j), λ_j and τ half-Cauchy (Carvalho, Polson and Scott, 2010).
#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
struct Horseshoe {
    #[prior(HalfCauchy(1.0))]
    tau: Scale,
    #[prior(HalfCauchy(1.0))]
    lambda: Scale<Dyn>,
    #[prior(Normal(0.0, tau * lambda))]
    output: LinearNoBias<Dyn, 1>,
    #[prior(HalfNormal(1.0))]
    noise: Scale,
}

/// With the bias kept at zero.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
struct Biased {
    #[prior(Normal(0.0, 1.0))]
    hidden: Linear<3, 5>,
    activation: Tanh,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<5, 1>,
}

/// Without one.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
struct Unbiased {
    #[prior(Normal(0.0, 1.0))]
    hidden: LinearNoBias<3, 5>,
    activation: Tanh,
    #[prior(Normal(0.0, 1.0))]
    output: LinearNoBias<5, 1>,
}

#[test]
fn without_bias_is_a_bias_of_zero() {
    let data = data(3);
    for engine in ["fused", "fused-portable", "mixed", "autodiff"] {
        let engine: Engine = engine.parse().unwrap();
        let with = bind(Biased::default(), &data, engine, 3).unwrap().problem;
        let without = bind(Unbiased::default(), &data, engine, 3).unwrap().problem;
        assert_eq!(without.layout().dim(), 20);
        let theta = normals(20, 1);
        let (hidden, output) = theta.split_at(15);
        let zeros = [hidden, &[0.0; 5], output, &[0.0]].concat();
        let pair = log_likelihood(&*without, &theta);
        close("the log-likelihood", pair, log_likelihood(&*with, &zeros));
    }
    check_model(Unbiased::default(), &data).unwrap();
}

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
struct Apart {
    #[prior(weight = Normal(0.0, 1.0), bias = Normal(0.0, 1.0))]
    hidden: Linear<3, 5>,
    activation: Tanh,
    #[prior(bias = Normal(0.0, 1.0), weight = Normal(0.0, 1.0))]
    output: Linear<5, 1>,
}

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
struct Default0 {
    hidden: Linear<3, 5>,
    activation: Tanh,
    output: Linear<5, 1>,
}

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
struct DefaultWritten {
    #[prior(weight = Normal(0.0, 1.0 / fan_in.sqrt()), bias = Normal(0.0, 1.0))]
    hidden: Linear<3, 5>,
    activation: Tanh,
    #[prior(weight = Normal(0.0, 1.0 / fan_in.sqrt()), bias = Normal(0.0, 1.0))]
    output: Linear<5, 1>,
}

#[test]
fn one_prior_is_the_same_prior_for_each_tensor() {
    let data = data(3);
    let theta = normals(26, 2);
    let together = log_prior(&*bound(Biased::default(), &data), &theta);
    close(
        "apart",
        log_prior(&*bound(Apart::default(), &data), &theta),
        together,
    );
    let default = log_prior(&*bound(Default0::default(), &data), &theta);
    let written = log_prior(&*bound(DefaultWritten::default(), &data), &theta);
    close("the default", default, written);
    assert!((default - together).abs() > 0.1);
}

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
struct Bounded {
    #[prior(Beta(2.0, 3.0))]
    share: UnitInterval<2>,
    #[prior(Uniform(0.0, 2.0))]
    scale: Scale,
    #[prior(Uniform(-1.0, 1.0))]
    shift: Real,
    #[prior(weight = Normal(shift, scale * share), bias = StudentT(4.0, 0.0, 1.0))]
    output: Linear<2, 1>,
}

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
struct Beyond {
    #[prior(Uniform(-1.0, 2.0))]
    scale: Scale,
    #[prior(Normal(0.0, scale))]
    output: Linear<2, 1>,
}

#[test]
fn a_uniform_prior_has_walls() {
    let problem = bound(Uniformly::default(), &data(1));
    let at = |u: f32| log_prior(&*problem, &[u, 0.0, 0.0]);
    let rest = 2.0 * Normal(0.0, 1.0).log_density(0.0);
    // log-Jacobian u.
    close("inside", at(0.5), 0.5 - 2f64.ln() + rest);
    assert_eq!(at(0.8), f64::NEG_INFINITY);
    let text = refused(Beyond::default(), &data(2));
    assert!(
        text.contains("between -1 and 2") && text.contains("positive numbers"),
        "{text}"
    );
}

#[bayes_model]
#[likelihood(Normal(mean = output, sd = scale))]
struct Uniformly {
    #[prior(Uniform(0.0, 2.0))]
    scale: Scale,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<1, 1>,
}

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
struct Given {
    spread: Fixed,
    #[prior(Normal(0.0, spread))]
    output: Linear<2, 1>,
}

#[test]
fn a_number_that_is_given_is_no_parameter() {
    let data = data(2);
    let given = Given {
        spread: Fixed(3.0),
        ..Given::default()
    };
    let problem = bound(given.clone(), &data);
    let theta = normals(3, 4);
    let exact = theta
        .iter()
        .map(|&x| Normal(0.0, 3.0).log_density(f64::from(x)));
    close("the log-prior", log_prior(&*problem, &theta), exact.sum());
    check_model(given, &data).unwrap();
    let text = refused(Given::default(), &data);
    assert!(
        text.contains("`Given.spread: Fixed` has no value"),
        "{text}"
    );
}

#[test]
fn sizes_by_value_that_do_not_fit_are_named() {
    let model = Open {
        relevance: Scale::sized(4),
        ..Open::default()
    };
    let text = refused(model, &data(3));
    for part in [
        "`Open.relevance: Scale<Dyn>` has 4 elements",
        "`Open.hidden: Linear<Dyn, 2>` needs 3, one for each input",
    ] {
        assert!(text.contains(part), "{text}: no {part}");
    }
    let model = ByInput {
        relevance: Scale::sized(4),
        ..ByInput::default()
    };
    let text = refused(model, &data(3));
    assert!(
        text.contains("was given 4 elements by value, but its type says 3"),
        "{text}"
    );
}

/// A vector whose length is that of the features, declared where there are none any more.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
struct Late {
    #[prior(weight = Normal(0.0, relevance), bias = Normal(0.0, 1.0))]
    output: Linear<Dyn, 1>,
    #[prior(HalfNormal(1.0))]
    relevance: Scale<Dyn>,
}

#[test]
fn a_vector_that_finds_no_features_where_it_stands_is_no_scalar() {
    let text = refused(Late::default(), &data(3));
    for part in [
        "`Late.relevance: Scale<Dyn>` has 1 elements, but `Late.output: Linear<Dyn, 1>` needs 3, one for each input",
        "move it there",
    ] {
        assert!(text.contains(part), "{text}: no {part}");
    }
}

/// A given number and an element of a vector, in the likelihood.
#[bayes_model]
#[likelihood(Normal(mean = shift[1] + output * gain, sd = noise[2] * spread))]
struct Named {
    gain: Fixed,
    #[prior(Normal(0.0, 1.0))]
    shift: Real<2>,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<2, 1>,
    #[prior(HalfNormal(1.0))]
    noise: Scale<3>,
    #[prior(Beta(2.0, 2.0))]
    spread: UnitInterval,
}

#[test]
fn a_likelihood_names_elements_and_given_numbers() {
    let data = data(2);
    let model = Named {
        gain: Fixed(1.5),
        ..Named::default()
    };
    for engine in ["fused", "fused-portable", "mixed", "autodiff"] {
        let engine = engine.parse().unwrap();
        let problem = bind(model.clone(), &data, engine, 3).unwrap().problem;
        for seed in 0..3 {
            let theta = normals(9, seed);
            let u = |i: usize| f64::from(theta[i]);
            let sd = u(7).exp() / (1.0 + (-u(8)).exp());
            let exact: f64 = (0..data.rows())
                .map(|i| {
                    let x = data.row(i);
                    let output = u(2) * f64::from(x[0]) + u(3) * f64::from(x[1]) + u(4);
                    Normal(u(1) + 1.5 * output, sd).log_density(f64::from(data.target(i)))
                })
                .sum();
            close(
                "the log-likelihood",
                log_likelihood(&*problem, &theta),
                exact,
            );
        }
    }
    check_model(model, &data).unwrap();
}
