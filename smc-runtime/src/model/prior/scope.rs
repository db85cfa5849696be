//! What the arguments of a prior may refer to: the values of the parameters that it names, and the width of its layer.

use super::names::Named;
use crate::model::algebra::Num;
use crate::model::layout::{Block, Layout};

/// What a prior's arguments may refer to.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    pub(super) layout: &'a Layout,
    pub(super) theta: &'a [f32],
    pub(super) named: &'a Named,
    pub(super) fan_in: usize,
    /// Which element of the vectors among the named.
    pub(super) element: usize,
}

impl Scope<'_> {
    /// The value of the `i`-th field that this prior names, differentiable: of a vector, the element that belongs to the
    /// parameter under the prior.
    pub fn named(&self, i: usize) -> Num {
        let field = self.named.as_slice()[i];
        if let Some(value) = self.layout.fixed(field) {
            return Num::constant(value);
        }
        let (block, at) = place(self.layout, field, self.element);
        let value = block.support.constrain(f64::from(self.theta[at]));
        Num::variable(value, i + 1)
    }

    /// Number of inputs that feed one output of the layer under the prior.
    pub fn fan_in(&self) -> Num {
        Num::from(self.fan_in)
    }
}

/// Where in the parameter vector the number is that a prior means by the name of a field.
pub(super) fn place(layout: &Layout, field: usize, element: usize) -> (&Block, usize) {
    let block = &layout.of_field(field)[0];
    let element = if block.range.len() == 1 { 0 } else { element };
    (block, block.range.start + element)
}

/// How many priors a tensor has: one, or one for each element of the vectors that it names.
pub(super) fn groups(layout: &Layout, named: &Named) -> usize {
    let blocks = named
        .as_slice()
        .iter()
        .filter_map(|&f| layout.of_field(f).first());
    blocks.map(|b| b.range.len()).max().unwrap_or(1)
}
