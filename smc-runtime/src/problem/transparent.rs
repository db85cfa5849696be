//! A network whose outputs can be seen with their slopes at any rows: what predictions without draws ask of a predictor.

use super::arguments::Arguments;
use super::layered::{Layer, LayerVisitor};
use crate::data::Features;

/// The capability of a predictor whose network is a chain of affine layers with fixed functions between, the last of them affine.
///
/// Contract. Rows come in order, in tiles that start at multiples of 32; everything happens on the thread that asks.
pub trait Transparent: Send + Sync {
    /// The layers, in the order in which they are applied.
    fn layers(&self) -> &[Layer];

    /// The outputs of the network at the rows of `data`, rows × outputs, of one vector of parameters. The visitor sees every tile
    /// go forward and, where `back` is set, back once for each output with its derivatives: [`Tile::segment`](super::Tile) is
    /// the number of the output.
    fn look(
        &self,
        theta: &[f32],
        data: &Features,
        back: bool,
        visitor: &mut dyn LayerVisitor,
    ) -> Vec<f32>;

    /// The arguments of the likelihood where the network gives `outputs`, k × rows × outputs, for any k, whatever its weights say; all else is
    /// that of `theta`.
    fn read(&self, theta: &[f32], data: &Features, outputs: &[f32]) -> Arguments;
}

const _: fn(&dyn Transparent) = |_| ();
