//! From PyTorch: probabilities in place of logits.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Categorical(logits = top))]
pub struct M {
    output: Linear<11, 3>,
    top: Softmax,
}

fn main() {
    let _ = M::infer;
}
