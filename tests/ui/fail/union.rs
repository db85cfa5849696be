//! A model is a struct.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
pub union M {
    output: f32,
}

fn main() {
}
