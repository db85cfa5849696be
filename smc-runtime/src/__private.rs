//! The only names that generated code may use. Not part of the public interface: they change without notice.

pub use crate::data::Dataset;
pub use crate::infer::Inference;
pub use crate::model::check;
pub use crate::model::dist::{Distribution, Likelihood, Prior, Term};
pub use crate::model::nn::{Dyn, DynField, Field};
pub use crate::model::prior::{FieldNumber, Priors, Scope};
pub use crate::model::{FieldSpec, Model, Views, resolve};
pub use crate::run::{Infers, Run};

#[cfg(feature = "autodiff")]
pub use crate::model::Network;
#[cfg(feature = "autodiff")]
pub use crate::model::tensor::{Act, Device, Float, Params, Tape};

/// The key list of a likelihood expression, without evaluating it.
pub const fn keys_of<L: Likelihood>(_: fn() -> L) -> &'static [check::Key] {
    L::KEYS
}

/// Whether what gives a distribution before its keys are set gives one that is a prior alone.
pub const fn is_prior<D: Distribution>(_: fn() -> D) -> bool {
    D::IS_PRIOR
}

/// The support of a prior expression, without evaluating it; `None` for one that may stand on any field.
pub const fn support_of<P: Prior>(
    _: fn(&Scope<'_>) -> P,
) -> Option<crate::model::transform::Support> {
    if P::ANYWHERE { None } else { Some(P::SUPPORT) }
}

/// The expression of `#[infer(..)]`.
pub fn boxed<I: Algorithm>(algorithm: I) -> Box<dyn Inference> {
    algorithm.boxed()
}

/// [`Inference`] under another name, so that the message for what is none does not list every algorithm there is.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an algorithm: it does not implement `Inference`",
    label = "not an `Inference`",
    note = "the algorithms are `smc()`, `mcmc()`, `map()`, `ensemble()`, and your own that implement `Inference`; there is no NUTS, `mcmc(kernel = Chees::default())` is nearest"
)]
pub trait Algorithm {
    /// Itself.
    fn boxed(self) -> Box<dyn Inference>;
}

#[diagnostic::do_not_recommend]
impl<I: Inference + 'static> Algorithm for I {
    fn boxed(self) -> Box<dyn Inference> {
        Box::new(self)
    }
}

/// In place of a likelihood that has been reported; never run.
pub fn no_likelihood() -> impl Likelihood {
    crate::model::dist::Normal::<Term>::default()
}

/// Its tokens where the feature `autodiff` is on, nothing elsewhere: generated code cannot see this crate's features.
#[cfg(feature = "autodiff")]
#[doc(hidden)]
#[macro_export]
macro_rules! __autodiff {
    ($($tokens:tt)*) => { $($tokens)* };
}

#[cfg(not(feature = "autodiff"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __autodiff {
    ($($tokens:tt)*) => {};
}

pub use crate::__autodiff as autodiff;
