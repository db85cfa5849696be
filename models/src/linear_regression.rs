//! Bayesian linear regression.

use smc_runtime::prelude::*;

/// y = w·x + b with normal noise; the noise and the common scale of weights and bias are learned.
///
/// The first thing to try, and the yardstick for every network: if a network does not beat it, the data are linear or
/// few. It takes any number of features. Its weights are those of standardised data; of data that are on a scale near 1 they
/// can be had in their own units:
///
/// ```
/// use models::LinearRegression;
/// use smc_runtime::prelude::*;
///
/// let data = Dataset::new(1, vec![-1.0, 0.0, 1.0, 2.0], vec![-2.1, 0.1, 1.9, 4.2])?;
/// let posterior = LinearRegression::infer(&data).raw().seed(1).run()?;
/// let slope: f64 = (0..posterior.len())
///     .map(|i| posterior.weights()[i] * f64::from(posterior.draw(i).output.weight[(0, 0)]))
///     .sum();
/// assert!((slope - 2.0).abs() < 0.5);
/// # Ok::<(), Error>(())
/// ```
#[bayes_model]
#[standardise]
#[likelihood(Normal(mean = output, sd = noise))]
#[infer(smc(particles = 64))]
pub struct LinearRegression {
    #[prior(Normal(0.0, tau))]
    output: Linear<Dyn, 1>,
    #[prior(HalfNormal(1.0))]
    tau: Scale,
    #[prior(HalfNormal(1.0))]
    noise: Scale,
}
