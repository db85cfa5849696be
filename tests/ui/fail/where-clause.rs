//! The generics of a model are sizes, of which nothing is asked.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
pub struct M<const D: usize>
where
    Tanh: Clone,
{
    #[prior(Normal(0.0, 1.0))]
    output: Linear<D, 1>,
}

fn main() {
    let _ = M::<3>::infer;
}
