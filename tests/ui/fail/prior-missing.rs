//! A layer has a default prior; a parameter needs one.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
pub struct M {
    hidden: Linear<11, 4>,
    activation: Tanh,
    output: Linear<4, 1>,
    noise: Scale,
    mean: Real,
    share: UnitInterval<3>,
}

fn main() {
    let _ = M::infer;
}
