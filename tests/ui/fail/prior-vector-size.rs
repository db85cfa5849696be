//! A vector has an element for each input, or for each element of the vector under the prior.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
pub struct M {
    #[prior(HalfNormal(1.0))]
    scales: Scale<10>,
    #[prior(weight = Normal(0.0, scales), bias = Normal(0.0, 1.0))]
    hidden: Linear<11, 4>,
    activation: Tanh,
    #[prior(HalfNormal(scales))]
    others: Scale<4>,
    #[prior(weight = Normal(0.0, others), bias = Normal(0.0, 1.0))]
    output: Linear<4, 1>,
}

fn main() {
    let _ = M::infer;
}
