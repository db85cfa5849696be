//! Distributions that are priors alone: in the place of a likelihood the macro must be able to name them, to say that they are
//! none.

use super::{
    Beta, Cauchy, Exponential, Gamma, HalfCauchy, HalfNormal, InverseGamma, Likelihood, LogNormal,
    Normal, Term, Uniform,
};

/// What may stand in `#[likelihood(..)]` as far as rustc is concerned: a likelihood, or a prior, which a rule of the language
/// refuses.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a likelihood: it does not implement `Likelihood`",
    label = "not a `Likelihood`",
    note = "`#[likelihood(..)]` takes a distribution of the target with its keys, such as `Normal(mean = output, sd = noise)` or `Categorical(logits = output)`"
)]
pub trait Distribution {
    const IS_PRIOR: bool;
    type Likelihood: Likelihood;
    fn likelihood(self) -> Self::Likelihood;
}

impl<L: Likelihood> Distribution for L {
    const IS_PRIOR: bool = false;
    type Likelihood = L;
    fn likelihood(self) -> L {
        self
    }
}

macro_rules! priors_alone {
    ($($name:ident ($($argument:ident),*);)*) => {$(
        #[doc(hidden)]
        impl Default for $name<Term> {
            fn default() -> Self {
                Self($(Term::$argument),*)
            }
        }

        impl Distribution for $name<Term> {
            const IS_PRIOR: bool = true;
            type Likelihood = Normal<Term>;
            /// Never run: the model does not compile.
            fn likelihood(self) -> Normal<Term> {
                Normal::default()
            }
        }
    )*};
}

priors_alone! {
    Beta(Unset, Unset);
    Cauchy(Unset, Unset);
    Exponential(Unset);
    Gamma(Unset, Unset);
    HalfCauchy(Unset);
    HalfNormal(Unset);
    InverseGamma(Unset, Unset);
    LogNormal(Unset, Unset);
    Uniform(Unset, Unset);
}
