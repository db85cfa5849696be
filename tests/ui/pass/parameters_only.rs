//! A model may have parameters and no network.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = 0.0, sd = noise))]
struct Spread {
    #[prior(HalfNormal(1.0))]
    noise: Scale,
}

fn main() {
    let _ = Spread::infer;
}
