//! A network that learns which features matter.

use smc_runtime::prelude::*;

/// As [`MlpRegressor`](crate::MlpRegressor), with a learned scale of the first layer's weights for each feature: automatic
/// relevance determination (MacKay, 1994; Neal, 1996).
///
/// Where many features may say nothing: the scale of one that does not shrinks towards 0, and its weights with it. Read
/// `posterior.summary()`: the rows `relevance[i]` compare features only if these are standardised.
///
/// ```
/// use models::ArdRegressor;
/// use smc_runtime::prelude::*;
///
/// // The target is a function of the first of three features.
/// let rows = 60;
/// let row = |i| [0.618, 0.414, 0.732].map(|step| (i as f32 * step).fract() * 3.4 - 1.7);
/// let x: Vec<f32> = (0..rows).flat_map(row).collect();
/// let y = (0..rows).map(|i| (2.0 * x[3 * i]).sin()).collect();
/// let data = Dataset::new(3, x, y)?;
/// let posterior = ArdRegressor::sized(6).infer_with(&data).with(smc().particles(32)).seed(1).run()?;
/// let relevance = |feature: usize| -> f64 {
///     (0..posterior.len())
///         .map(|i| posterior.weights()[i] * f64::from(posterior.draw(i).relevance[feature]))
///         .sum()
/// };
/// assert!(relevance(0) > relevance(1) && relevance(0) > relevance(2));
/// # Ok::<(), Error>(())
/// ```
#[bayes_model]
#[standardise]
#[likelihood(Normal(mean = output, sd = noise))]
#[infer(smc(particles = 64))]
pub struct ArdRegressor {
    #[prior(HalfNormal(1.0))]
    relevance: Scale<Dyn>,
    #[prior(weight = Normal(0.0, 2.0 * relevance / fan_in.sqrt()), bias = Normal(0.0, 1.0))]
    hidden: Linear<Dyn, Dyn>,
    activation: Tanh,
    #[prior(Normal(0.0, 2.0 * output_scale / fan_in.sqrt()))]
    output: Linear<Dyn, 1>,
    #[prior(HalfNormal(1.0))]
    output_scale: Scale,
    #[prior(HalfNormal(1.0))]
    noise: Scale,
}

impl ArdRegressor {
    /// With `hidden` hidden units; the number of features is that of the data.
    pub fn sized(hidden: usize) -> Self {
        Self {
            hidden: Linear::sized(Dyn, hidden),
            ..Self::default()
        }
    }
}
