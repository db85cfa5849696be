//! The language in one model: layers in a chain, parameters beside it, a prior that names both a parameter and a size.
use smc_runtime::prelude::*;

const WIDE: f64 = 3.0;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
#[infer(smc(particles = 64))]
pub struct Wine {
    #[prior(Normal(0.0, tau / fan_in.sqrt()))]
    hidden: Linear<11, 32>,
    activation: Tanh,
    #[prior(Normal(0, WIDE))]
    output: Linear<32, 1>,
    #[prior(HalfNormal(1))]
    tau: Scale,
    #[prior(HalfNormal(self::small))]
    noise: Scale,
}

#[allow(non_upper_case_globals)]
const small: f32 = 0.1;

/// A layer's parameters are arrays of the sizes in its type.
fn weights(posterior: &Posterior<Wine>) -> (&[[f32; 11]; 32], f32) {
    let draw = posterior.draw(0);
    let WineDraw {
        hidden,
        activation: (),
        output: _,
        tau,
        noise: _,
    } = draw;
    (hidden.weight, *tau)
}

#[test]
fn it_builds_and_runs() {
    let _ = weights;
    assert_eq!(Wine::default().name(), "Wine");
}
