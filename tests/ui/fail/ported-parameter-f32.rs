//! From PyTorch: a number as a field.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
pub struct M {
    output: Linear<11, 1>,
    noise: f32,
}

fn main() {
    let _ = M::infer;
}
