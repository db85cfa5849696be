//! What generated code does at run time: names and layout of parameters, sizes from data and from values, the order of
//! priors, and the algorithm.

use smc_runtime::base::rng::Streams;
use smc_runtime::engine::bind;
use smc_runtime::model::nn::{LinearShaped, Matrix};
use smc_runtime::prelude::*;
use smc_runtime::problem::population::Population;

/// Red-wine quality from eleven measurements.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
#[infer(smc(particles = 7))]
struct Wine {
    #[prior(Normal(0.0, tau / fan_in.sqrt()))]
    hidden: Linear<11, 32>,
    activation: Tanh,
    #[prior(Normal(0.0, 0.2))]
    output: Linear<32, 1>,
    #[prior(HalfNormal(1.0))]
    tau: Scale,
    #[prior(HalfNormal(1.0))]
    noise: Scale,
}

/// Sizes by value.
#[bayes_model]
#[likelihood(Normal(mean = output[0], sd = output[1].exp()))]
struct Table {
    #[prior(Normal(0.0, 1.0))]
    hidden: Linear<Dyn, Dyn>,
    activation: Tanh,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<Dyn, 2>,
}

/// The width of the data, then a fixed one.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
struct Wide {
    #[prior(Normal(0.0, 1.0))]
    hidden: Linear<Dyn, 3>,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<3, 1>,
}

/// Scales of scales, each declared before what it depends on.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
struct Tree {
    #[prior(Normal(0.0, tau))]
    output: Linear<1, 1>,
    #[prior(HalfNormal(lambda * 1e-6))]
    tau: Scale,
    #[prior(HalfNormal(1.0))]
    lambda: Scale,
}

fn data(columns: usize) -> Dataset {
    let features = (0..4 * columns).map(|i| (i as f32).sin()).collect();
    Dataset::new(columns, features, vec![0.1, -0.2, 0.3, 0.0]).unwrap()
}

fn blocks<M: Model>(model: M, columns: usize) -> Vec<(String, Vec<usize>, usize)> {
    let bound = bind(model, &data(columns), Engine::auto(), 1).unwrap();
    let blocks = bound.problem.layout().blocks().iter();
    blocks
        .map(|b| (b.name.clone(), b.shape.clone(), b.range.start))
        .collect()
}

