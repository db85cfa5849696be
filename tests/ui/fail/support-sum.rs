//! A sum is positive if its terms are; what is taken away may be more than there is.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output[0], sd = 0.01 + output[1]))]
pub struct M {
    output: Linear<4, 2>,
}

#[bayes_model]
#[likelihood(Laplace(mean = output[0], scale = output[1].softplus() - noise))]
pub struct Less {
    output: Linear<4, 2>,
    #[prior(HalfNormal(1.0))]
    noise: Scale,
}

fn main() {
    let _ = (M::infer, Less::infer);
}
