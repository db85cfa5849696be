//! A key that takes positive numbers takes every expression that is positive, and what the rules know nothing of.
use smc_runtime::prelude::*;

const FLOOR: f64 = 0.01;

fn mine(term: Term) -> Term {
    term * 2.0
}

macro_rules! takes {
    ($($name:ident { $($likelihood:tt)* })*) => {$(
        #[bayes_model]
        #[likelihood($($likelihood)*)]
        #[derive(Clone)]
        pub struct $name {
            output: Linear<4, 2>,
            #[prior(HalfNormal(1.0))]
            noise: Scale,
            #[prior(Beta(1.0, 1.0))]
            share: UnitInterval,
            #[prior(HalfNormal(1.0))]
            scales: Scale<3>,
            known: Fixed,
        }
    )*};
}

takes! {
    Product { Normal(mean = output[0], sd = noise * output[1].exp()) }
    Sum { Normal(mean = output[0], sd = output[1].softplus() + 0.01) }
    Parentheses { Normal(mean = output[0], sd = (output[1]).exp()) }
    Share { Normal(mean = output[0], sd = share * output[1].exp()) }
    Rest { Normal(mean = output[0], sd = (1.0 - share) * output[1].exp()) }
    Element { Normal(mean = output[0], sd = scales[2] * output[1].exp()) }
    Quotient { Normal(mean = output[0], sd = noise / output[1].exp()) }
    Constant { Normal(mean = output[0], sd = output[1].exp() + FLOOR) }
    Path { Normal(mean = output[0], sd = output[1] * self::FLOOR) }
    Function { Normal(mean = output[0], sd = mine(output[1])) }
    Given { Normal(mean = output[0], sd = known + output[1].exp()) }
    Square { Normal(mean = output[0], sd = output[1] * output[1] + 0.01) }
    Sigmoidal { Normal(mean = output[0], sd = 1.0 / (1.0 + (-output[1]).exp())) }
}

/// The last activation makes the output positive.
#[bayes_model]
#[likelihood(Normal(mean = positive[0], sd = positive[1]))]
pub struct Last {
    output: Linear<4, 2>,
    positive: Softplus,
}

#[bayes_model]
#[likelihood(StudentT(df = tails + 2.0, mean = output, scale = share))]
pub struct Heavy {
    output: Linear<4, 1>,
    #[prior(Gamma(2.0, 0.1))]
    tails: Scale,
    #[prior(Beta(1.0, 1.0))]
    share: UnitInterval,
}

#[bayes_model]
#[likelihood(Poisson(log_rate = output + offset.ln()))]
pub struct Exposed {
    output: Linear<4, 1>,
}

#[test]
fn it_builds_and_runs() {
    let data = Dataset::new(4, vec![0.5; 8], vec![0.0, 1.0]).unwrap();
    assert!(Last::infer(&data).with(smc().particles(8)).run().is_ok());
    assert!(Heavy::infer(&data).with(smc().particles(8)).run().is_ok());
}
