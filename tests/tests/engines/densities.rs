//! A likelihood integrates to one and its sampler and its distribution function agree; so does a model's prior in the
//! coordinates that samplers see.

use laws::laws::{predictive_is_consistent, prior_integrates_to_one};
use laws::models::Noise;
use laws::table;
use smc_runtime::engine::{Engine, bind};
use smc_runtime::model::dist::Predictive;
use smc_runtime::prelude::*;

#[test]
fn a_positive_parameter_integrates_to_one_in_the_coordinates_that_samplers_see() {
    let data = table(3, 1, 6, |_, row| row[0]);
    let bound = bind(Noise { scale: 0.8 }, &data, Engine::autodiff(), 1).unwrap();
    prior_integrates_to_one(&*bound.problem).unwrap();
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