fn refused<M: Model>(model: M, columns: usize) -> String {
    match bind(model, &data(columns), Engine::auto(), 1) {
        Ok(_) => panic!("the sizes do not fit"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn parameters_are_named_after_fields_and_laid_out_in_order() {
    let block = |name: &str, shape: &[usize], start| (name.to_owned(), shape.to_vec(), start);
    assert_eq!(
        blocks(Wine::default(), 11),
        [
            block("hidden.weight", &[32, 11], 0),
            block("hidden.bias", &[32], 352),
            block("output.weight", &[1, 32], 384),
            block("output.bias", &[1], 416),
            block("tau", &[], 417),
            block("noise", &[], 418),
        ]
    );
    assert_eq!(Wine::default().name(), "Wine");
    let types: Vec<_> = Wine::default()
        .fields()
        .iter()
        .map(|f| f.shape.ty)
        .collect();
    assert_eq!(
        types,
        ["Linear<11, 32>", "Tanh", "Linear<32, 1>", "Scale", "Scale"]
    );
}

#[test]
fn a_draw_has_the_types_of_the_model() {
    // Only the compiler is asked: arrays where the sizes are in the type, matrices where they are not.
    fn fixed(posterior: &Posterior<Wine>) -> (&[[f32; 11]; 32], &[f32; 1], f32) {
        let draw = posterior.draw(0);
        let () = draw.activation;
        (
            draw.hidden.weight,
            draw.output.bias,
            *draw.noise + *draw.tau,
        )
    }
    fn by_value(posterior: &Posterior<Table>) -> (Matrix<'_>, &[f32]) {
        let LinearShaped { weight, bias } = posterior.draw(0).hidden;
        (weight, bias)
    }
    let _ = (fixed, by_value);
}

#[test]
fn a_draw_shows_the_parameters_where_they_live() {
    let data = data(2);
    let wide = Wide::infer(&data)
        .with(smc().particles(8))
        .seed(1)
        .run()
        .unwrap();
    let (draw, theta) = (wide.draw(5), wide.positions().row(5));
    assert_eq!(draw.hidden.weight[(2, 1)].to_bits(), theta[5].to_bits());
    assert_eq!(draw.hidden.bias, &theta[6..9]);
    assert_eq!(draw.output.weight.as_flattened(), &theta[9..12]);
    let data = self::data(1);
    let tree = Tree::infer(&data).with(smc().particles(8)).run().unwrap();
    let (draw, theta) = (tree.draw(0), tree.positions().row(0));
    assert!((*draw.lambda - theta[3].exp()).abs() <= 1e-6 * *draw.lambda);
}

#[test]
fn a_width_left_open_is_that_of_the_data() {
    for columns in [2, 5] {
        let blocks = blocks(Wide::default(), columns);
        assert_eq!(blocks[0].1, [3, columns]);
        assert_eq!(blocks[2].1, [1, 3]);
    }
}

#[test]
fn sizes_come_with_the_value() {
    let table = Table {
        hidden: Linear::sized(4, 8),
        ..Table::default()
    };
    let shapes: Vec<_> = blocks(table.clone(), 4).into_iter().map(|b| b.1).collect();
    assert_eq!(shapes, [vec![8, 4], vec![8], vec![2, 8], vec![2]]);
    assert_eq!(
        refused(table, 5),
        "`Table.hidden: Linear<Dyn, Dyn>` takes 4 features, but the data have 5 features"
    );
    let refusal = refused(Table::default(), 4);
    assert!(
        refusal.starts_with("`Table.hidden: Linear<Dyn, Dyn>` has an output size"),
        "{refusal}"
    );
}

#[test]
fn the_rules_of_compile_time_hold_at_bind() {
    assert_eq!(
        refused(Wine::default(), 4),
        "`Wine.hidden: Linear<11, 32>` takes 11 features, but the data have 4 features"
    );
    let other = Wide {
        output: Linear::sized(4, 1),
        ..Wide::default()
    };
    assert_eq!(
        refused(other, 2),
        "`Wide.output: Linear<3, 1>` takes 4 features, but `Wide.hidden: Linear<Dyn, 3>` gives 3 features"
    );
}

#[test]
fn a_prior_is_sampled_after_those_that_it_names() {
    let bound = bind(Tree::default(), &data(1), Engine::auto(), 1).unwrap();
    let layout = bound.problem.layout();
    let mut thetas = Population::zeros(100, layout.dim());
    bound
        .problem
        .prior()
        .sample(Streams::new(3), 0, &mut thetas);
    let at = |name: &str| layout.block(name).unwrap().range.start;
    for i in 0..thetas.len() {
        let theta = thetas.row(i);
        // HalfNormal(s) exceeds 10 s, and Normal(0, s) does, with probability 2e-23; a scale not yet drawn would be 1.
        let (tau, lambda) = (theta[at("tau")].exp(), theta[at("lambda")].exp());
        assert!(tau < 1e-5 * lambda, "{tau} {lambda}");
        assert!(
            theta[at("output.weight")].abs() < 10.0 * tau,
            "{} {tau}",
            theta[at("output.weight")]
        );
    }
}

#[test]
fn the_gradient_of_a_prior_reaches_what_it_names() {
    let bound = bind(Tree::default(), &data(1), Engine::auto(), 1).unwrap();
    let problem = &bound.problem;
    // weight, bias, log tau, log lambda.
    let theta: [f32; 4] = [0.3, -0.2, -0.5, 0.4];
    let at = |theta: [f32; 4], gradient| {
        let thetas = Population::from_values(4, theta.to_vec()).unwrap();
        problem.prior().log_density(&thetas, gradient)[0]
    };
    let (lambda, tau) = (theta[3].exp(), theta[2].exp());
    let mut gradient = Population::zeros(1, 4);
    at(theta, Some(&mut gradient));
    let expected = [
        -theta[0] / (tau * tau),
        -theta[1] / (tau * tau),
        // Two normals of scale tau, the half-normal of tau, and the log-Jacobian.
        (theta[0] * theta[0] + theta[1] * theta[1]) / (tau * tau)
            - 2.0
            - (tau / (lambda * 1e-6)).powi(2)
            + 1.0,
        (tau / (lambda * 1e-6)).powi(2) - 1.0 - lambda * lambda + 1.0,
    ];
    for (g, e) in gradient.row(0).iter().zip(expected) {
        assert!((g - e).abs() <= 1e-4 * e.abs().max(1.0), "{g} {e}");
    }
}

#[test]
fn the_algorithm_is_the_attributes() {
    let inference = format!("{:?}", Wine::default().algorithm());
    assert!(inference.contains("particles: 7"), "{inference}");
}

#[test]
fn a_model_is_inferred_by_name_or_by_value() {
    let data = data(4);
    let _by_name: Run<'_, Wide> = Wide::infer(&data);
    let table = Table {
        hidden: Linear::sized(4, 8),
        ..Table::default()
    };
    let _by_value: Run<'_, Table> = table.infer_with(&data).seed(2);
}
