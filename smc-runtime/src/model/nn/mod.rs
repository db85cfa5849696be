//! What a model is made of: layers and parameters. One per file; each states its shape rule, its parameter blocks and
//! its mathematics as a tensor expression. No gradient code lives here.

mod activation;
#[doc(hidden)]
pub mod elsewhere;
mod fixed;
mod linear;
mod parameter;
#[cfg(feature = "autodiff")]
mod shared;
mod view;

pub use super::rule::{Dyn, Rule};
pub use activation::{Gelu, LeakyRelu, Relu, Sigmoid, Silu, Softplus, Tanh};
pub use fixed::Fixed;
pub use linear::{
    Linear, LinearNoBias, LinearNoBiasShaped, LinearNoBiasView, LinearShaped, LinearView,
};
pub use parameter::{Real, Scale, UnitInterval, Values};
pub use view::{BlockSlices, Matrix, View};

use std::sync::Arc;

use super::interval::Interval;
use super::nature::Nature;
use crate::model::fused::FusedLayer;
use crate::model::layout::{BlockSpec, Part};
#[cfg(feature = "autodiff")]
use crate::model::tensor::{Act, Device, FieldParams, Float, Tape};
use crate::model::transform::Support;

/// A field of a model: a layer, an activation or a parameter.
///
/// Fields chain in the order in which they are declared, except those whose rule is [`Rule::Parameter`]. A layer of
/// your own needs nothing of the macro:
///
/// ```
/// use smc_runtime::layers::*;
///
/// /// sin(x), element by element.
/// #[derive(Clone, Debug, Default)]
/// struct Sine;
///
/// impl Field for Sine {
///     type View<'a> = ();
///     fn expr<E: Float, D: Device<E>, T: Tape<E, D>>(
///         &self,
///         _: FieldParams<'_, E, D, T>,
///         x: Act<E, D, T>,
///     ) -> Act<E, D, T> {
///         x.sin()
///     }
/// }
/// ```
///
/// A layer with parameters also states [`Field::SUPPORT`], [`Field::RULE`] and [`Field::blocks`]; the example `own_layers` has two. `bind`
/// tries every layer of one's own on one row, and names one that panics or gives another shape than it declares.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a field of a model: it does not implement `Field`",
    label = "not a layer, an activation or a parameter",
    note = "a model's fields are layers such as `Linear<11, 32>`, activations such as `Tanh`, and parameters: `Real`, `Scale` for what is positive, `UnitInterval`, and `Fixed` for a number that is given"
)]
pub trait Field: Clone + std::fmt::Debug + Default + Send + Sync + 'static {
    /// The compile-time shape rule; sizes that are known only at run time are [`Dyn`] in it.
    const RULE: Rule = Rule::Same;

    /// Where the parameters live, or `None` for a field without parameters. A prior must fit it.
    const SUPPORT: Option<Support> = None;

    /// How many numbers a [`Rule::Parameter`] is; [`Dyn`] where that is known only at run time.
    const ELEMENTS: usize = 1;

    /// Names and roles of the parameter tensors, so that `#[prior(weight = .., bias = ..)]` is checked while the model compiles;
    /// otherwise `bind` checks it.
    const PARTS: &'static [Part] = &[];

    /// Where the numbers lie that a layer gives, which the likelihood's keys are judged by: `sd = output` is refused unless
    /// the last layer says that it gives positive numbers. A parameter is judged by its support.
    const GIVES: Interval = Interval::REAL;

    /// Whether the laws of this crate hold it to what it declares; any other is tried at `bind`.
    #[doc(hidden)]
    const BUILT_IN: bool = false;

    /// What to write instead, for a type that is a field by name alone: `bind` and the compiler refuse it with these words.
    #[doc(hidden)]
    const INSTEAD: Option<&'static str> = None;

    /// What `posterior.draw(i).field` is: `()` without parameters, [`Matrix`]-like or your own type with them.
    type View<'a>: View<'a>;

    /// The rule with run-time sizes filled in.
    fn rule(&self) -> Rule {
        Self::RULE
    }

    /// Learns at `bind` how many features arrive where the field stands.
    fn resolve(&mut self, inputs: usize) {
        let _ = inputs;
    }

    /// The parameter tensors, in the order in which [`Field::expr`] takes them.
    fn blocks(&self) -> Vec<BlockSpec> {
        Vec::new()
    }

    /// The value of a parameter that is given and not learned.
    fn fixed(&self) -> Option<f64> {
        None
    }

    /// What it is called where a network is written in a line; the name of its type unless said otherwise.
    fn label(&self) -> String {
        let name = std::any::type_name::<Self>();
        let bare = name.split('<').next().unwrap_or(name);
        bare.rsplit("::").next().unwrap_or(bare).to_owned()
    }

    /// What is known of its mathematics. Symmetries and layerwise inference follow from it, so it must be true; the
    /// conformance check of a model tries it.
    fn nature(&self) -> Nature {
        Nature::Other
    }

    /// Its form for the fused engine, if it has one; a model with a layer that has none runs on autodiff.
    fn fused(&self) -> Option<Arc<dyn FusedLayer>> {
        None
    }

    /// The mathematics, on activations of shape (particles, rows, features). Defaults to the identity.
    #[cfg(feature = "autodiff")]
    fn expr<E: Float, D: Device<E>, T: Tape<E, D>>(
        &self,
        parameters: FieldParams<'_, E, D, T>,
        x: Act<E, D, T>,
    ) -> Act<E, D, T> {
        let _ = parameters;
        x
    }

    /// The same on the features themselves, of shape (1, rows, features): every particle shares them and nobody asks for a
    /// derivative with respect to them, so that a layer can have one product for all particles. `None`, unless a layer says
    /// otherwise: [`Field::expr`] then gets a copy of them for each particle.
    #[cfg(feature = "autodiff")]
    fn of_features<E: Float, D: Device<E>, T: Tape<E, D>>(
        &self,
        parameters: FieldParams<'_, E, D, T>,
        features: &Act<E, D, dfdx::prelude::NoneTape>,
    ) -> Option<Act<E, D, T>> {
        let _ = (parameters, features);
        None
    }
}

/// A field whose sizes may be written [`Dyn`]: its view then carries them at run time.
pub trait DynField: Field {
    /// What `posterior.draw(i).field` is where the macro sees `Dyn` in the field's type.
    type Shaped<'a>: View<'a>;
}
