//! What a user declares, and what it offers: fields, priors and likelihoods, each with its tensor expression and its fused
//! form; the rules of the language; the parameters and the network as data. It knows nothing of data files, engines and
//! samplers.

pub mod algebra;
pub mod architecture;
pub mod check;
mod definition;
pub mod dist;
mod field;
pub mod fused;
pub mod interval;
pub mod layout;
mod nature;
#[cfg(feature = "autodiff")]
pub(crate) mod network;
pub mod nn;
pub mod prior;
mod role;
mod rule;
mod settle;
pub mod symmetry;
#[cfg(feature = "autodiff")]
pub mod tensor;
mod term;
pub mod transform;
#[cfg(feature = "autodiff")]
pub(crate) mod trial;
mod views;

pub use definition::Model;
pub use field::FieldSpec;
#[cfg(feature = "autodiff")]
pub use network::Network;
pub use settle::resolve;
pub(crate) use settle::settle;
pub use views::Views;
