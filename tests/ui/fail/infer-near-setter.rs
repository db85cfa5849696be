//! A setter in the singular is underlined, and the one that there is suggested.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
#[infer(smc(particle = 8))]
pub struct M {
    output: Linear<4, 1>,
}

fn main() {
    let _ = M::infer;
}
