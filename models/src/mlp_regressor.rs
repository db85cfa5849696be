//! A network with one hidden layer for real targets.

use smc_runtime::prelude::*;

/// y = v·tanh(W x + b) + c with Student's t noise, as many hidden units as asked for, and learned scales of both layers and
/// of the noise.
///
/// The degrees of freedom, 2 + `tails`, are learned too: large where the noise is normal, small where most targets lie
/// close to the function and some do not. Above 2 the prediction has a mean and a variance.
///
/// For tables with a target that is not linear in the features. Features and target are standardised: then the input of a hidden
/// unit varies by about twice its scale whatever the number of features, and the function by its own.
///
/// ```
/// use models::MlpRegressor;
/// use smc_runtime::prelude::*;
///
/// let x: Vec<f32> = (0..40).map(|i| i as f32 / 10.0 - 2.0).collect();
/// let y = x.iter().map(|x| x.sin()).collect();
/// let data = Dataset::new(1, x, y)?;
/// let posterior = MlpRegressor::sized(8).infer_with(&data).with(smc().particles(16)).run()?;
/// assert!(posterior.predict(&data)?.summary().rmse < Some(0.3));
/// # Ok::<(), Error>(())
/// ```
#[bayes_model]
#[standardise]
#[likelihood(StudentT(df = tails + 2.0, mean = output, scale = noise))]
#[infer(smc(particles = 64))]
pub struct MlpRegressor {
    #[prior(Normal(0.0, 2.0 * hidden_scale / fan_in.sqrt()))]
    hidden: Linear<Dyn, Dyn>,
    activation: Tanh,
    #[prior(Normal(0.0, output_scale / fan_in.sqrt()))]
    output: Linear<Dyn, 1>,
    #[prior(HalfNormal(1.0))]
    hidden_scale: Scale,
    #[prior(HalfNormal(1.0))]
    output_scale: Scale,
    #[prior(HalfNormal(1.0))]
    noise: Scale,
    #[prior(Gamma(2.0, 0.1))]
    tails: Scale,
}

impl MlpRegressor {
    /// With `hidden` hidden units; the number of features is that of the data.
    pub fn sized(hidden: usize) -> Self {
        Self {
            hidden: Linear::sized(Dyn, hidden),
            ..Self::default()
        }
    }
}
