//! Logistic regression.

use smc_runtime::prelude::*;

/// log p/(1 − p) = w·x + b for targets 0 and 1; the common scale of the weights is learned.
///
/// For two classes, and the yardstick for every classifier of two. The learned scale shrinks what the data do not
/// support, so that separable classes are no difficulty. Features are standardised.
///
/// ```
/// use models::LogisticRegression;
/// use smc_runtime::prelude::*;
///
/// let x: Vec<f32> = (0..40).map(|i| i as f32 / 10.0 - 2.0).collect();
/// let y = x.iter().map(|&x| if x > 0.3 { 1.0 } else { 0.0 }).collect();
/// let data = Dataset::new(1, x, y)?;
/// let posterior = LogisticRegression::infer(&data).seed(1).run()?;
/// assert!(posterior.predict(&data)?.summary().accuracy > Some(0.9));
/// # Ok::<(), Error>(())
/// ```
#[bayes_model]
#[standardise]
#[likelihood(Bernoulli(logit = output))]
#[infer(smc(particles = 64))]
pub struct LogisticRegression {
    #[prior(weight = Normal(0.0, tau), bias = Normal(0.0, 2.5))]
    output: Linear<Dyn, 1>,
    #[prior(HalfNormal(1.0))]
    tau: Scale,
}
