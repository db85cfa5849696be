//! A walk through a network layer by layer: what layerwise inference, Kronecker factors and Laplace approximations ask of an
//! engine.

use std::any::Any;
use std::ops::Range;

use super::population::Population;
use super::segment::{Segment, Sums};
use crate::model::architecture::{Architecture, Nature};
use crate::model::layout::{Layout, Role};

/// A layer that is affine in its inputs, z = W x + b.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// The field's name.
    pub name: &'static str,
    /// Its number among the architecture's nodes.
    pub node: usize,
    /// Features taken.
    pub inputs: usize,
    /// Features given.
    pub outputs: usize,
    /// Where W, outputs × inputs, row after row, is in the parameter vector.
    pub weight: Range<usize>,
    /// Where b is, if there is one.
    pub bias: Option<Range<usize>>,
}

impl Layer {
    /// The affine layers of a network in the order in which they are applied.
    ///
    /// # Errors
    /// The name of the first field of the chain that has parameters and is no affine layer.
    pub fn all(architecture: &Architecture, layout: &Layout) -> Result<Vec<Self>, &'static str> {
        let mut layers = Vec::new();
        for (number, node) in architecture.nodes.iter().enumerate() {
            let blocks = &layout.blocks()[node.blocks.clone()];
            if blocks.is_empty() {
                continue;
            }
            let of = |role| blocks.iter().find(|b| b.role == role);
            let weight = of(Role::Weight).filter(|_| node.nature == Nature::Affine);
            let weight = weight.ok_or(node.name)?;
            layers.push(Self {
                name: node.name,
                node: number,
                inputs: node.takes.len(),
                outputs: node.gives.len(),
                weight: weight.range.clone(),
                bias: of(Role::Bias).map(|bias| bias.range.clone()),
            });
        }
        Ok(layers)
    }
}

/// Where a walk is.
#[derive(Clone, Debug, PartialEq)]
pub struct Tile {
    /// Number of the layer among [`Layered::layers`].
    pub layer: usize,
    /// Number of the vector in the population.
    pub particle: usize,
    /// The bound rows of the tile.
    pub rows: Range<usize>,
    /// Number of the segment that they belong to.
    pub segment: usize,
}

/// Sees every layer of one vector over some rows, tile by tile: the layers of a tile going forward, from the first to the
/// last, then going back, from the last to the first.
///
/// All matrices lie row after row: `inputs` is rows × inputs, `z` and `dz` are rows × outputs.
///
/// ```
/// use smc_runtime::problem::{Tile, LayerVisitor};
///
/// /// Σ_rows g_i², g = ∂ℓ/∂z: the diagonal of a layer's output factor.
/// struct Squares(Vec<f64>);
///
/// impl LayerVisitor for Squares {
///     fn backward(&mut self, at: &Tile, _: &[f32], dz: &[f32]) {
///         if at.layer == 0 {
///             for row in dz.chunks(self.0.len()) {
///                 for (sum, g) in self.0.iter_mut().zip(row) {
///                     *sum += f64::from(*g).powi(2);
///                 }
///             }
///         }
///     }
/// }
/// ```
pub trait LayerVisitor {
    /// Going forward: the layer's inputs, and z = W x + b, to which it may add row by row; the walk goes on with what it
    /// leaves there. A change is a constant to every derivative.
    fn forward(&mut self, at: &Tile, inputs: &[f32], z: &mut [f32]) {
        let _ = (at, inputs, z);
    }

    /// Going back: the layer's inputs, and the derivatives of weight · Σ ℓ by z.
    fn backward(&mut self, at: &Tile, inputs: &[f32], dz: &[f32]) {
        let _ = (at, inputs, dz);
    }
}

/// A visitor that a walk takes for its own and gives back.
pub trait OwnVisitor: LayerVisitor + Any + Send {}

impl<V: LayerVisitor + Any + Send> OwnVisitor for V {}

/// How far a walk goes.
pub enum Way<'a> {
    /// Forward alone.
    Forward,
    /// Forward and back.
    Back,
    /// Forward and back, and the gradient by the parameters is added to that of every vector.
    Gradient(&'a mut Population),
}

impl<'a> Way<'a> {
    /// Whether it goes back, and what the gradient is added to, if anything.
    pub fn back(self) -> (bool, Option<&'a mut Population>) {
        match self {
            Self::Forward => (false, None),
            Self::Back => (true, None),
            Self::Gradient(gradient) => (true, Some(gradient)),
        }
    }
}

/// The capability of a problem whose network is a chain of affine layers with fixed functions between.
///
/// Contract. Rows come in tiles that depend on the model and the data alone; what a visitor sees, and in which order, does
/// not depend on the number of threads.
pub trait Layered: Send + Sync {
    /// The layers, in the order in which they are applied.
    fn layers(&self) -> &[Layer];

    /// Walks the segments for every vector. There are k visitors for each vector, one after the other: each takes the next k-th
    /// of the tiles, so that rows are shared out too. They come back with the sums of row log-likelihoods.
    ///
    /// # Panics
    /// If the number of visitors is no multiple of that of the vectors.
    fn walk(
        &self,
        thetas: &Population,
        segments: &[Segment],
        way: Way<'_>,
        visitors: Vec<Box<dyn OwnVisitor>>,
    ) -> (Sums, Vec<Box<dyn OwnVisitor>>);
}

const _: fn(&dyn Layered) = |_| ();

/// [`Layered::walk`] with visitors of one type.
pub fn visit<V: OwnVisitor>(
    layered: &dyn Layered,
    thetas: &Population,
    segments: &[Segment],
    way: Way<'_>,
    visitors: Vec<V>,
) -> (Sums, Vec<V>) {
    let boxed = visitors.into_iter();
    let boxed = boxed.map(|v| Box::new(v) as Box<dyn OwnVisitor>).collect();
    let (sums, boxed) = layered.walk(thetas, segments, way, boxed);
    let own = |visitor: Box<dyn OwnVisitor>| (visitor as Box<dyn Any>).downcast::<V>().ok();
    (
        sums,
        boxed.into_iter().filter_map(own).map(|v| *v).collect(),
    )
}
