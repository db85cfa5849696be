//! Where parameters have priors of their own, each has one.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
pub struct M {
    #[prior(weight = Normal(0.0, 1.0))]
    hidden: Linear<11, 4>,
    activation: Tanh,
    #[prior(weight = Normal(0.0, 1.0), weight = Normal(0.0, 2.0))]
    output: Linear<4, 1>,
}

fn main() {
    let _ = M::infer;
}
