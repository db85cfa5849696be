//! The fields of a model have names.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
pub struct M(#[prior(Normal(0.0, 1.0))] Linear<4, 1>);

fn main() {
    let _ = M::infer;
}
