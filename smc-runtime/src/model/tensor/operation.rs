//! Runs of layers that an engine computes as one operation of the tape: what a network asks of an engine.

use std::ops::Range;
use std::sync::Arc;

/// The runs of a bound model's layers that have a fused form.
pub(crate) trait Fuses: Send + Sync {
    /// Whether field number `number` is a layer with a fused form that takes `width` features.
    fn begins(&self, number: usize, width: usize) -> bool;

    /// Whether it is one, and the first layer behind the field before `end`.
    fn follows(&self, number: usize, end: usize) -> bool;

    /// The operation of the layers among some fields.
    fn operation(&self, fields: &Range<usize>) -> Option<Arc<dyn Operation>>;
}

/// What an operation is applied to.
pub(crate) enum Input<'a> {
    /// These rows of the bound data, with respect to which nobody asks for derivatives.
    Data(Range<usize>),
    /// So many values, row by row.
    Values(&'a [f32]),
}

/// Layers with parameters of their own.
pub(crate) trait Operation: Send + Sync {
    /// Length of the parameter vector.
    fn dim(&self) -> usize;

    /// The outputs for one particle, row by row, and what the way back needs; `backward` says whether there will be one.
    fn forward(&self, theta: &[f32], input: Input<'_>, backward: bool)
    -> (Vec<f32>, Box<dyn Pass>);
}

/// One forward pass, for one particle.
pub(crate) trait Pass {
    /// Adds to `gradient` from the derivatives with respect to the outputs, and to `dx` if there is one; both row by row.
    fn backward(
        self: Box<Self>,
        theta: &[f32],
        dy: &[f32],
        gradient: &mut [f32],
        dx: Option<&mut [f32]>,
    );
}

/// The operations, and where in the data the tile is.
#[derive(Clone)]
pub(crate) struct Fusing {
    pub(crate) operations: Arc<dyn Fuses>,
    /// `None` for features that are not the bound data's.
    pub(crate) rows: Option<Range<usize>>,
}
