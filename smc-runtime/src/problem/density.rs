//! Normalised densities on unconstrained coordinates that can be sampled: a prior, where a run begins, what a run leaves.

use std::fmt::Debug;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::population::Population;
use super::{Layer, Slopes};
use crate::base::rng::{Purpose, Streams};

/// Something normalised that can be sampled and evaluated.
///
/// Contract. The density is with respect to unconstrained coordinates, constants included, `f64`, and may be −∞ where a
/// vector is impossible. A gradient is *added* to what is there. Vector i of a population draws the same bits alone as in any
/// group: its random numbers are keyed on its number. `Debug` names the density in a line; two that differ read differently.
///
/// ```
/// use smc_runtime::base::rng::{Purpose, Streams};
/// use smc_runtime::problem::density::Density;
/// use smc_runtime::problem::population::Population;
///
/// /// N(0, sd²) in every coordinate.
/// #[derive(Debug)]
/// struct Round {
///     dim: usize,
///     sd: f32,
/// }
///
/// impl Density for Round {
///     fn dim(&self) -> usize {
///         self.dim
///     }
///     fn sample(&self, streams: Streams, draw: usize, thetas: &mut Population) {
///         let mut noise = thetas.zeros_like();
///         noise.fill_normal(streams, Purpose::Start, 0, draw);
///         thetas.clear();
///         thetas.add_scaled(self.sd, &noise);
///     }
///     fn log_density(&self, thetas: &Population, gradient: Option<&mut Population>) -> Vec<f64> {
///         let precision = f64::from(self.sd).powi(-2);
///         if let Some(gradient) = gradient {
///             gradient.add_scaled(-precision as f32, thetas);
///         }
///         let constant = self.dim as f64 * (0.5 * std::f64::consts::TAU.ln() + f64::from(self.sd).ln());
///         thetas.squared_norms().iter().map(|n| -0.5 * precision * n - constant).collect()
///     }
/// }
///
/// let moments = Round { dim: 3, sd: 2.0 }.moments();
/// assert!(moments.variance.iter().all(|v| (1.0..10.0).contains(v)));
/// ```
pub trait Density: Debug + Send + Sync {
    /// Number of coordinates d.
    fn dim(&self) -> usize;

    /// Draws every vector; `draw` keys the streams.
    fn sample(&self, streams: Streams, draw: usize, thetas: &mut Population);

    /// log p(θ) of every vector.
    fn log_density(&self, thetas: &Population, gradient: Option<&mut Population>) -> Vec<f64>;

    /// Mean and variance of every coordinate: from 64 draws, the same ones whenever they are asked for, unless the density
    /// knows them.
    fn moments(&self) -> Moments {
        const DRAWS: usize = 64;
        let mut thetas = Population::zeros(DRAWS, self.dim());
        self.sample(Streams::new(0).branch(Purpose::Reference), 0, &mut thetas);
        let equal = vec![1.0 / DRAWS as f64; DRAWS];
        Moments {
            mean: thetas.means(&equal),
            variance: thetas.variances(&equal),
        }
    }

    /// The variance of every coordinate about the nearest mode, which says how far a move can go at once; that of the moments
    /// where there is one mode.
    fn local_variance(&self) -> Vec<f64> {
        self.moments().variance
    }

    /// The numbers that it is, from which [`rebuild`](crate::family::rebuild) makes it again; `None` where they are not all.
    fn numbers(&self) -> Option<Numbers> {
        None
    }

    /// The same as a normal density, where it is one that says what linear functions of it are.
    fn normal(&self) -> Option<&dyn Normal> {
        None
    }

    /// The weights and densities that it is a mixture of, where it is one.
    fn mixture(&self) -> Option<Vec<(f64, Arc<dyn Density>)>> {
        None
    }

    /// The same with all standard deviations around its modes times `factor`; `None` where that has no meaning.
    fn widened(&self, factor: f64) -> Option<Arc<dyn Density>> {
        let _ = factor;
        None
    }
}

const _: fn(&dyn Density) = |_| ();

/// A normal density of a network's parameters: what predictions without draws are made of.
pub trait Normal: Sync {
    /// E θ.
    fn mean(&self) -> Vec<f32>;

    /// Adds the covariance of the outputs that are linear in θ with these slopes: rows × outputs × outputs. Parameters that are no layer's
    /// have no part in it.
    fn spread(&self, slopes: &Slopes, covariance: &mut [f64]);

    /// Var W x of a layer's weights W, the bias as a last column, at independent inputs x with `mean` and `variance`, rows × columns, less what comes
    /// of the variance of x alone: E xᵀ Cov(w) x for every row w of W. `None` where layers depend on each other.
    fn spread_of_layer(&self, layer: &Layer, mean: &[f32], variance: &[f32]) -> Option<Vec<f32>> {
        let _ = (layer, mean, variance);
        None
    }
}

/// A density as data: a name, sizes, and named arrays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Numbers {
    /// The family's name.
    pub family: String,
    /// Whole numbers, whose meaning is the family's.
    pub sizes: Vec<usize>,
    /// Its arrays.
    pub arrays: Vec<Array>,
    /// The densities that it is made of, if it is made of others.
    pub parts: Vec<Numbers>,
}

/// A named array of a [density](Numbers).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Array {
    /// Its name.
    pub name: String,
    /// Sizes, the last one running fastest.
    pub shape: Vec<usize>,
    /// Numbers, as many as the product of the sizes.
    pub values: Vec<f32>,
}

impl Array {
    /// An array of that name.
    pub fn new(name: impl Into<String>, shape: &[usize], values: &[f32]) -> Self {
        Self {
            name: name.into(),
            shape: shape.to_vec(),
            values: values.to_vec(),
        }
    }
}

/// The first two moments of every coordinate.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    /// E\[θ\].
    pub mean: Vec<f64>,
    /// E\[(θ − E θ)²\].
    pub variance: Vec<f64>,
}
