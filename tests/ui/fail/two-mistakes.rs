//! Each mistake has its message: a chain goes on from what a layer declares.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
pub struct M {
    #[prior(Normal(0.0, 1.0))]
    first: Linear<11, 32>,
    tanh: Tanh,
    #[prior(Normal(0.0, 1.0))]
    second: Linear<16, 8>,
    relu: Relu,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<4, 1>,
}

fn main() {
    let _ = M::infer;
}
