//! A prior names parameters that exist.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
pub struct M {
    #[prior(Normal(0.0, tua))]
    output: Linear<4, 1>,
    #[prior(HalfNormal(1.0))]
    tau: Scale,
}

fn main() {
    let _ = M::infer;
}
