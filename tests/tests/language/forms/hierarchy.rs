//! Priors name parameters that are declared later, and parameters of parameters.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
struct Tree {
    #[prior({ let scale = tau * lambda; Normal(0.0, scale) })]
    output: Linear<4, 1>,
    #[prior(HalfNormal(if lambda.value() > 1.0 { lambda } else { lambda * 2.0 }))]
    tau: Scale,
    #[prior(HalfNormal(1.0))]
    lambda: Scale,
    #[prior(HalfNormal((|tau: f64| tau + 1.0)(0.5)))]
    noise: Scale,
}

#[test]
fn it_builds_and_runs() {
    assert_eq!(Tree::default().fields().len(), 4);
}
