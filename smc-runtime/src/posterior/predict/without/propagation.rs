//! Means and variances carried through the network.

use super::{Integral, Outputs, Said, WithoutDraws, by_chunks, each, independent, normal};
use crate::base::error::{Error, Result};
use crate::base::nodes::even;
use crate::data::Features;
use crate::model::architecture::Nature;
use crate::problem::density::{Density, Normal};
use crate::problem::{Layer, LayerVisitor, Predictor, Tile};

/// Moments of every layer from those of the layer before, in one pass and without draws: pre-activations count as normal and independent of each
/// other, their variance is that of the weights and that of the inputs together, and activations have the mean and the variance of their function of
/// a normal variable. Which covariances it leaves out is what it costs; unlike [`linearised`](super::linearised()) it holds where weights vary much.
/// It is that of O. Wright, Y. Nakahira, J. M. F. Moura, *An analytic solution to covariance propagation in neural networks* (AISTATS 2024) without
/// the covariances, reconstructed; the density's layers must be independent of each other: diagonal or Kronecker.
///
/// ```
/// use smc_runtime::prelude::*;
///
/// #[bayes_model]
/// #[likelihood(Normal(mean = output, sd = 0.1))]
/// #[infer(mean_field())]
/// struct Curve {
///     #[prior(Normal(0.0, 2.0))]
///     hidden: Linear<1, 8>,
///     activation: Tanh,
///     #[prior(Normal(0.0, 1.0))]
///     output: Linear<8, 1>,
/// }
///
/// let x: Vec<f32> = (0..60).map(|i| i as f32 / 10.0 - 3.0).collect();
/// let y = x.iter().map(|x| x.sin()).collect();
/// let data = Dataset::new(1, x, y)?;
/// let fit = Curve::infer(&data).seed(1).run()?;
/// let (drawn, carried) = (fit.predict(&data)?, fit.predict_with(&data, &noise_propagation())?);
/// assert!((drawn.lppd() - carried.lppd()).abs() < 0.1);
/// # Ok::<(), Error>(())
/// ```
pub fn noise_propagation() -> NoisePropagation {
    NoisePropagation::default()
}

/// The settings of predictions by moments; see [`noise_propagation`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoisePropagation {
    integral: Integral,
}

impl NoisePropagation {
    /// For classes, a formula in the place of the integral over the outputs; see [`Integral::Probit`].
    pub fn probit(mut self) -> Self {
        self.integral = Integral::Probit;
        self
    }

    /// So many draws of the outputs in the place of what is usual.
    pub fn draws(mut self, draws: usize) -> Self {
        self.integral = Integral::Draws(draws);
        self
    }
}

/// Points of a pre-activation; their number divides 32, so that no tile parts them.
const POINTS: usize = 32;

/// Sees every row as many times as there are points, and leaves at each layer the points of its pre-activations.
struct Carried<'a> {
    normal: &'a dyn Normal,
    layers: &'a [Layer],
    mean: &'a [f32],
    points: Vec<f64>,
    /// Rows × outputs, of the last layer.
    outputs: (Vec<f32>, Vec<f32>),
}

/// Mean and variance over points: `inputs` is (rows × points) × n.
fn moments(inputs: &[f32], n: usize, bias: bool) -> (Vec<f32>, Vec<f32>) {
    let (mut mean, mut variance) = (Vec::new(), Vec::new());
    for row in inputs.chunks(POINTS * n) {
        let of = |i: usize| row.iter().skip(i).step_by(n).map(|x| f64::from(*x));
        for i in 0..n {
            let m = of(i).sum::<f64>() / POINTS as f64;
            let v = of(i).map(|x| (x - m).powi(2)).sum::<f64>() / POINTS as f64;
            mean.push(m as f32);
            variance.push(v as f32);
        }
        mean.extend(bias.then_some(1.0));
        variance.extend(bias.then_some(0.0));
    }
    (mean, variance)
}

impl LayerVisitor for Carried<'_> {
    fn forward(&mut self, at: &Tile, inputs: &[f32], z: &mut [f32]) {
        let layer = &self.layers[at.layer];
        let bias = layer.bias.is_some();
        let (mean, variance) = moments(inputs, layer.inputs, bias);
        let columns = layer.inputs + usize::from(bias);
        let own = self.normal.spread_of_layer(layer, &mean, &variance);
        let own = own.unwrap_or_default();
        let n = layer.outputs;
        for (row, z) in z.chunks_mut(POINTS * n).enumerate() {
            let (m, v) = (&mean[row * columns..], &variance[row * columns..]);
            for o in 0..n {
                let weights = &self.mean[layer.weight.start + o * layer.inputs..][..layer.inputs];
                let (mut middle, mut of_inputs) = (0.0, 0.0);
                for ((w, m), v) in weights.iter().zip(m).zip(v) {
                    let w = f64::from(*w);
                    middle += w * f64::from(*m);
                    of_inputs += w * w * f64::from(*v);
                }
                if let Some(bias) = &layer.bias {
                    middle += f64::from(self.mean[bias.start + o]);
                }
                let spread = of_inputs + f64::from(own[row * n + o]);
                for (k, x) in self.points.iter().enumerate() {
                    z[k * n + o] = (middle + spread.sqrt() * x) as f32;
                }
                if at.layer + 1 == self.layers.len() {
                    self.outputs.0.push(middle as f32);
                    self.outputs.1.push(spread as f32);
                }
            }
        }
    }
}

impl WithoutDraws for NoisePropagation {
    fn said(
        &self,
        density: &dyn Density,
        predictor: &dyn Predictor,
        data: &Features,
    ) -> Result<Said> {
        const WHAT: &str = "predictions by moments";
        let seen = predictor.transparent()?;
        let layers = seen.layers();
        let last = layers
            .last()
            .ok_or_else(|| Error::lacks(WHAT, "there is no layer"))?;
        for node in &predictor.architecture().nodes {
            if node.nature == Nature::Other {
                let why = format!("`{}` is no function of single numbers", node.name);
                return Err(Error::lacks(WHAT, why));
            }
        }
        each(density, &|density| {
            let own = normal(density, WHAT)?;
            let mean = own.mean();
            independent(own, density, last, WHAT)?;
            by_chunks(data, |data| {
                let rows = data.rows();
                let repeated: Vec<usize> = (0..rows * POINTS).map(|at| at / POINTS).collect();
                let mut carried = Carried {
                    normal: own,
                    layers,
                    mean: &mean,
                    points: even(POINTS),
                    outputs: (Vec::new(), Vec::new()),
                };
                seen.look(&mean, &data.select(&repeated)?, false, &mut carried);
                let (found, variance) = carried.outputs;
                let n = last.outputs;
                let mut covariance = vec![0.0; rows * n * n];
                for (at, v) in variance.iter().enumerate() {
                    covariance[at * n + at % n] = f64::from(*v);
                }
                let found = Outputs {
                    mean: found,
                    covariance,
                    outputs: n,
                };
                found.said(self.integral, predictor, &mean, data)
            })
        })
    }
}
