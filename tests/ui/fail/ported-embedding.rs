//! From PyTorch: numbers for categories.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
pub struct M {
    words: Embedding<1000, 8>,
    output: Linear<8, 1>,
}

fn main() {
    let _ = M::infer;
}
