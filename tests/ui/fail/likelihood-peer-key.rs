//! A key as another library calls it leads to the one that there is.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Poisson(rate = output))]
struct M {
    #[prior(Normal(0.0, 1.0))]
    output: Linear<4, 1>,
}

#[bayes_model]
#[likelihood(NegativeBinomial(log_mean = output, total_count = 2.0))]
struct N {
    #[prior(Normal(0.0, 1.0))]
    output: Linear<4, 1>,
}

#[bayes_model]
#[likelihood(Bernoulli(logits = output))]
struct O {
    #[prior(Normal(0.0, 1.0))]
    output: Linear<4, 1>,
}

fn main() {}
