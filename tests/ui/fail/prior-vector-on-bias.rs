//! A bias has no inputs that a vector could have elements for.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
pub struct M {
    #[prior(HalfNormal(1.0))]
    scales: Scale<11>,
    #[prior(Normal(0.0, scales))]
    output: Linear<11, 1>,
}

fn main() {
    let _ = M::infer;
}
