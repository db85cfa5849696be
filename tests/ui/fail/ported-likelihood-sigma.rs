//! From PyMC: sigma for sd.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sigma = noise))]
pub struct M {
    output: Linear<11, 1>,
    #[prior(HalfNormal(1.0))]
    noise: Scale,
}

fn main() {
    let _ = M::infer;
}
