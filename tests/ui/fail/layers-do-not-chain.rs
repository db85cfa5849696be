//! A layer takes what the one before it gives.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
pub struct Wine {
    #[prior(Normal(0.0, 1.0))]
    hidden: Linear<11, 32>,
    activation: Tanh,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<64, 1>,
}

fn main() {
    let _ = Wine::infer;
}
