//! A prior is for a parameter that the field has.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
pub struct M {
    #[prior(weigth = Normal(0.0, 1.0), bias = Normal(0.0, 1.0))]
    hidden: Linear<11, 4>,
    activation: Tanh,
    #[prior(weight = Normal(0.0, 1.0), bias = Normal(0.0, 1.0))]
    output: LinearNoBias<4, 1>,
    #[prior(value = HalfNormal(1.0))]
    noise: Scale,
}

fn main() {
    let _ = M::infer;
}
