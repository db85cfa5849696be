//! Outputs of the network by index; a field may be named more than once.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output[0], sd = (output[1]).exp()))]
struct Two {
    #[prior(Normal(0.0, 1.0))]
    output: Linear<4, 2>,
}

#[bayes_model]
#[likelihood(Normal(mean = output, sd = output.exp()))]
struct Same {
    #[prior(Normal(0.0, 1.0))]
    output: Linear<4, 1>,
}

#[bayes_model]
#[likelihood(Normal::default().mean(output[1]).sd(output[0].exp()))]
struct Spelt {
    #[prior(Normal(0.0, 1.0))]
    output: Linear<4, 2>,
}

#[test]
fn it_builds_and_runs() {
    let _ = (Two::infer, Same::infer, Spelt::infer);
}
