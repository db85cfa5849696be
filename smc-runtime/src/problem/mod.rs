//! A model bound to data, type erased: the only thing that a sampler sees of a model.

pub mod population;

use std::borrow::Cow;
use std::ops::Range;

use crate::base::error::Result;
use crate::base::rng::Streams;
use crate::data::{Dataset, Features};
use crate::model::architecture::Architecture;
use crate::model::dist::Predictive;
use crate::model::layout::Layout;
use crate::problem::population::Population;

/// The engine that a model runs on, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The engine's name.
    pub name: &'static str,
    /// Why it was chosen.
    pub reason: Cow<'static, str>,
}

impl std::fmt::Display for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.name, self.reason)
    }
}

/// Which of the two sums of a stage a segment belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Rows that are fully in.
    Full,
    /// Rows that ramp in.
    Ramp,
}

/// A run of rows (in the bound order) with the weight of its log-likelihood in the gradient.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// The rows.
    pub rows: Range<usize>,
    /// Factor of this segment's gradient.
    pub weight: f64,
    /// The sum that its log-likelihoods go to, unweighted.
    pub part: Part,
}

/// Unweighted sums of row log-likelihoods of one particle, in f64.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RowSums {
    /// Σ over the segments of [`Part::Full`].
    pub full: f64,
    /// Σ over the segments of [`Part::Ramp`].
    pub ramp: f64,
}

impl std::ops::AddAssign for RowSums {
    fn add_assign(&mut self, other: Self) {
        self.full += other.full;
        self.ramp += other.ramp;
    }
}

/// What an engine has done so far, counted inside it. One unit is one row for one particle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Counts {
    /// Rows passed forwards and backwards.
    pub row_gradients: u64,
    /// Rows passed forwards only.
    pub row_values: u64,
}

impl std::ops::Sub for Counts {
    type Output = Self;
    fn sub(self, earlier: Self) -> Self {
        Self {
            row_gradients: self.row_gradients - earlier.row_gradients,
            row_values: self.row_values - earlier.row_values,
        }
    }
}

impl std::ops::Add for Counts {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            row_gradients: self.row_gradients + other.row_gradients,
            row_values: self.row_values + other.row_values,
        }
    }
}

/// The numbers that a likelihood's keys have, for every particle and row.
#[derive(Clone, Debug, PartialEq)]
pub struct Arguments {
    /// Number of rows.
    pub rows: usize,
    /// Numbers per row.
    pub width: usize,
    /// particles × rows × width.
    pub values: Vec<f64>,
}

impl Arguments {
    /// The numbers of one particle and row.
    pub fn at(&self, particle: usize, row: usize) -> &[f64] {
        let start = (particle * self.rows + row) * self.width;
        &self.values[start..start + self.width]
    }
}

/// A posterior up to its evidence, on unconstrained coordinates.
///
/// Contract. Parameter vectors are those of [`Problem::layout`]; every density is normalised, constants included, with
/// respect to unconstrained coordinates. Log-densities are `f64` and may be −∞ or NaN where a parameter vector is
/// impossible; [`Weights`](crate::sampling::weights::Weights) decides what that means. A gradient is *added* to what is there. A
/// particle's value and gradient have the same bits alone, in any group, in any order, on any number of threads.
pub trait Problem: Send + Sync {
    /// Names, shapes and places of the parameters.
    fn layout(&self) -> &Layout;

    /// The network as data.
    fn architecture(&self) -> &Architecture;

    /// Number of rows N.
    fn rows(&self) -> usize;

    /// Bound row i is the user's row `order()[i]`.
    fn order(&self) -> &[usize];

    /// The engine, and why it was chosen.
    fn engine(&self) -> &Choice;

    /// What has been computed so far.
    fn counts(&self) -> Counts;

    /// Draws every vector from the prior; `draw` keys the streams.
    fn sample_prior(&self, streams: Streams, draw: usize, thetas: &mut Population);

    /// log p(θ) of every vector.
    fn log_prior(&self, thetas: &Population, gradient: Option<&mut Population>) -> Vec<f64>;

    /// Σ log p(y_i | x_i, θ) over the segments, for every vector. The gradient is that of Σ weight · Σ_segment.
    fn log_likelihood(
        &self,
        thetas: &Population,
        segments: &[Segment],
        gradient: Option<&mut Population>,
    ) -> Vec<RowSums>;

    /// log p(y_i | x_i, θ) of every vector and row: particles × rows, in the *user's* order of rows.
    fn row_log_likelihoods(&self, thetas: &Population) -> Vec<f64>;

    /// The arguments of the likelihood at the rows of `data`.
    ///
    /// # Errors
    /// If `data` has another number of features than the data that the model was bound to.
    fn arguments(&self, thetas: &Population, data: &Features) -> Result<Arguments>;

    /// The likelihood, to read [`Arguments`] with.
    fn predictive(&self) -> &dyn Predictive;

    /// Whether every target of `data` is one that the likelihood can give.
    ///
    /// # Errors
    /// For a class that does not exist, naming the row.
    fn check_targets(&self, data: &Dataset) -> Result<()>;
}

const _: fn(&dyn Problem) = |_| ();
