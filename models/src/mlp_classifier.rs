//! A network with one hidden layer for classes.

use smc_runtime::prelude::*;

/// Logits v·tanh(W x + b) + c, as many hidden units and classes as asked for, and learned scales of both layers.
///
/// Targets are 0, 1, ..., K − 1. Features are standardised. The priors of the scales keep away from zero, where a mode of
/// scales and weights together lies and an ensemble is too unsure.
///
/// ```
/// use models::MlpClassifier;
/// use smc_runtime::prelude::*;
///
/// let x: Vec<f32> = (0..40).map(|i| i as f32 / 10.0 - 2.0).collect();
/// let y = x.iter().map(|x| if x.abs() > 1.0 { 1.0 } else { 0.0 }).collect();
/// let data = Dataset::new(1, x, y)?;
/// let posterior = MlpClassifier::sized(8, 2).infer_with(&data).with(smc().particles(16)).run()?;
/// assert!(posterior.predict(&data)?.summary().accuracy > Some(0.8));
/// # Ok::<(), Error>(())
/// ```
#[bayes_model]
#[standardise]
#[likelihood(Categorical(logits = output))]
#[infer(smc(particles = 64))]
pub struct MlpClassifier {
    #[prior(Normal(0.0, 2.0 * hidden_scale / fan_in.sqrt()))]
    hidden: Linear<Dyn, Dyn>,
    activation: Tanh,
    #[prior(Normal(0.0, 3.0 * output_scale / fan_in.sqrt()))]
    output: Linear<Dyn, Dyn>,
    #[prior(LogNormal(0.0, 0.5))]
    hidden_scale: Scale,
    #[prior(LogNormal(0.0, 0.5))]
    output_scale: Scale,
}

impl MlpClassifier {
    /// With `hidden` hidden units and `classes` classes; the number of features is that of the data.
    pub fn sized(hidden: usize, classes: usize) -> Self {
        Self {
            hidden: Linear::sized(Dyn, hidden),
            output: Linear::sized(hidden, classes),
            ..Self::default()
        }
    }
}
