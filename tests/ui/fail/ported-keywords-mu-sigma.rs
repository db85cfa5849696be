//! From PyMC: keywords of theirs in prior and likelihood.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mu = output, sigma = noise))]
pub struct M {
    #[prior(Normal(mu = 0.0, sigma = 1.0))]
    output: Linear<11, 1>,
    #[prior(HalfNormal(sigma = 1.0))]
    noise: Scale,
}

fn main() {
    let _ = M::infer;
}
