//! Poisson regression.

use smc_runtime::prelude::*;

/// log rate = w·x + b for counts; the common scale of the weights is learned.
///
/// For counts whose variance is their mean. Real counts usually spread more; compare the log-evidence with that of
/// [`NegativeBinomialRegression`](crate::NegativeBinomialRegression), of which this is the limit. For counts over unequal
/// times or populations copy it and write `log_rate = output + offset`, with the logarithm of the exposure as the data's
/// offset. Features are standardised.
///
/// ```
/// use models::PoissonRegression;
/// use smc_runtime::prelude::*;
///
/// let data = Dataset::new(1, vec![-1.0, -0.5, 0.0, 0.5, 1.0], vec![1.0, 2.0, 3.0, 5.0, 8.0])?;
/// let posterior = PoissonRegression::infer(&data).seed(1).run()?;
/// let means = posterior.predict(&data)?.mean();
/// assert!(means[0] < 3.0 && means[4] > 5.0);
/// # Ok::<(), Error>(())
/// ```
#[bayes_model]
#[standardise]
#[likelihood(Poisson(log_rate = output))]
#[infer(smc(particles = 64))]
pub struct PoissonRegression {
    #[prior(weight = Normal(0.0, tau), bias = Normal(0.0, 2.5))]
    output: Linear<Dyn, 1>,
    #[prior(HalfNormal(1.0))]
    tau: Scale,
}
