//! A model as the rules see it: its fields in order, and the sizes that stand for generic parameters.

use crate::model::interval::Interval;
use crate::model::layout::Part;
use crate::model::rule::{Rule, Shape};
use crate::model::transform::Support;

/// A field as the checks see it.
#[derive(Clone, Copy, Debug)]
pub struct FieldShape<'a> {
    /// The field's name.
    pub name: &'static str,
    /// Its type as the user wrote it.
    pub ty: &'static str,
    /// Its shape rule.
    pub rule: Rule,
    /// Where its parameters live.
    pub support: Option<Support>,
    /// How many numbers it is, if it is a parameter; [`Dyn`](crate::model::nn::Dyn) where that is known only at run time.
    pub elements: usize,
    /// Its parameter tensors; empty where only `bind` knows them.
    pub parts: &'a [Part],
    /// Where the numbers lie that the likelihood can take of it; `None` where the rules do not know.
    pub gives: Option<Interval>,
    /// What to write instead of a type that is a field by name alone; nothing else is said of it.
    pub instead: Option<&'static str>,
}

/// Where the numbers lie that the likelihood can take of a field: a parameter by its support, a layer by what it gives.
pub const fn gives(rule: Rule, support: Option<Support>, layer: Interval) -> Option<Interval> {
    match (rule, support) {
        (Rule::Parameter, Some(support)) => Some(Interval::of(support)),
        // A number that is given, which only `bind` knows.
        (Rule::Parameter, None) => None,
        _ => Some(layer),
    }
}

/// A const generic parameter of the struct, stood in for by a prime so that `cargo check` can compare sizes.
#[derive(Clone, Copy, Debug)]
pub struct Generic {
    /// The parameter's name.
    pub name: &'static str,
    /// The number that stands for it.
    pub prime: usize,
}

/// A model as the rules see it.
#[derive(Clone, Copy, Debug)]
pub struct ModelShape<'a> {
    /// The model's name.
    pub name: &'a str,
    /// Its fields, in order.
    pub fields: &'a [FieldShape<'a>],
    /// The width of the data, [`Dyn`](crate::model::nn::Dyn) while it is unknown.
    pub features: usize,
    /// Its generic parameters; none where their values are known.
    pub generics: &'a [Generic],
}

impl ModelShape<'_> {
    /// Outputs of the chain up to and without field `end`: their number and the field that gives them; `None` for the data.
    pub(super) const fn width_before(&self, end: usize) -> (usize, Option<usize>) {
        let (shape, giver) = self.shape_before(end);
        (shape.len(), giver)
    }

    /// The same with their shape.
    pub(super) const fn shape_before(&self, end: usize) -> (Shape, Option<usize>) {
        let (mut shape, mut giver) = (Shape::Features(self.features), None);
        let mut i = 0;
        while i < end {
            if let Some((_, gives)) = self.fields[i].rule.ends() {
                shape = gives;
                giver = Some(i);
            } else if matches!(self.fields[i].rule, Rule::Same) && giver.is_some() {
                giver = Some(i);
            }
            i += 1;
        }
        (shape, giver)
    }

    /// The field whose output is the network's: the last that is no parameter.
    pub(super) const fn last_of_chain(&self) -> usize {
        let mut last = 0;
        let mut i = 0;
        while i < self.fields.len() {
            if !matches!(self.fields[i].rule, Rule::Parameter) {
                last = i;
            }
            i += 1;
        }
        last
    }

    /// Whether `size` stands for a generic parameter.
    pub(super) const fn is_generic(&self, size: usize) -> bool {
        let mut i = 0;
        while i < self.generics.len() {
            if self.generics[i].prime == size {
                return true;
            }
            i += 1;
        }
        false
    }
}
