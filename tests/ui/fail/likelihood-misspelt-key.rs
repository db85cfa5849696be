//! A key that does not exist is underlined, and a near one suggested.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mena = output, sd = 0.5))]
pub struct M {
    #[prior(Normal(0.0, 1.0))]
    output: Linear<4, 1>,
}

fn main() {
    let _ = M::infer;
}
