//! A positive number times any number is any number.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output[0], sd = noise * output[1]))]
pub struct M {
    output: Linear<4, 2>,
    #[prior(HalfNormal(1.0))]
    noise: Scale,
}

fn main() {
    let _ = M::infer;
}
