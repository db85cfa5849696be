//! A scale is positive, and so is its prior.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
pub struct M {
    #[prior(Normal(0.0, 1.0))]
    output: Linear<4, 1>,
    #[prior(Normal(0.0, 1.0))]
    noise: Scale,
}

fn main() {
    let _ = M::infer;
}
