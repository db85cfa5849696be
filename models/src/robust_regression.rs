//! Robust regression.

use smc_runtime::prelude::*;

/// y = w·x + b with Student-t noise whose degrees of freedom are learned, and so is its scale.
///
/// For a linear relation with outliers: with few degrees of freedom a target far from the line hardly pulls it. With many
/// it is [`LinearRegression`](crate::LinearRegression). The prior of the degrees of freedom is that of Juárez and Steel
/// (2010), Gamma(2, 0.1). Features and target are standardised.
///
/// ```
/// use models::RobustRegression;
/// use smc_runtime::prelude::*;
///
/// let x: Vec<f32> = (0..30).map(|i| i as f32 / 10.0 - 1.5).collect();
/// let mut y: Vec<f32> = x.iter().map(|x| 0.8 * x + 0.1 * (40.0 * x).sin()).collect();
/// y[28] = -9.0;
/// let data = Dataset::new(1, x, y)?;
/// let posterior = RobustRegression::infer(&data).seed(1).run()?;
/// // With one degree of freedom or fewer there is no mean.
/// let medians = posterior.predict(&data)?.quantile(0.5).expect("the target is a number");
/// assert!((medians[29] - 0.8 * 1.4).abs() < 0.2, "the outlier does not pull the line: {}", medians[29]);
/// # Ok::<(), Error>(())
/// ```
#[bayes_model]
#[standardise]
#[likelihood(StudentT(df = df, mean = output, scale = noise))]
#[infer(smc(particles = 64))]
pub struct RobustRegression {
    #[prior(weight = Normal(0.0, tau), bias = Normal(0.0, 2.5))]
    output: Linear<Dyn, 1>,
    #[prior(HalfNormal(1.0))]
    tau: Scale,
    #[prior(HalfNormal(1.0))]
    noise: Scale,
    #[prior(Gamma(2.0, 0.1))]
    df: Scale,
}
