//! Every key of a likelihood is given.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output))]
pub struct M {
    #[prior(Normal(0.0, 1.0))]
    output: Linear<4, 1>,
}

fn main() {
    let _ = M::infer;
}
