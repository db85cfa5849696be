//! Generated code passes the lints that a user may deny. A mistake here is reported while this file compiles.
#![deny(warnings, missing_docs, clippy::all, clippy::pedantic)]
#![deny(
    unused,
    unused_qualifications,
    unreachable_pub,
    nonstandard_style,
    future_incompatible,
    rust_2018_idioms
)]
#![deny(
    single_use_lifetimes,
    unused_lifetimes,
    missing_debug_implementations,
    missing_copy_implementations
)]
#![deny(
    explicit_outlives_requirements,
    let_underscore_drop,
    trivial_casts,
    unused_results,
    redundant_lifetimes
)]
#![forbid(unsafe_code)]

use smc_runtime::prelude::*;

/// A standard deviation.
const WIDE: f64 = 2.5;

/// Every part of the language in a public model.
#[bayes_model]
#[likelihood(Normal(mean = output[0], sd = output[1].exp()))]
#[infer(smc(particles = 8))]
pub struct Public<const D: usize, const H: usize> {
    #[prior(Normal(0.0, tau / fan_in.sqrt()))]
    hidden: Linear<D, H>,
    activation: Tanh,
    #[prior(Normal(0, WIDE))]
    output: Linear<H, 2>,
    #[prior(HalfNormal(1))]
    tau: Scale,
}

mod inner {
    use smc_runtime::prelude::*;

    /// A model that its crate alone sees, with derives of its own.
    #[bayes_model]
    #[derive(Clone, Default, PartialEq)]
    #[likelihood(Normal(mean = output, sd = 0.5))]
    pub(crate) struct Crate {
        #[prior(Normal(0.0, 1.0))]
        output: Linear<Dyn, 1>,
    }
}

/// A model that is used for nothing but its name.
#[bayes_model]
#[likelihood(Categorical(logits = r#type))]
struct Private {
    relu: Relu,
    #[prior(Normal(0.0, 1.0))]
    r#type: Linear<3, 4>,
}

#[test]
fn the_models_are_models() {
    assert_eq!(Public::<3, 4>::default().name(), "Public");
    assert!(inner::Crate::default() == inner::Crate::default());
    let fields = Private::default().fields();
    assert_eq!(fields[1].shape.name, "type");
}
