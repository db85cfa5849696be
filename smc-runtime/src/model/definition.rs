//! What a model is: the trait that `#[bayes_model]` implements, and that can be written by hand.

use std::fmt::Debug;

use super::dist::{Likelihood, Term};
use super::field::FieldSpec;
use super::prior::Priors;
#[cfg(feature = "autodiff")]
use super::tensor::{Act, Device, Float, Params, Tape};
use super::views::Views;

/// A network or regression with priors and a likelihood: everything that an engine and a sampler need.
///
/// `#[bayes_model]` implements it. By hand, implement [`fields`](Model::fields), [`priors`](Model::priors),
/// [`likelihood`](Model::likelihood) and [`output`](Model::output); see `tests/tests/inference/eight_schools.rs` for a whole one.
pub trait Model: Clone + Debug + Send + Sync + 'static {
    /// A typed view of one draw, `posterior.draw(i)`.
    type Draw<'a>;

    /// The model's name in messages and reports.
    fn name(&self) -> &'static str;

    /// The fields in order, each with a name of its own, by which [`Priors::of`] and [`Model::term`] refer to it.
    fn fields(&self) -> Vec<FieldSpec>;

    /// Fills in sizes that depend on the number of features.
    fn resolve(&mut self, features: usize) {
        let _ = features;
    }

    /// Hands each field's prior to `priors`; a field comes after those that its prior names.
    fn priors(&self, priors: &mut Priors<'_>);

    /// The distribution of the targets.
    fn likelihood(&self) -> impl Likelihood + use<Self>;

    /// The field called `name` as a term, for a likelihood written by hand; `bind` refuses a name that no field has.
    fn term(&self, name: &'static str) -> Term {
        let fields = self.fields();
        let number = fields.iter().position(|field| field.shape.name == name);
        number.map_or(Term::Unknown(name), Term::Field)
    }

    /// Whether [`output`](Model::output) is exactly the chain of the fields' expressions in order, so that engines may walk
    /// the [`Architecture`](super::architecture::Architecture) instead. True for models that the macro writes.
    fn is_chain(&self) -> bool {
        false
    }

    /// The typed view of the parameter vector whose blocks are `blocks`.
    fn draw<'a>(&self, blocks: Views<'a>) -> Self::Draw<'a>;

    /// The network: outputs of shape (particles, rows, outputs) for features of shape (particles, rows, features).
    #[cfg(feature = "autodiff")]
    fn output<E: Float, D: Device<E>, T: Tape<E, D>>(
        &self,
        parameters: &Params<E, D, T>,
        x: Act<E, D, T>,
    ) -> Act<E, D, T>;
}
