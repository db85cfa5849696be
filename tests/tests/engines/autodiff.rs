//! Every kind of model passes the conformance kit: gradients against finite differences in f64, f32 against f64, rows
//! against sums, predictive densities against the expression, and the same bits alone, in a group and in another order.

use laws::conjugate::{self, Line};
use laws::models::{Hierarchical, Net, Noise, Softmax};
use laws::{normals, table};
use smc_runtime::prelude::*;
use smc_runtime::testing::check_model;

fn real(columns: usize) -> Dataset {
    let noise = normals(13, 4);
    table(13, columns, 3, |i, row| 0.5 * row[0] + 0.3 * noise[i])
}

#[test]
fn linear_regression_conforms() {
    check_model(Line::<3>::default(), &conjugate::data::<3>(13, 1)).unwrap();
}

#[test]
fn a_network_with_noise_conforms() {
    check_model(Net::default(), &real(1)).unwrap();
}

#[test]
fn hierarchical_priors_and_a_learned_noise_conform() {
    check_model(Hierarchical::default(), &real(2)).unwrap();
}

#[test]
fn classification_conforms() {
    check_model(
        Softmax::<2, 3>::default(),
        &table(13, 2, 5, |i, _| (i % 3) as f32),
    )
    .unwrap();
}

#[test]
fn a_lone_positive_parameter_conforms() {
    check_model(Noise { scale: 2.0 }, &real(1)).unwrap();
}

#[test]
fn rows_that_span_tiles_conform() {
    check_model(
        Line::<1>::default(),
        &conjugate::data::<1>(2 * 1024 + 37, 1),
    )
    .unwrap();
}
