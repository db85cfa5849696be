//! The arguments of a prior go by position.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
pub struct M {
    #[prior(Normal(mean = 0.0, sd = 1.0))]
    output: Linear<4, 1>,
}

fn main() {
    let _ = M::infer;
}
