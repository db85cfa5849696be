//! A mixture of other densities.

use std::fmt;
use std::sync::Arc;

use crate::base::error::{Error, Result};
use crate::base::rng::{Purpose, Streams};
use crate::base::sums::log_sum_exp;
use crate::problem::density::{Array, Density, Moments, Numbers};
use crate::problem::population::Population;

/// Σ_k w_k q_k(θ).
///
/// ```
/// use std::sync::Arc;
/// use smc_runtime::family::{DiagonalNormal, Mixture};
/// use smc_runtime::problem::density::Density;
/// let at = |mean: f32| Ok::<_, smc_runtime::Error>(Arc::new(DiagonalNormal::new(vec![mean], vec![0.5])?) as Arc<dyn Density>);
/// let two = Mixture::new(vec![at(-1.0)?, at(2.0)?], &[0.25, 0.75])?;
/// assert_eq!(two.moments().mean, [1.25]);
/// assert_eq!(two.moments().variance, [0.25 + 0.1875 * 9.0]);
/// # Ok::<(), smc_runtime::Error>(())
/// ```
pub struct Mixture {
    components: Vec<Arc<dyn Density>>,
    weights: Vec<f64>,
}

impl Mixture {
    /// Of components with their weights, which are divided by their sum.
    ///
    /// # Errors
    /// If there is no component or not one weight for each, if components differ in their coordinates, or weights are not numbers from
    /// 0 with a positive sum.
    pub fn new(components: Vec<Arc<dyn Density>>, weights: &[f64]) -> Result<Self> {
        let Some(first) = components.first() else {
            return Err(Error::config("components", 0, "at least one is needed"));
        };
        if weights.len() != components.len() {
            let expected = format!("{} weights", components.len());
            let found = format!("{} weights", weights.len());
            return Err(Error::shape("a mixture", expected, found));
        }
        if let Some(other) = components.iter().find(|c| c.dim() != first.dim()) {
            let expected = format!("components of {} coordinates", first.dim());
            let found = format!("one of {}", other.dim());
            return Err(Error::shape("a mixture", expected, found));
        }
        let sum: f64 = weights.iter().sum();
        let sound = |w: &f64| *w >= 0.0 && w.is_finite();
        if !(weights.iter().all(sound) && sum > 0.0 && sum.is_finite()) {
            let expected = "numbers from 0 with a positive sum are needed";
            return Err(Error::config("weights", format!("{weights:?}"), expected));
        }
        // As they are told by its numbers.
        let weights = weights.iter().map(|w| f64::from((w / sum) as f32));
        Ok(Self {
            components,
            weights: weights.collect(),
        })
    }

    /// Of what the numbers of a mixture say.
    pub(super) fn told(components: Vec<Arc<dyn Density>>, weights: Vec<f64>) -> Result<Self> {
        let checked = Self::new(components, &weights)?;
        Ok(Self { weights, ..checked })
    }

    /// Of components that count alike.
    ///
    /// # Errors
    /// As [`Mixture::new`].
    pub fn equal(components: Vec<Arc<dyn Density>>) -> Result<Self> {
        let weights = vec![1.0; components.len()];
        Self::new(components, &weights)
    }

    /// The components.
    pub fn components(&self) -> &[Arc<dyn Density>] {
        &self.components
    }

    /// Their weights, which sum to 1.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }
}

impl fmt::Debug for Mixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a mixture with the weights {:?} of ", self.weights)?;
        f.debug_list().entries(&self.components).finish()
    }
}

impl Density for Mixture {
    fn dim(&self) -> usize {
        self.components[0].dim()
    }

