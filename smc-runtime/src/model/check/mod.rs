//! The rules of the language as data, each judged by one function: in const evaluation while the user compiles, and again
//! at `bind` with the sizes that are known only then. The text is the same.

// A message is built in const evaluation, where nothing can be boxed.
#![allow(clippy::result_large_err, clippy::large_types_passed_by_value)]

mod bound;
mod chain;
mod instead;
mod keys;
mod likelihood;
mod prior;
mod shape;
mod text;
mod value;

pub use super::term::{Function, Operator};
pub(crate) use bound::{GivenPrior, no_field, refused, short_name};
pub use instead::is_likelihood;
pub use keys::{ANY, Key, Takes, has_key, key, keys_given, known_key};
pub use likelihood::Use;
pub use shape::{FieldShape, Generic, ModelShape, gives};
pub use text::Text;
pub use value::{Does, Token};

/// Ends const evaluation with the message, if there is one.
///
/// # Panics
/// With the message. Called only while a model is compiled.
#[track_caller]
pub const fn expect(checked: Result<(), Text>) {
    if let Err(text) = checked {
        panic!("{}", text.as_str());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::interval::Interval;
    use crate::model::layout::Part;
    use crate::model::rule::Rule;
    use crate::model::transform::Support;

    pub(super) const fn layer(
        name: &'static str,
        ty: &'static str,
        inputs: usize,
        outputs: usize,
    ) -> FieldShape<'static> {
        FieldShape {
            name,
            ty,
            rule: Rule::Features { inputs, outputs },
            support: Some(Support::Real),
            elements: 1,
            parts: const { &[Part::weight("weight"), Part::bias("bias")] },
            gives: Some(Interval::REAL),
            instead: None,
        }
    }

    pub(super) const TANH: FieldShape<'static> = FieldShape {
        name: "activation",
        ty: "Tanh",
        rule: Rule::Same,
        support: None,
        elements: 1,
        parts: &[],
        gives: Some(Interval::between(-1.0, 1.0)),
        instead: None,
    };

    pub(super) fn message(r: Result<(), Text>) -> String {
        r.map_or_else(|t| t.as_str().to_owned(), |()| String::new())
    }
}
