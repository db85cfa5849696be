//! From PyMC and Stan: the algorithm that is not here leads to those that are.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
#[infer(nuts(draws = 1000))]
pub struct M {
    output: Linear<4, 1>,
}

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
#[infer(mcmc(kernel = Nuts::new()))]
pub struct Kernel {
    output: Linear<4, 1>,
}

fn main() {
    let _ = (M::infer, Kernel::infer);
}
