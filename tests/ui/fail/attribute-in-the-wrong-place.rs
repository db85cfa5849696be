//! Each attribute has its place.
use smc_runtime::prelude::*;

#[bayes_model]
#[prior(Normal(0.0, 1.0))]
#[likelihood(Normal(mean = output, sd = 0.5))]
pub struct M {
    #[likelihood(Normal(mean = output, sd = 0.5))]
    #[prior(Normal(0.0, 1.0))]
    output: Linear<4, 1>,
}

fn main() {
    let _ = M::infer;
}
