//! What has parameters has a prior.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
pub struct M {
    hidden: Linear<11, 4>,
    activation: Tanh,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<4, 1>,
    noise: Scale,
}

fn main() {
    let _ = M::infer;
}
