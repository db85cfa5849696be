//! From PyMC: a distribution without its arguments.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
pub struct M {
    #[prior(Normal)]
    output: Linear<11, 1>,
}

fn main() {
    let _ = M::infer;
}
