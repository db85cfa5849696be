//! A positive scalar parameter.

use super::view::{BlockSlices, View};
use super::{Field, Rule};
use crate::layout::BlockSpec;
use crate::transform::Support;

/// A positive number with a prior of its own: a noise level, or the scale of a layer's weights.
///
/// It stands beside the chain of layers; priors and the likelihood name it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scale;

impl Field for Scale {
    const RULE: Rule = Rule::Parameter;
    const SUPPORT: Option<Support> = Some(Support::Positive);

    type View<'a> = f32;

    fn blocks(&self) -> Vec<BlockSpec> {
        vec![BlockSpec {
            name: "",
            shape: Vec::new(),
            support: Support::Positive,
            fan_in: 1,
        }]
    }
}

/// A scalar parameter's value.
impl<'a> View<'a> for f32 {
    fn view(blocks: BlockSlices<'a>) -> Self {
        blocks
            .block(0)
            .support
            .constrain(f64::from(blocks.slice(0)[0])) as Self
    }
}
