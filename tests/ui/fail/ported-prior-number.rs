//! From PyTorch: a weight decay in place of a prior.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
pub struct M {
    #[prior(1e-4)]
    output: Linear<11, 1>,
}

fn main() {
    let _ = M::infer;
}
