//! From PyTorch: out before in, as weights are stored.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
pub struct M {
    hidden: Linear<32, 11>,
    activation: Tanh,
    output: Linear<1, 32>,
}

fn main() {
    let _ = M::infer;
}
