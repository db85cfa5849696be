//! Sizes that are generic have names, and are compared before they have values.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
pub struct M<const D: usize, const H: usize> {
    #[prior(Normal(0.0, 1.0))]
    hidden: Linear<D, H>,
    activation: Tanh,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<D, 1>,
}

fn main() {
    let _ = M::<3, 4>::infer;
}
