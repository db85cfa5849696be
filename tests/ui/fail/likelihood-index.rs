//! An output is picked by a number, which can be checked.
use smc_runtime::prelude::*;

const SECOND: usize = 1;

#[bayes_model]
#[likelihood(Normal(mean = output[0], sd = output[SECOND].exp()))]
pub struct M {
    #[prior(Normal(0.0, 1.0))]
    output: Linear<4, 2>,
}

fn main() {
    let _ = M::infer;
    let _ = SECOND;
}
