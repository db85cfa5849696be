//! Every likelihood of one number per row, with expressions as arguments, and the offset of the data.
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(StudentT(df = 1.0 + shape, mean = output[0], scale = 0.5 * output[1].softplus()))]
struct Robust {
    #[prior(Normal(0.0, 1.0))]
    output: Linear<4, 2>,
    #[prior(HalfNormal(1.0))]
    shape: Scale,
}

#[bayes_model]
#[likelihood(Laplace(mean = -output, scale = (noise / 2.0).ln().exp()))]
struct Median {
    #[prior(Normal(0.0, 1.0))]
    output: Linear<4, 1>,
    #[prior(HalfNormal(1.0))]
    noise: Scale,
}

#[bayes_model]
#[likelihood(Bernoulli(logit = output))]
struct Yes {
    #[prior(Normal(0.0, 1.0))]
    output: Linear<4, 1>,
}

#[bayes_model]
#[likelihood(NegativeBinomial(log_mean = output + offset, dispersion = shape))]
struct Counts {
    #[prior(Normal(0.0, 1.0))]
    output: Linear<4, 1>,
    #[prior(HalfNormal(1.0))]
    shape: Scale,
}

#[bayes_model]
#[likelihood(Poisson::default().log_rate(offset - output))]
struct Spelt {
    #[prior(Normal(0.0, 1.0))]
    output: Linear<4, 1>,
}

/// A field of that name is the field.
#[bayes_model]
#[likelihood(Normal(mean = offset, sd = 1.0))]
struct Named {
    #[prior(Normal(0.0, 1.0))]
    offset: Linear<4, 1>,
}

#[test]
fn it_builds_and_runs() {
    let _ = (Robust::infer, Median::infer, Yes::infer);
    let _ = (Counts::infer, Spelt::infer, Named::infer);
}
