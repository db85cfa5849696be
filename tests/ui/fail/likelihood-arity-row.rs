//! A key that takes a whole row takes no single output.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Categorical(logits = output[1]))]
pub struct M {
    #[prior(Normal(0.0, 1.0))]
    output: Linear<4, 3>,
}

fn main() {
    let _ = M::infer;
}
