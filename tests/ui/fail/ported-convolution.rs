//! From PyTorch: a convolution with what is around it.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Categorical(logits = output))]
pub struct M {
    #[prior(Normal(0.0, 1.0))]
    kernel: Conv2d<1, 8, 3>,
    activation: Relu,
    flat: Flatten,
    output: Linear<1352, 10>,
}

fn main() {
    let _ = M::infer;
}
