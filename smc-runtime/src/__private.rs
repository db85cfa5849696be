//! The only names that generated code may use. Not part of the public interface: they change without notice.

pub use crate::data::Dataset;
pub use crate::dist::{Likelihood, Prior, Term};
pub use crate::infer::Inference;
pub use crate::model::{FieldSpec, Model, Views, resolve};
pub use crate::nn::check;
pub use crate::nn::{DynField, Field};
pub use crate::prior::{Priors, Scope};
pub use crate::run::Run;

#[cfg(feature = "autodiff")]
pub use crate::engine::autodiff::{Act, Device, Params, Real, Tape};

/// The key list of a likelihood expression, without evaluating it.
pub const fn keys_of<L: Likelihood>(_: fn() -> L) -> &'static [check::Key] {
    L::KEYS
}

/// The support of a prior expression, without evaluating it.
pub const fn support_of<P: Prior>(_: fn() -> P) -> crate::transform::Support {
    P::SUPPORT
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
