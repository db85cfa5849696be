//! From PyTorch: two classes with one logit.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Categorical(logits = output))]
pub struct M {
    output: Linear<11, 1>,
}

fn main() {
    let _ = M::infer;
}
