//! From PyTorch: a number as a parameter, with a prior.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
pub struct M {
    output: Linear<11, 1>,
    #[prior(HalfNormal(1.0))]
    noise: f64,
}

fn main() {
    let _ = M::infer;
}
