//! The contracts between models and samplers: a [`Predictor`] is a model without data, a [`Problem`] the same model bound to
//! rows, a [`Density`](density::Density) is what can be sampled and evaluated, and a [`Population`](population::Population) is
//! where parameter vectors live. It knows nothing of engines and samplers.
//!
//! What only some problems can do is a capability, a trait of its own that an algorithm asks for by name: [`Layered`],
//! [`RowSampled`], [`Transparent`].

mod arguments;
mod batches;
mod bound;
mod copies;
mod counts;
pub mod density;
mod layered;
pub mod output;
pub mod population;
mod predictor;
pub mod rows;
mod segment;
mod slopes;
mod steps;
mod transparent;

pub use arguments::Arguments;
pub use batches::{Batches, Ring, RowSampled, blocks};
pub use bound::Problem;
pub use counts::Counts;
pub use layered::{Layer, LayerVisitor, Layered, OwnVisitor, Tile, Way, visit};
pub use predictor::{Choice, Hyperparameter, Predictor};
pub use segment::{Segment, Sums};
pub use slopes::{LayerSlopes, Slopes};
pub use transparent::Transparent;
