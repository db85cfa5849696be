//! A likelihood takes an element of a vector.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
pub struct M {
    output: Linear<11, 1>,
    #[prior(HalfNormal(1.0))]
    noise: Scale<2>,
}

fn main() {
    let _ = M::infer;
}
