//! A model has one likelihood.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
#[likelihood(Normal(mean = output, sd = 1.0))]
pub struct M {
    #[prior(Normal(0.0, 1.0))]
    output: Linear<4, 1>,
}

fn main() {
    let _ = M::infer;
}
