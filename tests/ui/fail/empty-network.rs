//! A model has fields.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
pub struct M {}

fn main() {
    let _ = M::infer;
}
