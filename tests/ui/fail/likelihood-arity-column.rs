//! An output that does not exist cannot be used.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output[0], sd = output[2].exp()))]
pub struct M {
    #[prior(Normal(0.0, 1.0))]
    output: Linear<4, 2>,
}

fn main() {
    let _ = M::infer;
}
