//! An output can be any real number, and a standard deviation cannot.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output[0], sd = output[1]))]
pub struct M {
    output: Linear<4, 2>,
}

fn main() {
    let _ = M::infer;
}
