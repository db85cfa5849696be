//! From PyMC: draws and tune.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
#[infer(mcmc(draws = 1000, tune = 1000))]
pub struct M {
    output: Linear<11, 1>,
}

fn main() {
    let _ = M::infer;
}
