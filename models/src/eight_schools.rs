//! Groups that are alike: the eight schools.

use smc_runtime::prelude::*;

/// y_j = μ + τ·e_j + normal noise of a known standard deviation, e_j ~ N(0, 1): each group has an effect of its own, and τ
/// says how much they differ (Rubin, 1981; the priors are those of posteriordb's `eight_schools_noncentered`).
///
/// For a handful of experiments of one kind whose errors are known, as in a meta-analysis: what each says of the others is
/// learned. A row's features say which group it is (1 in one column, 0 elsewhere); the data's offset is its standard error.
///
/// ```
/// use models::EightSchools;
/// use smc_runtime::prelude::*;
///
/// let posterior = EightSchools::infer(&EightSchools::data()?).seed(1).run()?;
/// let mean = |f: &dyn Fn(usize) -> f32| -> f64 {
///     (0..posterior.len()).map(|i| posterior.weights()[i] * f64::from(f(i))).sum()
/// };
/// // School A reports 28 points; the others speak against so many.
/// let first = mean(&|i| {
///     let draw = posterior.draw(i);
///     *draw.mu + *draw.tau * draw.effect.weight[(0, 0)]
/// });
/// assert!(first > 4.0 && first < 9.0, "{first}");
/// # Ok::<(), Error>(())
/// ```
#[bayes_model]
#[likelihood(Normal(mean = mu + tau * effect, sd = offset))]
#[infer(smc(particles = 256))]
pub struct EightSchools {
    #[prior(Normal(0.0, 1.0))]
    effect: LinearNoBias<Dyn, 1>,
    #[prior(Normal(0.0, 5.0))]
    mu: Real,
    #[prior(HalfCauchy(5.0))]
    tau: Scale,
}

impl EightSchools {
    /// What coaching gained in eight schools, in points of a test, with the standard errors (Rubin, 1981).
    ///
    /// # Errors
    /// Never.
    pub fn data() -> Result<Dataset> {
        let gains = vec![28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0];
        let errors = vec![15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0];
        let schools = (0..64).map(|i| f32::from(u8::from(i % 9 == 0))).collect();
        Dataset::new(8, schools, gains)?.with_offset(errors)
    }
}
