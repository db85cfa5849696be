//! From PyTorch: recurrent layers.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
pub struct M {
    one: LSTM<11, 32>,
    two: GRU<32, 16>,
    three: RNN<16, 8>,
    output: Linear<8, 1>,
}

fn main() {
    let _ = M::infer;
}
