//! A parameter that can be any real number is no standard deviation.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
pub struct M {
    output: Linear<4, 1>,
    #[prior(Normal(0.0, 1.0))]
    noise: Real,
}

#[bayes_model]
#[likelihood(StudentT(df = 4.0, mean = output, scale = 2.0 * noise[1]))]
pub struct Element {
    output: Linear<4, 1>,
    #[prior(Normal(0.0, 1.0))]
    noise: Real<3>,
}

fn main() {
    let _ = (M::infer, Element::infer);
}