    /// Vector i is of the component in whose share of the unit interval i + u falls, counted in golden sections: any run of vectors
    /// has about its share of every component.
    fn sample(&self, streams: Streams, draw: usize, thetas: &mut Population) {
        const GOLDEN: f64 = 0.618_033_988_749_894_9;
        let shift = streams.stream(Purpose::Start, 1, 0, draw).uniform();
        let of = |i: usize| {
            let at = (shift + GOLDEN * (thetas.first() + i) as f64).fract();
            let mut below = 0.0;
            let reached = self.weights.iter().position(|w| {
                below += w;
                at < below
            });
            reached.unwrap_or(self.weights.len() - 1)
        };
        let of: Vec<usize> = (0..thetas.len()).map(of).collect();
        for (k, component) in self.components.iter().enumerate() {
            let mine: Vec<bool> = of.iter().map(|&c| c == k).collect();
            if mine.iter().any(|&m| m) {
                let mut own = thetas.zeros_like();
                component.sample(streams, draw, &mut own);
                thetas.select(&mine, &own);
            }
        }
    }

    fn log_density(&self, thetas: &Population, gradient: Option<&mut Population>) -> Vec<f64> {
        let wanted = gradient.is_some();
        let mut slopes = Vec::new();
        let mut logs = vec![Vec::new(); thetas.len()];
        for (component, w) in self.components.iter().zip(&self.weights) {
            let mut slope = if wanted {
                thetas.zeros_like()
            } else {
                Population::zeros(0, thetas.dim())
            };
            let own = component.log_density(thetas, wanted.then_some(&mut slope));
            for (logs, log) in logs.iter_mut().zip(own) {
                logs.push(w.ln() + log);
            }
            slopes.push(slope);
        }
        let totals: Vec<f64> = logs.iter().map(|l| log_sum_exp(l)).collect();
        if let Some(gradient) = gradient {
            let ones = vec![1.0; thetas.len()];
            for (k, slope) in slopes.iter().enumerate() {
                let share = logs.iter().zip(&totals);
                let share: Vec<f32> = share.map(|(l, t)| (l[k] - t).exp() as f32).collect();
                gradient.blend(&ones, &share, slope);
            }
        }
        totals
    }

    fn moments(&self) -> Moments {
        let of: Vec<Moments> = self.components.iter().map(|c| c.moments()).collect();
        let mut mean = vec![0.0; self.dim()];
        for (m, w) in of.iter().zip(&self.weights) {
            for (mean, own) in mean.iter_mut().zip(&m.mean) {
                *mean += w * own;
            }
        }
        let mut variance = vec![0.0; self.dim()];
        for (m, w) in of.iter().zip(&self.weights) {
            let own = m.mean.iter().zip(&m.variance).zip(&mean);
            for (v, ((m, own), mean)) in variance.iter_mut().zip(own) {
                *v += w * (own + (m - mean).powi(2));
            }
        }
        Moments { mean, variance }
    }

    /// The mean of the components'.
    fn local_variance(&self) -> Vec<f64> {
        let mut variance = vec![0.0; self.dim()];
        for (c, w) in self.components.iter().zip(&self.weights) {
            for (v, own) in variance.iter_mut().zip(c.local_variance()) {
                *v += w * own;
            }
        }
        variance
    }

    fn numbers(&self) -> Option<Numbers> {
        let parts: Option<Vec<Numbers>> = self.components.iter().map(|c| c.numbers()).collect();
        let weights: Vec<f32> = self.weights.iter().map(|&w| w as f32).collect();
        Some(Numbers {
            family: "mixture".to_owned(),
            sizes: Vec::new(),
            arrays: vec![Array::new("weights", &[weights.len()], &weights)],
            parts: parts?,
        })
    }

    fn mixture(&self) -> Option<Vec<(f64, Arc<dyn Density>)>> {
        let weights = self.weights.iter().copied();
        Some(weights.zip(self.components.iter().cloned()).collect())
    }

    fn widened(&self, factor: f64) -> Option<Arc<dyn Density>> {
        let wide: Option<Vec<_>> = self.components.iter().map(|c| c.widened(factor)).collect();
        let wide = Self::new(wide?, &self.weights).ok()?;
        Some(Arc::new(wide))
    }
}
