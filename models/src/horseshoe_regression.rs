//! Linear regression with a horseshoe prior.

use smc_runtime::prelude::*;

/// y = w·x + b, w_j ~ N(0, τ λ_j) with λ_j ~ C⁺(0, 1) and τ ~ C⁺(0, 0.1): the horseshoe (Carvalho, Polson and Scott, 2010).
///
/// For many features of which few matter: small weights are shrunk to nothing, large ones hardly. τ says how many are
/// expected to matter; 0.1 suits about a tenth (Piironen and Vehtari, 2017, give the rule). The tails are heavy and the
/// density has a funnel: use many particles, and compare runs with several seeds. Features and target are standardised.
///
/// ```
/// use models::HorseshoeRegression;
/// use smc_runtime::prelude::*;
///
/// // Ten features, of which the first counts.
/// let rows = 40;
/// let x: Vec<f32> = (0..rows * 10).map(|i| ((i * 7919 % 1009) as f32 / 504.0 - 1.0) * 1.7).collect();
/// let y = (0..rows).map(|i| x[10 * i]).collect();
/// let data = Dataset::new(10, x, y)?;
/// let posterior = HorseshoeRegression::infer(&data).seed(1).run()?;
/// let weight = |j: usize| -> f64 {
///     (0..posterior.len())
///         .map(|i| posterior.weights()[i] * f64::from(posterior.draw(i).output.weight[(0, j)]))
///         .sum()
/// };
/// assert!(weight(0) > 0.8 && (1..10).all(|j| weight(j).abs() < 0.1));
/// # Ok::<(), Error>(())
/// ```
#[bayes_model]
#[standardise]
#[likelihood(Normal(mean = output, sd = noise))]
#[infer(smc(particles = 128))]
pub struct HorseshoeRegression {
    #[prior(HalfCauchy(0.1))]
    tau: Scale,
    #[prior(HalfCauchy(1.0))]
    lambda: Scale<Dyn>,
    #[prior(weight = Normal(0.0, tau * lambda), bias = Normal(0.0, 2.5))]
    output: Linear<Dyn, 1>,
    #[prior(HalfNormal(1.0))]
    noise: Scale,
}
