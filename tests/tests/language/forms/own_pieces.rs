//! A layer, a prior, a likelihood and an algorithm of the user's need nothing of the macro.
use smc_runtime::base::rng::Stream;
use smc_runtime::layers::*;
use smc_runtime::model::algebra::Num;
use smc_runtime::prelude::*;

/// sin(x), element by element.
#[derive(Clone, Debug, Default)]
struct Sine;

impl Field for Sine {
    type View<'a> = ();

    fn expr<E: Float, D: Device<E>, T: Tape<E, D>>(
        &self,
        _: FieldParams<'_, E, D, T>,
        x: Act<E, D, T>,
    ) -> Act<E, D, T> {
        x.sin()
    }
}

mod priors {
    use super::*;

    #[derive(Clone, Copy, Debug)]
    pub struct Logistic(pub Num, pub Num);

    impl Prior for Logistic {
        const SUPPORT: Support = Support::Real;

        fn log_density(&self, x: Num) -> Num {
            let z = (x - self.0) / self.1;
            -z - self.1.ln() - 2.0 * (1.0 + (-z).exp()).ln()
        }

        fn sample(&self, stream: &mut Stream) -> f64 {
            let u = stream.uniform();
            self.0.value() + self.1.value() * (u / (1.0 - u)).ln()
        }
    }

    pub fn standard() -> Logistic {
        Logistic(0.0.into(), 1.0.into())
    }
}

/// A likelihood by a function, whose keys are setters like any other's.
fn gaussian() -> Normal<Term> {
    Normal::default()
}

#[bayes_model]
#[likelihood(gaussian(mean = output, sd = noise))]
#[infer(my_algorithm(particles = 2 * HALF))]
struct Waves {
    #[prior(priors::Logistic(0, noise))]
    hidden: Linear<4, 8>,
    sine: Sine,
    #[prior(priors::standard())]
    output: Linear<8, 1>,
    #[prior(HalfNormal(1.0))]
    noise: Scale,
}

const HALF: usize = 32;

use smc as my_algorithm;

#[test]
fn it_builds_and_runs() {
    let _ = Waves::infer;
    let fields = Waves::default().fields();
    assert_eq!(fields[1].shape.ty, "Sine");
}
