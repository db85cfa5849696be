//! From PyTorch: normalisation of a layer.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
pub struct M {
    hidden: Linear<11, 32>,
    norm: LayerNorm<32>,
    output: Linear<32, 1>,
}

fn main() {
    let _ = M::infer;
}
