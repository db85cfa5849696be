//! From PyTorch: normalisation by batches.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
pub struct M {
    hidden: Linear<11, 32>,
    norm: BatchNorm1d<32>,
    more: Linear<32, 8>,
    again: BatchNorm,
    output: Linear<8, 1>,
}

fn main() {
    let _ = M::infer;
}
