//! From PyTorch: noise in place of a posterior.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
pub struct M {
    hidden: Linear<11, 32>,
    dropout: Dropout,
    output: Linear<32, 1>,
}

fn main() {
    let _ = M::infer;
}
