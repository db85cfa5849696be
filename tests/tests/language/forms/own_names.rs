//! Names that lead elsewhere belong to the user first: layers, a likelihood and an algorithm of one's own may have them.
use smc_runtime::base::rng::Stream;
use smc_runtime::infer::Inference;
use smc_runtime::layers::*;
use smc_runtime::model::algebra::LnGamma;
use smc_runtime::model::check::Key;
use smc_runtime::model::dist::{Response, Univariate};
use smc_runtime::prelude::*;

/// Multiplies by a number.
#[derive(Clone, Copy, Debug, Default)]
struct Dropout;

impl Field for Dropout {
    type View<'a> = ();
    fn expr<E: Float, D: Device<E>, T: Tape<E, D>>(
        &self,
        _: FieldParams<'_, E, D, T>,
        x: Act<E, D, T>,
    ) -> Act<E, D, T> {
        x * E::narrow(0.5)
    }
}

mod mine {
    pub(super) use super::Dropout as Softmax;
}
use mine::Softmax;

/// The exponential distribution of a positive target, by the logarithm of its rate.
#[derive(Clone, Debug, Default)]
struct Exponential(Option<Term>);

impl Exponential {
    fn log_rate(self, rate: impl Into<Term>) -> Self {
        Self(Some(rate.into()))
    }
}

impl Univariate for Exponential {
    const KEYS: &'static [Key] = &[Key::column("log_rate")];
    const RESPONSE: Response = Response::Real;
    fn terms(&self) -> Vec<Term> {
        vec![self.0.clone().unwrap_or(Term::Unset)]
    }
    fn log_density<A: LnGamma>(&self, arguments: &[A], y: A) -> A {
        arguments[0].clone() - arguments[0].clone().exp() * y
    }
    fn mean(&self, arguments: &[f64]) -> f64 {
        (-arguments[0]).exp()
    }
    fn variance(&self, arguments: &[f64]) -> f64 {
        (-2.0 * arguments[0]).exp()
    }
    fn cdf(&self, arguments: &[f64], y: f64) -> Option<f64> {
        Some(-(-arguments[0].exp() * y).exp_m1())
    }
    fn sample(&self, arguments: &[f64], stream: &mut Stream) -> f64 {
        -stream.uniform().ln() / arguments[0].exp()
    }
}

fn nuts() -> impl Inference {
    smc().particles(8)
}

#[bayes_model]
#[likelihood(Exponential(log_rate = scaled))]
#[infer(nuts())]
struct Waits {
    output: Linear<1, 1>,
    halved: Dropout,
    scaled: Softmax,
}

#[test]
fn it_builds_and_runs() {
    struct Softmax;
    let _ = Softmax;
    let data = Dataset::new(1, vec![0.0, 1.0], vec![0.5, 1.5]).unwrap();
    assert!(Waits::infer(&data).run().unwrap().log_evidence().is_some());
}
