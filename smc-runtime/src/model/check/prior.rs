//! The rules of priors: where one can stand, which a field needs, and what one can name.

use super::shape::{FieldShape, ModelShape};
use super::text::{Text, is_among, same};
use crate::model::layout::Part;
use crate::model::rule::{Dyn, Rule};
use crate::model::transform::Support;

impl ModelShape<'_> {
    /// Whether a prior of support `prior`, or of any support if that is `None`, can stand on field number `at`, or on its
    /// parameter tensor `block`.
    ///
    /// # Errors
    /// The message for the user.
    pub const fn prior(
        &self,
        at: usize,
        block: Option<&str>,
        name: &str,
        prior: Option<Support>,
    ) -> Result<(), Text> {
        let (field, text) = (&self.fields[at], Text::new());
        let Some(support) = field.support else {
            // That it is none, or does not say where its parameters live, has been reported.
            if field.instead.is_some() || !field.parts.is_empty() {
                return Ok(());
            }
            return Err(text
                .field(self.name, field)
                .str(" has no parameters, so it takes no prior; remove `#[prior(..)]`"));
        };
        if let Some(block) = block
            && !field.parts.is_empty()
            && !has_part(field.parts, block)
        {
            let text = text.field(self.name, field);
            if has_part(field.parts, "") {
                return Err(text.str(" is one parameter; write its prior without a name"));
            }
            return Err(text
                .str(" has no parameter `")
                .str(block)
                .str("`, only ")
                .parts(field.parts));
        }
        match prior {
            Some(prior) if !support.same(prior) => Err(text
                .str("`")
                .str(name)
                .str("` gives density to ")
                .str(prior.words())
                .str(", but ")
                .field(self.name, field)
                .str(" takes ")
                .str(support.words())),
            _ => Ok(()),
        }
    }

    /// Whether field number `at`, if it has parameters, says where they live.
    ///
    /// # Errors
    /// The message for the user.
    pub const fn support_said(&self, at: usize) -> Result<(), Text> {
        let field = &self.fields[at];
        if field.support.is_some() || field.parts.is_empty() {
            return Ok(());
        }
        let text = Text::new().field(self.name, field).str(" has parameters");
        let text = if has_part(field.parts, "") {
            text
        } else {
            text.str(", ").parts(field.parts).str(",")
        };
        Err(text.str(" but does not say where they live: write `const SUPPORT: Option<Support> = Some(Support::Real);` in its `impl Field`"))
    }

    /// Whether the priors of the parameter tensors `given` are all that field number `at` needs.
    ///
    /// # Errors
    /// The message for the user.
    pub const fn priors_given(&self, at: usize, given: &[&str]) -> Result<(), Text> {
        let field = &self.fields[at];
        let mut i = 0;
        while i < field.parts.len() {
            let block = field.parts[i].name;
            if !is_among(given, block) && !block.is_empty() {
                return Err(Text::new()
                    .field(self.name, field)
                    .str(" also needs a prior for its `")
                    .str(block)
                    .str("`: write `#[prior(.., ")
                    .str(block)
                    .str(" = Normal(0.0, 1.0))]`"));
            }
            i += 1;
        }
        Ok(())
    }

    /// Whether field number `at`, which has no prior, needs one: a layer has a default.
    ///
    /// # Errors
    /// The message for the user.
    pub const fn no_prior(&self, at: usize) -> Result<(), Text> {
        let field = &self.fields[at];
        let prior = match (field.support, field.rule) {
            (None, _)
            | (Some(Support::Real), Rule::Features { .. } | Rule::Shaped { .. } | Rule::Same) => {
                return Ok(());
            }
            (Some(Support::Real), Rule::Parameter) => "Normal(0.0, 1.0)",
            (Some(Support::Positive), _) => "HalfNormal(1.0)",
            (Some(Support::UnitInterval), _) => "Beta(1.0, 1.0)",
        };
        Err(Text::new()
            .field(self.name, field)
            .str(" has no prior; write `#[prior(")
            .str(prior)
            .str(")]` above it"))
    }

    /// Whether the prior of field number `on`, or of its parameter tensor `block`, can name field number `at`: it must be a
    /// parameter, and a vector must have an element for each input of a layer or for each element of a vector.
    ///
    /// # Errors
    /// The message for the user.
    pub const fn named(&self, on: usize, block: Option<&str>, at: usize) -> Result<(), Text> {
        // A length of zero has been reported where it is declared, and a vector of one is one number.
        let vector = self.fields[at].elements > 1;
        match self.named_kind(on, block, at, vector) {
            Ok(()) if vector => self.named_length(on, at),
            judged => judged,
        }
    }

    /// Whether the field is a parameter and, if it is a `vector`, stands under what has elements for it.
    pub(super) const fn named_kind(
        &self,
        on: usize,
        block: Option<&str>,
        at: usize,
        vector: bool,
    ) -> Result<(), Text> {
        let (field, under) = (&self.fields[at], &self.fields[on]);
        if !matches!(field.rule, Rule::Parameter) {
            return Err(Text::new()
                .field(self.name, field)
                .str(" is part of the network; a prior can name only parameters such as `Scale`"));
        }
        if vector
            && !matches!(under.rule, Rule::Parameter)
            && let Some(part) = without_inputs(under.parts, block)
        {
            return Err(self.no_inputs(field, under, part));
        }
        Ok(())
    }

    /// Whether the vector that field number `at` is has as many elements as the prior of field number `on` needs.
    pub(super) const fn named_length(&self, on: usize, at: usize) -> Result<(), Text> {
        let (field, under) = (&self.fields[at], &self.fields[on]);
        let (needed, what) = match under.rule {
            Rule::Features { inputs, .. } => (inputs, "input"),
            Rule::Shaped { takes, .. } => (takes.len(), "input"),
            Rule::Same => (self.width_before(on).0, "input"),
            Rule::Parameter => (under.elements, "element"),
        };
        if field.elements == Dyn || needed == Dyn || field.elements == needed {
            return Ok(());
        }
        Err(Text::new()
            .field(self.name, field)
            .str(" has ")
            .size(field.elements, self.generics)
            .str(" elements, but ")
            .field(self.name, under)
            .str(" needs ")
            .size(needed, self.generics)
            .str(", one for each ")
            .str(what))
    }

    /// The part `part` of the layer `under` has no inputs that the vector `field` could have elements for.
    const fn no_inputs(&self, field: &FieldShape<'_>, under: &FieldShape<'_>, part: Part) -> Text {
        let mut text = Text::new()
            .field(self.name, field)
            .str(" has an element for each input, and ");
        if !part.name.is_empty() {
            text = text.str("the ").str(part.name).str(" of ");
        }
        text = text.field(self.name, under).str(" has no inputs");
        if part.name.is_empty() {
            return text;
        }
        text = text.str("; write `#[prior(");
        let mut i = 0;
        while i < under.parts.len() {
            let part = &under.parts[i];
            text = text.str(if i > 0 { ", " } else { "" }).str(part.name).str(
                if part.role.has_inputs() {
                    " = .."
                } else {
                    " = Normal(0.0, 1.0)"
                },
            );
            i += 1;
        }
        text.str(")]`")
    }
}

const fn has_part(parts: &[Part], name: &str) -> bool {
    let mut i = 0;
    while i < parts.len() {
        if same(parts[i].name, name) {
            return true;
        }
        i += 1;
    }
    false
}

/// The first part that a prior on `block`, or on all parts, stands on and that has no inputs.
const fn without_inputs(parts: &[Part], block: Option<&str>) -> Option<Part> {
    let mut i = 0;
    while i < parts.len() {
        let under = match block {
            Some(block) => same(parts[i].name, block),
            None => true,
        };
        if under && !parts[i].role.has_inputs() {
            return Some(parts[i]);
        }
        i += 1;
    }
    None
}
