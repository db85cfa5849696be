//! Laws of a network's symmetries: every map that is named changes neither likelihood, prior nor prediction, and no other one is named; aligned draws are the
//! same functions, and a network that was hidden behind its copies is found.

use std::sync::Arc;

use laws::{normals, table};
use smc_runtime::base::rng::{Purpose, Streams};
use smc_runtime::engine::{Engine, bind};
use smc_runtime::infer::{Draws, Stepwise, at_once};
use smc_runtime::posterior::symmetry::{Relabelling, Signs, Symmetries, chains_for};
use smc_runtime::prelude::*;
use smc_runtime::problem::Problem;
use smc_runtime::problem::population::Population;
use smc_runtime::problem::rows::RowSet;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
struct Deep {
    #[prior(Normal(0.0, 1.0))]
    first: Linear<2, 4>,
    bend: Tanh,
    #[prior(Normal(0.0, spread))]
    second: LinearNoBias<4, 3>,
    knee: Tanh,
    #[prior(StudentT(4.0, 0.0, 1.0))]
    output: Linear<3, 1>,
    #[prior(HalfNormal(1.0))]
    spread: Scale,
    #[prior(HalfNormal(1.0))]
    noise: Scale,
}

/// A scale for each feature, a function without parity, a layer whose prior has a centre.
#[bayes_model]
#[likelihood(Categorical(logits = output))]
struct Uneven {
    #[prior(weight = Normal(0.0, relevance), bias = Normal(0.0, 1.0))]
    first: Linear<2, 5>,
    knee: Softplus,
    #[prior(Normal(0.5, 1.0))]
    second: Linear<5, 4>,
    bend: Tanh,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<4, 3>,
    #[prior(HalfNormal(1.0))]
    relevance: Scale<2>,
}

/// A scale for each neuron of the hidden layer.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = 1.0))]
struct Fixed4 {
    #[prior(Normal(0.0, 1.0))]
    first: Linear<2, 4>,
    knee: Relu,
    #[prior(weight = Normal(0.0, each), bias = Normal(0.0, 1.0))]
    output: Linear<4, 1>,
    #[prior(HalfNormal(1.0))]
    each: Scale<4>,
}

fn data(classes: bool) -> Dataset {
    table(
        30,
        2,
        3,
        |i, x| if classes { (i % 3) as f32 } else { x[0] - x[1] },
    )
}

/// log p(θ), Σ ℓ_i and the arguments of the likelihood at a vector.
fn said(problem: &dyn Problem, theta: &[f32], data: &Dataset) -> Vec<f64> {
    let thetas = Population::from_values(theta.len(), theta.to_vec()).unwrap();
    let mut all = problem.prior().log_density(&thetas, None);
    let rows = RowSet::from(0..problem.rows()).segments(1.0);
    all.extend(problem.log_likelihood(&thetas, &rows, None).totals());
    all.extend(
        problem
            .model()
            .arguments(&thetas, data.inputs())
            .unwrap()
            .values,
    );
    all
}

fn near(one: &[f64], other: &[f64]) -> bool {
    let far = |(a, b): (&f64, &f64)| (a - b).abs() > 2e-4 * a.abs().max(1.0);
    !one.iter().zip(other).any(far)
}

fn holds(problem: &dyn Problem, data: &Dataset) -> Symmetries {
    let found = problem.model().symmetries();
    let mut stream = Streams::new(4).stream(Purpose::User, 0, 0, 0);
    for seed in 0..20 {
        let theta: Vec<f32> = normals(problem.dim(), seed)
            .iter()
            .map(|x| 0.7 * x)
            .collect();
        let mut copy = theta.clone();
        let element = found.random(&mut stream);
        found.apply(&element, &mut copy);
        let (one, other) = (said(problem, &theta, data), said(problem, &copy, data));
        assert!(near(&one, &other), "{found}\n{element:?}");
        // A weight that does not follow is noticed.
        if let Some(layer) = element.iter().position(|made| !made.is_nothing()) {
            let moved = theta.iter().zip(&copy).filter(|(a, b)| a != b).count();
            assert!(moved > 1, "{layer}");
            let at = theta
                .iter()
                .zip(&copy)
                .position(|(a, b)| (a - b).abs() > 0.3);
            let Some(at) = at else { continue };
            copy[at] = theta[at];
            let wrong = said(problem, &copy, data);
            assert!(!near(&one, &wrong), "{found}");
        }
    }
    found
}

