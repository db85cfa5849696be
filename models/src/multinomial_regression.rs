//! Multinomial logistic regression.

use smc_runtime::prelude::*;

/// Logits W x + b for as many classes as asked for; the common scale of the weights is learned.
///
/// For three classes and more, and the yardstick for every classifier of so many; for two,
/// [`LogisticRegression`](crate::LogisticRegression) says the same with half the parameters. Targets are 0, 1, ..., K − 1.
/// Features are standardised.
///
/// ```
/// use models::MultinomialRegression;
/// use smc_runtime::prelude::*;
///
/// let x: Vec<f32> = (0..60).map(|i| i as f32 / 10.0 - 3.0).collect();
/// let y = x.iter().map(|&x| if x < -1.0 { 0.0 } else if x < 1.0 { 1.0 } else { 2.0 }).collect();
/// let data = Dataset::new(1, x, y)?;
/// let posterior = MultinomialRegression::sized(3).infer_with(&data).seed(1).run()?;
/// assert!(posterior.predict(&data)?.summary().accuracy > Some(0.8));
/// # Ok::<(), Error>(())
/// ```
#[bayes_model]
#[standardise]
#[likelihood(Categorical(logits = output))]
#[infer(smc(particles = 64))]
pub struct MultinomialRegression {
    #[prior(weight = Normal(0.0, tau), bias = Normal(0.0, 2.5))]
    output: Linear<Dyn, Dyn>,
    #[prior(HalfNormal(2.0))]
    tau: Scale,
}

impl MultinomialRegression {
    /// With `classes` classes; the number of features is that of the data.
    pub fn sized(classes: usize) -> Self {
        Self {
            output: Linear::sized(Dyn, classes),
            ..Self::default()
        }
    }
}
