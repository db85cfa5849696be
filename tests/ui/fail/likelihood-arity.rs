//! A key that takes one number per row cannot take two outputs.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
pub struct M {
    #[prior(Normal(0.0, 1.0))]
    output: Linear<4, 2>,
}

fn main() {
    let _ = M::infer;
}
