//! From PyMC: the targets in the likelihood.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5, observed = y))]
pub struct M {
    output: Linear<11, 1>,
}

fn main() {
    let _ = M::infer;
}
