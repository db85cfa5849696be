//! From PyTorch: a loss in place of a likelihood.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(mse_loss)]
pub struct M {
    output: Linear<11, 1>,
}

fn main() {
    let _ = M::infer;
}
