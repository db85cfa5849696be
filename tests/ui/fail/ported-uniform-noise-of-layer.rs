//! From PyMC: a positive prior on weights, a real one on a standard deviation.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
pub struct M {
    #[prior(Exponential(1.0))]
    output: Linear<11, 1>,
    #[prior(Cauchy(0.0, 1.0))]
    noise: Scale,
}

fn main() {
    let _ = M::infer;
}
