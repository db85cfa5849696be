//! A network with one hidden layer for real targets whose noise varies.

use smc_runtime::prelude::*;

/// y = f(x) with normal noise of standard deviation exp(g(x)): f and g are the two outputs of one network with as
/// many hidden units as asked for.
///
/// Where the spread of the target depends on the features and predictions are asked for it: the aleatoric part of the
/// predictive standard deviation then differs from row to row. It needs more rows than
/// [`MlpRegressor`](crate::MlpRegressor): a spread is harder to learn than a mean. Features and target are standardised.
///
/// ```
/// use models::HeteroscedasticRegressor;
/// use smc_runtime::prelude::*;
///
/// let x: Vec<f32> = (0..80).map(|i| i as f32 / 20.0 - 2.0).collect();
/// // ±0.05 on the left, ±1 on the right.
/// let y = x.iter().enumerate().map(|(i, &x)| {
///     let size = if x < 0.0 { 0.05 } else { 1.0 };
///     if i % 2 == 0 { size } else { -size }
/// }).collect();
/// let data = Dataset::new(1, x, y)?;
/// let posterior = HeteroscedasticRegressor::sized(8).infer_with(&data).with(smc().particles(16)).run()?;
/// let noise = posterior.predict(&data)?.aleatoric_sd().unwrap();
/// assert!(noise[75] > 3.0 * noise[5]);
/// # Ok::<(), Error>(())
/// ```
#[bayes_model]
#[standardise]
#[likelihood(Normal(mean = output[0], sd = output[1].exp()))]
#[infer(smc(particles = 64))]
pub struct HeteroscedasticRegressor {
    #[prior(Normal(0.0, 2.0 * hidden_scale / fan_in.sqrt()))]
    hidden: Linear<Dyn, Dyn>,
    activation: Tanh,
    #[prior(weight = Normal(0.0, output_scale / fan_in.sqrt()), bias = Normal(0.0, 1.0))]
    output: Linear<Dyn, 2>,
    #[prior(HalfNormal(1.0))]
    hidden_scale: Scale,
    #[prior(HalfNormal(1.0))]
    output_scale: Scale,
}

impl HeteroscedasticRegressor {
    /// With `hidden` hidden units; the number of features is that of the data.
    pub fn sized(hidden: usize) -> Self {
        Self {
            hidden: Linear::sized(Dyn, hidden),
            ..Self::default()
        }
    }
}
