//! A network whose output is not used is a mistake.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = 0.0, sd = noise))]
pub struct M {
    #[prior(Normal(0.0, 1.0))]
    output: Linear<4, 1>,
    #[prior(HalfNormal(1.0))]
    noise: Scale,
}

fn main() {
    let _ = M::infer;
}
