//! A name that is no field is underlined, and a near one suggested.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = ouput, sd = 0.5))]
pub struct M {
    #[prior(Normal(0.0, 1.0))]
    output: Linear<4, 1>,
}

fn main() {
    let _ = M::infer;
}
