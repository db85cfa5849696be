//! From PyMC: a distribution of the targets that is a prior here.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Gamma(alpha = output.exp(), beta = rate))]
pub struct M {
    output: Linear<11, 1>,
    #[prior(HalfNormal(1.0))]
    rate: Scale,
}

#[bayes_model]
#[likelihood(HalfNormal(sigma = output))]
pub struct N {
    output: Linear<11, 1>,
}

fn main() {
    let _ = (M::infer, N::infer);
}
