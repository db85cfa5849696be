//! A prior cannot depend on a layer.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
pub struct M {
    #[prior(Normal(0.0, 1.0))]
    hidden: Linear<11, 4>,
    #[prior(Normal(0.0, hidden))]
    output: Linear<4, 1>,
}

fn main() {
    let _ = M::infer;
}
