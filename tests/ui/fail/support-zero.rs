//! What can be 0 is not positive.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = ends[0], sd = ends[1]))]
pub struct M {
    output: Linear<4, 2>,
    ends: Relu,
}

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.0))]
pub struct Exact {
    output: Linear<4, 1>,
}

fn main() {
    let _ = (M::infer, Exact::infer);
}
