//! All mistakes are reported at once, each where it is.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
#[infer(smc(64, particles = 64))]
pub struct M {
    #[prior(Normal(0.0, tua))]
    hidden: Linear<11, 32>,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<16, 1>,
    #[prior(HalfNormal(tau))]
    tau: Scale,
}

fn main() {
    let _ = M::infer;
}
