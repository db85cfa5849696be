//! A likelihood that takes every output, also where their number is generic.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Categorical(logits = output))]
struct Classifier<const K: usize> {
    #[prior(Normal(0.0, 1.0))]
    hidden: Linear<784, 100>,
    relu: Relu,
    #[prior(Normal(0.0, 1.0 / fan_in.sqrt()))]
    output: Linear<100, K>,
}

#[test]
fn it_builds_and_runs() {
    let _ = Classifier::<10>::infer;
}
