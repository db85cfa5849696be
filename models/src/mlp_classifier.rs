//! A network with one hidden layer for classes.

use smc_runtime::prelude::*;

/// Logits v·tanh(W x + b) + c for K classes, H hidden units, and learned scales of both layers.
///
/// Targets are 0, 1, ..., K − 1. Standardise the features.
///
/// ```
/// use models::MlpClassifier;
/// use smc_runtime::prelude::*;
///
/// let x: Vec<f32> = (0..40).map(|i| i as f32 / 10.0 - 2.0).collect();
/// let y = x.iter().map(|x| if x.abs() > 1.0 { 1.0 } else { 0.0 }).collect();
/// let data = Dataset::new(1, x, y)?;
/// let posterior = MlpClassifier::<8, 2>::infer(&data).with(smc().particles(16)).run()?;
/// assert!(posterior.predict(&data)?.summary().accuracy > Some(0.8));
/// # Ok::<(), Error>(())
/// ```
#[bayes_model]
#[likelihood(Categorical(logits = output))]
#[infer(smc(particles = 64))]
pub struct MlpClassifier<const H: usize, const K: usize> {
    #[prior(Normal(0.0, hidden_scale))]
    hidden: Linear<Dyn, H>,
    activation: Tanh,
    #[prior(Normal(0.0, 3.0 * output_scale / fan_in.sqrt()))]
    output: Linear<H, K>,
    #[prior(HalfNormal(1.0))]
    hidden_scale: Scale,
    #[prior(HalfNormal(1.0))]
    output_scale: Scale,
}