#[test]
fn maps_change_nothing_and_are_all_there() {
    let real = data(false);
    let bound = bind(Deep::default(), &real, Engine::fused(), 1).unwrap();
    let found = holds(&*bound.problem, &real);
    // 4! 2⁴ · 3! 2³.
    assert!(
        (found.log10() - (24.0 * 16.0 * 6.0 * 8.0f64).log10()).abs() < 1e-9,
        "{found}"
    );
    let same = bind(Deep::default(), &real, Engine::autodiff(), 1).unwrap();
    assert_eq!(same.problem.model().symmetries(), found);
    assert_eq!(Deep::default().symmetries(&real).unwrap(), found);

    let classes = data(true);
    let bound = bind(Uneven::default(), &classes, Engine::fused(), 1).unwrap();
    let found = holds(&*bound.problem, &classes);
    let [first, second] = &found.layers[..] else {
        panic!("{found}")
    };
    assert!(
        first.permutations && first.signs.is_none() && first.broken.is_empty(),
        "{found}"
    );
    assert!(second.permutations && second.signs.is_none());
    assert!(
        found
            .to_string()
            .contains("the prior of `second` is not the same for a number"),
        "{found}"
    );

    let bound = bind(Fixed4::default(), &real, Engine::fused(), 1).unwrap();
    let found = holds(&*bound.problem, &real);
    let [only] = &found.layers[..] else {
        panic!("{found}")
    };
    assert!(!only.permutations && only.signs.is_none() && only.rescalings);
    assert!(
        found
            .to_string()
            .contains("`output` has a scale for each of its inputs"),
        "{found}"
    );
    assert_eq!(found.log10(), 0.0);
}

#[test]
fn an_even_function_forgets_the_sign_of_its_neuron_alone() {
    let found = Deep::default().symmetries(&data(false)).unwrap();
    assert!(
        found
            .layers
            .iter()
            .all(|l| l.signs == Some(Signs::WithWhatFollows))
    );
}

/// Draws that are given.
#[derive(Debug)]
struct These(Population);

impl Inference for These {
    fn name(&self) -> &'static str {
        "these"
    }

    fn begin<'a>(&self, _: Arc<dyn Problem + 'a>, _: Streams) -> Result<Box<dyn Stepwise + 'a>> {
        Ok(at_once(Draws::chains(self.0.clone(), 1)?))
    }
}

/// One network behind 300 of its copies, each a little off: aligned, the draws vary by what they are off, and say what they said.
#[test]
fn a_network_behind_its_copies_is_found() {
    let data = data(false);
    let bound = bind(Deep::default(), &data, Engine::fused(), 1).unwrap();
    let dim = bound.problem.dim();
    let found = bound.problem.model().symmetries();
    let mut stream = Streams::new(2).stream(Purpose::User, 0, 0, 0);
    let truth = normals(dim, 9);
    let mut thetas = Population::zeros(300, dim);
    for k in 0..300 {
        let off = normals(dim, 100 + k as u64);
        let theta = thetas.on_host().row_mut(k);
        for ((x, t), o) in theta.iter_mut().zip(&truth).zip(off) {
            *x = t + 0.05 * o;
        }
        let element = found.random(&mut stream);
        found.apply(&element, theta);
    }
    let posterior = Deep::infer(&data).with(These(thetas)).run().unwrap();
    let before = posterior.predict(&data).unwrap().mean();
    let aligned = posterior.aligned().unwrap();
    let after = aligned.posterior.predict(&data).unwrap().mean();
    assert!(before.iter().zip(after).all(|(a, b)| (a - b).abs() < 1e-5));
    for (name, sides) in &aligned.spread {
        assert!(sides.before > 0.5, "{name}: {sides:?}");
        assert!((sides.after / 0.05 - 1.0).abs() < 0.05, "{name}: {sides:?}");
    }
    assert!(aligned.to_string().contains("aligned in"), "{aligned}");
}

#[test]
fn what_has_no_copies_is_not_aligned() {
    let data = data(false);
    let posterior = Fixed4::infer(&data).with(map().epochs(2)).run().unwrap();
    let said = posterior.aligned().err().unwrap().to_string();
    assert!(said.contains("scale for each of its inputs"), "{said}");
    assert!(Relabelling::nothing(3).is_nothing());
}

#[test]
fn chains_are_counted_for_any_probabilities() {
    // By simulation of the collector: E[G] of ½, ⅓, ⅙.
    let mut stream = Streams::new(3).stream(Purpose::User, 0, 0, 0);
    let mut total = 0;
    for _ in 0..20_000 {
        let mut seen = [false; 3];
        while seen.contains(&false) {
            let u = stream.uniform();
            seen[if u < 0.5 {
                0
            } else if u < 0.5 + 1.0 / 3.0 {
                1
            } else {
                2
            }] = true;
            total += 1;
        }
    }
    let expected = f64::from(total) / 20_000.0;
    let found = chains_for(&[0.5, 1.0 / 3.0, 1.0 / 6.0], 0.99).unwrap() as f64 / 100.0;
    assert!((found / expected - 1.0).abs() < 0.02, "{found} {expected}");
    let refused = |p: &[f64], at: f64| chains_for(p, at).err().unwrap().to_string();
    assert!(refused(&[], 0.9).contains("modes"));
    assert!(refused(&[0.5, 0.6], 0.9).contains("sum"));
    assert!(refused(&[0.0, 1.0], 0.9).contains("above 0"));
    assert!(refused(&[1.0], 1.0).contains("below 1"));
}
