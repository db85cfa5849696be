//! Networks of one, two and three hidden layers whose weights all have the prior N(0, 1).

use models::Nonlinearity;
use smc_runtime::prelude::*;

/// Something to be done with a network, whatever its type.
pub(crate) trait Given {
    /// Does it.
    ///
    /// # Errors
    /// Its own.
    fn network<M: Infers>(self, model: M) -> Result<()>;
}

/// One hidden layer.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
#[infer(symmetric())]
struct One {
    #[prior(Normal(0.0, 1.0))]
    hidden: Linear<Dyn, Dyn>,
    activation: Nonlinearity,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<Dyn, 1>,
    #[prior(HalfNormal(1.0))]
    noise: Scale,
}

/// Two hidden layers.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
#[infer(symmetric())]
struct Two {
    #[prior(Normal(0.0, 1.0))]
    first: Linear<Dyn, Dyn>,
    activation: Nonlinearity,
    #[prior(Normal(0.0, 1.0))]
    second: Linear<Dyn, Dyn>,
    and: Nonlinearity,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<Dyn, 1>,
    #[prior(HalfNormal(1.0))]
    noise: Scale,
}

/// Three hidden layers.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
#[infer(symmetric())]
struct Three {
    #[prior(Normal(0.0, 1.0))]
    first: Linear<Dyn, Dyn>,
    activation: Nonlinearity,
    #[prior(Normal(0.0, 1.0))]
    second: Linear<Dyn, Dyn>,
    and: Nonlinearity,
    #[prior(Normal(0.0, 1.0))]
    third: Linear<Dyn, Dyn>,
    then: Nonlinearity,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<Dyn, 1>,
    #[prior(HalfNormal(1.0))]
    noise: Scale,
}

/// Hands the network with these hidden layers to what is to be done with it.
///
/// # Errors
/// If there are none, or more than three; and those of what is done.
pub(crate) fn hand(widths: &[usize], activation: Nonlinearity, given: impl Given) -> Result<()> {
    let layer = |width: usize| Linear::sized(Dyn, width);
    let noise = Scale::default();
    match *widths {
        [a] => given.network(One {
            hidden: layer(a),
            activation,
            output: Linear::sized(Dyn, 1),
            noise,
        }),
        [a, b] => given.network(Two {
            first: layer(a),
            activation,
            second: layer(b),
            and: activation,
            output: Linear::sized(Dyn, 1),
            noise,
        }),
        [a, b, c] => given.network(Three {
            first: layer(a),
            activation,
            second: layer(b),
            and: activation,
            third: layer(c),
            then: activation,
            output: Linear::sized(Dyn, 1),
            noise,
        }),
        _ => {
            let expected = "one to three hidden layers, such as 3, 16,16 or 16,16,16";
            Err(Error::config("layers", format!("{widths:?}"), expected))
        }
    }
}
