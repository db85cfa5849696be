//! One draw's blocks, field by field.

use super::layout::Layout;
use super::nn::{BlockSlices, View};

/// The blocks of every field within one draw; generated code reads typed views from it.
#[derive(Clone, Copy, Debug)]
pub struct Views<'a> {
    layout: &'a Layout,
    theta: &'a [f32],
}

impl<'a> Views<'a> {
    pub(crate) fn new(layout: &'a Layout, theta: &'a [f32]) -> Self {
        Self { layout, theta }
    }

    /// The view of field number `field`.
    pub fn field<V: View<'a>>(&self, field: usize) -> V {
        V::view(self.blocks(field))
    }

    /// The blocks of field number `field`.
    pub fn blocks(&self, field: usize) -> BlockSlices<'a> {
        BlockSlices::new(self.layout.of_field(field), self.theta)
    }
}
