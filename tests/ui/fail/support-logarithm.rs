//! What can be negative has no logarithm.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Poisson(log_rate = output.ln()))]
pub struct M {
    output: Linear<4, 1>,
}

#[bayes_model]
#[likelihood(Poisson(log_rate = (output + 1.0).ln()))]
pub struct Sum {
    output: Linear<4, 1>,
}

fn main() {
    let _ = (M::infer, Sum::infer);
}
