//! A model may have parameters and no network.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = 0.0, sd = noise))]
struct Spread {
    #[prior(HalfNormal(1.0))]
    noise: Scale,
}

#[test]
fn it_builds_and_runs() {
    let _ = Spread::infer;
}
