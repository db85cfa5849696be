//! From PyTorch: a container of layers.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = net, sd = 0.5))]
pub struct M {
    net: Sequential<(Linear<11, 32>, Tanh, Linear<32, 1>)>,
}

fn main() {
    let _ = M::infer;
}
