//! `#[standardise]` stands alone, once, on the struct.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
#[standardise(features)]
#[standardise]
pub struct M {
    #[standardise]
    output: Linear<4, 1>,
}

fn main() {
    let _ = M::infer;
}
