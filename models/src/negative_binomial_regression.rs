//! Negative-binomial regression.

use smc_runtime::prelude::*;

/// log mean = w·x + b for counts with variance mean + mean²/dispersion; the dispersion and the common scale of the
/// weights are learned.
///
/// For counts, unless it is known that nothing but chance spreads them. A large dispersion means that
/// [`PoissonRegression`](crate::PoissonRegression) would do. Features are standardised.
///
/// ```
/// use models::NegativeBinomialRegression;
/// use smc_runtime::prelude::*;
///
/// let data = Dataset::new(1, vec![-1.0, -0.5, 0.0, 0.5, 1.0], vec![0.0, 4.0, 1.0, 12.0, 3.0])?;
/// let posterior = NegativeBinomialRegression::infer(&data).seed(1).run()?;
/// let prediction = posterior.predict(&data)?;
/// // More spread than a Poisson distribution of the same mean has.
/// assert!(prediction.sd()[3].powi(2) > prediction.mean()[3]);
/// # Ok::<(), Error>(())
/// ```
#[bayes_model]
#[standardise]
#[likelihood(NegativeBinomial(log_mean = output, dispersion = dispersion))]
#[infer(smc(particles = 64))]
pub struct NegativeBinomialRegression {
    #[prior(weight = Normal(0.0, tau), bias = Normal(0.0, 2.5))]
    output: Linear<Dyn, 1>,
    #[prior(HalfNormal(1.0))]
    tau: Scale,
    #[prior(LogNormal(1.0, 1.5))]
    dispersion: Scale,
}
