//! The generics of a model are sizes.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
pub struct M<A> {
    #[prior(Normal(0.0, 1.0))]
    output: Linear<4, 1>,
    activation: A,
}

fn main() {
    let _ = M::<Tanh>::infer;
}
