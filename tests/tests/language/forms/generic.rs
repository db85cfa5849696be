//! Sizes may be const generics, whatever they are called, and appear in a prior.
use smc_runtime::prelude::*;

#[bayes_model]
#[derive(PartialEq, Debug)]
#[likelihood(Normal(mean = output, sd = 0.5))]
struct Regressor<const D: usize, const E: usize, const T: usize = 2> {
    #[prior(Normal(0.0, Self::SCALE / (D as f64).sqrt()))]
    first: Linear<D, E>,
    tanh: Tanh,
    #[prior(Normal(0.0, 1.0 / (E as f64)))]
    second: Linear<{ E }, T>,
    relu: Relu,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<T, 1>,
}

impl<const D: usize, const E: usize, const T: usize> Regressor<D, E, T> {
    const SCALE: f64 = 2.0;
}

fn weights(posterior: &Posterior<Regressor<3, 8>>) -> &[[f32; 8]; 2] {
    posterior.draw(0).second.weight
}

fn generic<const D: usize, const H: usize>(
    posterior: &Posterior<Regressor<D, H>>,
) -> &[[f32; D]; H] {
    posterior.draw(0).first.weight
}

#[test]
fn it_builds_and_runs() {
    let _ = (weights, generic::<3, 8>);
    assert!(Regressor::<3, 8>::default() == Regressor::<3, 8, 2>::default());
}
