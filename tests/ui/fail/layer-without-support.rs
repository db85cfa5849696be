//! A layer with parameters says where they live.
use smc_runtime::layers::*;
use smc_runtime::prelude::*;

#[derive(Clone, Debug, Default)]
struct Gain;

impl Field for Gain {
    const PARTS: &'static [Part] = &[Part::new("gain", Role::Scale)];
    type View<'a> = BlockSlices<'a>;

    fn blocks(&self) -> Vec<BlockSpec> {
        unimplemented!()
    }
}

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
struct M {
    #[prior(Normal(1.0, 0.1))]
    gain: Gain,
    output: Linear<4, 1>,
}

fn main() {
    let _ = M::infer;
}
