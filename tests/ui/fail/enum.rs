//! A model is a struct.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
pub enum M {
    A {
        #[prior(Normal(0.0, 1.0))]
        output: Linear<4, 1>,
    },
}

fn main() {
    let _ = M::infer;
}
