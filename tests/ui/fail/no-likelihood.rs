//! A model has a likelihood.
use smc_runtime::prelude::*;

#[bayes_model]
pub struct M {
    #[prior(Normal(0.0, 1.0))]
    output: Linear<4, 1>,
}

fn main() {
    let _ = M::infer;
}
