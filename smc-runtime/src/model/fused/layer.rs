//! Layers on slices, forward and backward: what a layer offers to run on the fused engine.

use std::fmt::Debug;

use crate::numerics::isa::Isa;
use crate::numerics::panel::PANEL;

/// The numbers of one layer on one tile.
#[derive(Clone, Copy, Debug)]
pub struct LayerSize {
    /// Numbers taken for each row.
    pub inputs: usize,
    /// Numbers given for each row.
    pub outputs: usize,
    /// Panels of [`PANEL`] rows.
    pub panels: usize,
    /// Rows up to the last that counts.
    pub(crate) live: usize,
    pub(crate) isa: Isa,
}

impl LayerSize {
    /// Rows of the tile, those of padding included.
    pub fn rows(self) -> usize {
        self.panels * PANEL
    }
}

/// What the way back through a layer reads and writes.
pub struct Return<'a> {
    /// The layer's blocks, one after the other.
    pub parameters: &'a [f32],
    /// What went in.
    pub x: &'a [f32],
    /// What [`FusedLayer::pack`] made of it.
    pub packed: &'a [f32],
    /// What came out, where the layer [needs](FusedLayer::needs_output) it.
    pub y: &'a [f32],
    /// The derivatives by what came out; may be overwritten.
    pub dy: &'a mut [f32],
    /// Where those by what went in are to be written, if anybody asks for them.
    pub dx: Option<&'a mut [f32]>,
    /// What those by the parameters are to be added to, if anybody asks for them.
    pub gradient: Option<&'a mut [f32]>,
}

/// A layer's mathematics on slices, for one particle and one tile of rows.
///
/// Activations lie in panels: number i of row t, among n numbers, is at `(t / PANEL * n + i) * PANEL + t % PANEL`. An
/// elementwise layer may ignore that and walk the slices. The value carries the layer's geometry, if it has any.
///
/// Contract. It computes what the layer's expression does, to rounding; the conformance kit compares the two. Rows that
/// are padding hold arbitrary finite values going forward, which must stay finite; going backward `dy` is zero there. The same
/// numbers go in for a particle whatever the group, and the same bits must come out.
///
/// ```
/// use smc_runtime::layers::*;
///
/// /// y = x², element by element.
/// #[derive(Clone, Copy, Debug, Default)]
/// struct Square;
///
/// impl FusedLayer for Square {
///     fn forward(&self, _: LayerSize, _: &[f32], x: &[f32], y: &mut [f32]) {
///         for (y, x) in y.iter_mut().zip(x) {
///             *y = x * x;
///         }
///     }
///     fn backward(&self, _: LayerSize, back: Return<'_>) {
///         let Some(dx) = back.dx else { return };
///         for ((dx, dy), x) in dx.iter_mut().zip(back.dy).zip(back.x) {
///             *dx = 2.0 * x * *dy;
///         }
///     }
/// }
///
/// impl Field for Square {
///     type View<'a> = ();
///     fn nature(&self) -> Nature {
///         Nature::elementwise(Parity::Even)
///     }
///     fn fused(&self) -> Option<std::sync::Arc<dyn FusedLayer>> {
///         Some(std::sync::Arc::new(*self))
///     }
///     fn expr<E: Float, D: Device<E>, T: Tape<E, D>>(&self, _: FieldParams<'_, E, D, T>, x: Act<E, D, T>) -> Act<E, D, T> {
///         x.square()
///     }
/// }
/// ```
pub trait FusedLayer: Debug + Send + Sync {
    /// y from x; `parameters` are the layer's blocks, one after the other, constrained.
    fn forward(&self, size: LayerSize, parameters: &[f32], x: &[f32], y: &mut [f32]);

    /// From dy: adds to the gradient and writes dx, whichever is asked for.
    fn backward(&self, size: LayerSize, back: Return<'_>);

    /// Whether [`Return::y`] is read.
    fn needs_output(&self) -> bool {
        true
    }

    /// How many numbers [`pack`](Self::pack) writes.
    fn packed_len(&self, size: LayerSize) -> usize {
        let _ = size;
        0
    }

    /// Puts x into the order in which [`backward`](Self::backward) reads it: once for all particles of a group where x is the
    /// data.
    fn pack(&self, size: LayerSize, x: &[f32], packed: &mut [f32]) {
        let _ = (size, x, packed);
    }

    /// The layer as a function of every number that works in place, if it is one: it is then done while its numbers are
    /// near.
    fn in_place(&self) -> Option<&dyn InPlace> {
        None
    }
}

const _: fn(&dyn FusedLayer) = |_| ();

/// A function of every number whose derivative is known from what comes out.
pub trait InPlace: Send + Sync {
    /// z ← φ(z).
    fn apply(&self, size: LayerSize, z: &mut [f32]);

    /// d ← d·φ′, from y = φ(z).
    fn back(&self, size: LayerSize, y: &[f32], d: &mut [f32]);
}
