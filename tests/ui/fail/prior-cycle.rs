//! Priors that name each other have an end.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
pub struct M {
    #[prior(Normal(0.0, tau))]
    output: Linear<4, 1>,
    #[prior(HalfNormal(lambda))]
    tau: Scale,
    #[prior(HalfNormal(2.0 * tau))]
    lambda: Scale,
}

fn main() {
    let _ = M::infer;
}
