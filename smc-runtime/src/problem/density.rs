//! Normalised densities on unconstrained coordinates that can be sampled: a prior, where a run begins, what a run leaves.

use std::fmt::Debug;

use super::population::Population;
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
}

const _: fn(&dyn Density) = |_| ();

/// The first two moments of every coordinate.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    /// E\[θ\].
    pub mean: Vec<f64>,
    /// E\[(θ − E θ)²\].
    pub variance: Vec<f64>,
}
