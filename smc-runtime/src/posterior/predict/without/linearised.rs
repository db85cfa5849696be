//! The network as a linear function of its parameters around the mean.

use super::{Integral, Outputs, Said, WithoutDraws, by_chunks, each, normal};
use crate::base::error::Result;
use crate::data::Features;
use crate::problem::density::Density;
use crate::problem::{Predictor, Slopes};

/// The linearised predictive, f(θ) ≈ f(m) + J (θ − m): outputs are normal with mean f(m) and covariance J Σ Jᵀ, m and Σ those of the density, or of
/// every component of a mixture (the "GLM" predictive of A. Immer, M. Korzepa, M. Bauer, *Improving predictions of Bayesian neural nets via local
/// linearization*, AISTATS 2021). It is the predictive that Laplace's approximation is meant for: the curvature of
/// [`laplace`](crate::infer::laplace()) is that of this linear model, and draws of the weights, which the network is not linear between, say worse.
/// Parameters that are no layer's, such as a noise, are at their mean.
///
/// ```
/// use smc_runtime::prelude::*;
///
/// #[bayes_model]
/// #[likelihood(Normal(mean = output, sd = 0.1))]
/// #[infer(laplace())]
/// struct Curve {
///     #[prior(Normal(0.0, 2.0))]
///     hidden: Linear<1, 8>,
///     activation: Tanh,
///     #[prior(Normal(0.0, 1.0))]
///     output: Linear<8, 1>,
/// }
///
/// let x: Vec<f32> = (0..60).map(|i| i as f32 / 10.0 - 3.0).collect();
/// let y = x.iter().map(|x| x.sin()).collect();
/// let data = Dataset::new(1, x, y)?;
/// let fit = Curve::infer(&data).seed(1).run()?;
/// let scored = fit.predict_with(&data, &linearised())?;
/// assert!(scored.summary().rmse < Some(0.05));
/// // Far from the data it is less sure.
/// let far = fit.predict_with(&Features::new(1, vec![0.0, 9.0])?, &linearised())?;
/// assert!(far.sd()[1] > 2.0 * far.sd()[0]);
/// # Ok::<(), Error>(())
/// ```
pub fn linearised() -> Linearised {
    Linearised::default()
}

/// The settings of the linearised predictive; see [`linearised`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Linearised {
    integral: Integral,
}

impl Linearised {
    /// For classes, a formula in the place of the integral over the outputs; see [`Integral::Probit`].
    pub fn probit(mut self) -> Self {
        self.integral = Integral::Probit;
        self
    }

    /// So many draws of the outputs in the place of what is usual.
    pub fn draws(mut self, draws: usize) -> Self {
        self.integral = Integral::Draws(draws);
        self
    }
}

impl WithoutDraws for Linearised {
    fn said(
        &self,
        density: &dyn Density,
        predictor: &dyn Predictor,
        data: &Features,
    ) -> Result<Said> {
        let seen = predictor.transparent()?;
        each(density, &|density| {
            let normal = normal(density, "linearised predictions")?;
            let mean = normal.mean();
            by_chunks(data, |data| {
                let mut slopes = Slopes::new(seen.layers());
                let outputs = slopes.outputs;
                let found = seen.look(&mean, data, true, &mut slopes);
                let mut covariance = vec![0.0; data.rows() * outputs * outputs];
                normal.spread(&slopes, &mut covariance);
                let found = Outputs {
                    mean: found,
                    covariance,
                    outputs,
                };
                found.said(self.integral, predictor, &mean, data)
            })
        })
    }
}
