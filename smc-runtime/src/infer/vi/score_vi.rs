//! Score matching with a proximal penalty.

use std::sync::Arc;

use super::natural::{self, Coordinates, Formula, check};
use super::plan::{Passes, passes_draws, passes_setters};
use super::run::{KEPT, Now};
use super::{Fitting, Variational, inference_of_a_fit};
use crate::base::error::Result;
use crate::base::rng::Streams;
use crate::base::saved::Saved;
use crate::family::At;
use crate::infer::{Cost, Inference, Stepwise};
use crate::problem::Problem;

/// Score-based variational inference: a normal density q follows the scores ∇log p(θ) + (N/B) Σ_batch ∇ℓ of draws of itself. At every batch
///
/// q ← argmin_q' E_q |∇log q'(θ) − s(θ)|²_V + κ KL(q ‖ q'),
///
/// with the draws and the metric V, q's variances, frozen: score matching with a proximal penalty, in closed form for every
/// coordinate. No derivative of a draw is taken, and a mini-batch's noisy score will do. The idea is that of M. Kim,
/// *Large-scale Score-based Variational Posterior Inference for Bayesian Deep Neural Networks* (arXiv 2602.05873); the algorithm is
/// **reconstructed** from its abstract, and the document on variational inference says what was read, what was added and what it does.
///
/// The family is normal with a [Kronecker covariance](crate::family::KroneckerNormal) for every affine layer, in the eigenbasis of
/// its factors, and [diagonal](ScoreVi::diagonal) for all else. What is left is a density: any number of draws, and a start with a valid
/// evidence for `smc().warm(score_vi(), 1.0)`.
///
/// ```
/// use smc_runtime::infer::DrawnFrom;
/// use smc_runtime::prelude::*;
///
/// #[bayes_model]
/// #[likelihood(Normal(mean = output, sd = 1.0))]
/// #[infer(score_vi())]
/// struct Line {
///     #[prior(Normal(0.0, 1.0))]
///     output: Linear<1, 1>,
/// }
///
/// let data = Dataset::new(1, vec![-1.0, 1.0], vec![-3.0, 3.0])?;
/// let fit = Line::infer(&data).seed(1).run()?;
/// let DrawnFrom::Fitted(fitted) = fit.drawn_from() else { panic!() };
/// // The posterior is in the family: the bound is the evidence, log N(y; 0, I + X Xᵀ + 1 1ᵀ).
/// let exact = -2.0 * 0.5 * std::f64::consts::TAU.ln() - 0.5 * 9f64.ln() - 3.0;
/// assert!((fitted.elbo - exact).abs() < 0.01);
/// assert_eq!(fit.log_evidence(), None);
/// # Ok::<(), Error>(())
/// ```
pub fn score_vi() -> ScoreVi {
    ScoreVi {
        passes: Passes::default(),
        coordinates: Coordinates::KroneckerIfAny,
        rates: [0.05, 0.01],
        trust: 3.0,
    }
}

/// The settings of score-based variational inference; see [`score_vi`].
#[derive(Clone, Copy, Debug)]
pub struct ScoreVi {
    passes: Passes,
    coordinates: Coordinates,
    rates: [f64; 2],
    trust: f64,
}

impl ScoreVi {
    passes_setters!();

    /// Independent coordinates, in the place of Kronecker covariances.
    pub fn diagonal(mut self) -> Self {
        self.coordinates = Coordinates::Own;
        self
    }

    /// Kronecker covariances, and an error for a model whose network is no chain of affine layers; unless it is called, such a model has
    /// independent coordinates, and the report says so.
    pub fn kronecker(mut self) -> Self {
        self.coordinates = Coordinates::Kronecker;
        self
    }

    /// How fast means and precisions follow, as the shares ρ of an undamped step: 0.05 and 0.01 unless set. They give the two weights of
    /// the proximal penalty, κ = 2(1 − ρ)/ρ and 4/ρ, and fall along half a cosine.
    pub fn rates(mut self, mean: f64, precision: f64) -> Self {
        self.rates = [mean, precision];
        self
    }

    /// How many times its typical size, √(N/B) standard deviations of the density, a batch's score may be: above it a mean's is clipped,
    /// and a curvature's where it is negative. 3 unless set; infinity for none, which is unbiased under any noise, and diverges on
    /// networks.
    pub fn trust(mut self, times: f64) -> Self {
        self.trust = times;
        self
    }
}

/// The minimiser of the proximal score loss for one coordinate, its penalty split between mean and precision, and the mean's move left
/// out of the equation for the precision, which makes it positive by construction.
///
/// For N(m, v), v = 1/(Nα), θ = m + √v ε and the slope g of the mean loss of a row, with f = g ε/√v, c = ε² and u the factor of the
/// precision, the loss in u is c u² − 2u f/α + κ(u − ln u)/2: its stationary point is the positive root of
/// 2c u² − q u − κ/2 = 0 with q = 2f/α − κ/2. Both estimates are taken less what is known of them, whose expectation is zero: a slope
/// less that of the density itself, α √v ε, and f with the running mean of slopes taken from g. Nothing is left of their noise where the
/// density is the posterior.
#[derive(Clone, Copy)]
pub(super) struct Proximal {
    rates: [f32; 2],
    trust: f32,
}

impl Proximal {
    /// At these rates of means and precisions, with slopes clipped at so many times their typical size.
    pub(super) fn new(rates: [f32; 2], trust: f32) -> Self {
        Self { rates, trust }
    }
}

impl Formula for Proximal {
    fn coordinate(self, at: At, now: Now) -> (f32, f32, f32) {
        let (sd, alpha, e) = (at.sd(now.rows), at.precision, at.noise);
        let [rho_m, rho_a] = self.rates.map(|rho| rho * now.rate);
        let (kappa_m, kappa_a) = (2.0 * (1.0 - rho_m) / rho_m, 4.0 / rho_a);
        let limit = self.trust * now.noise;
        // Both without what is known of them: noise is left where that is wrong alone.
        let curvature = (at.slope - at.momentum * now.grown[1]) * e / (sd * alpha);
        let momentum = KEPT * at.momentum + (1.0 - KEPT) * (at.slope - alpha * sd * e);
        let c = e * e;
        let u = root(2.0 * curvature.max(-limit) - 0.5 * kappa_a, c, kappa_a);
        let precision = (alpha * u.clamp(0.5, 2.0)).max(at.least);
        let most = limit / (now.rows * sd);
        let slope = (momentum * now.grown[0]).max(-most).min(most);
        let mean = at.mean - 2.0 * slope / (2.0 * precision + kappa_m * alpha);
        (mean, precision, momentum)
    }
}

/// The positive root of 2c u² − q u − κ/2 = 0, without cancellation.
fn root(q: f32, c: f32, kappa: f32) -> f32 {
    let r = (q * q + 4.0 * c * kappa).sqrt();
    // One division, so that both branches can be taken for many coordinates at once.
    let (above, below) = if q > 0.0 {
        (q + r, 4.0 * c + f32::MIN_POSITIVE)
    } else {
        (kappa, r - q)
    };
    above / below
}

impl Inference for ScoreVi {
    inference_of_a_fit!("score_vi", |vi, problem| vi.passes.cost(problem));
}

impl Variational for ScoreVi {
    fn planned_for(&self, passes: usize) -> Option<Arc<dyn Variational>> {
        Some(Arc::new(self.passes(passes)))
    }

    fn fit<'a>(
        &self,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
        state: Option<&Saved>,
    ) -> Result<Box<dyn Fitting + 'a>> {
        check(self.rates, self.trust)?;
        let formula = Proximal::new(self.rates.map(|r| r as f32), self.trust as f32);
        natural::fit(
            formula,
            self.coordinates,
            &self.passes,
            problem,
            streams,
            state,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_makes_the_derivative_of_the_loss_zero() {
        for c in [1e-6f32, 0.3, 1.0, 9.0] {
            for curvature in [-20.0f32, -1.0, 0.0, 1.0, 30.0, 400.0] {
                for rho in [0.2f32, 0.01, 2e-4] {
                    let kappa = 4.0 / rho;
                    // E c u² − 2u f/α + κ/2 (u − ln u), with a positive second derivative.
                    let loss = |u: f64| {
                        let (c, f, k) = (f64::from(c), f64::from(curvature), f64::from(kappa));
                        c * u * u - 2.0 * u * f + 0.5 * k * (u - u.ln())
                    };
                    let u = f64::from(root(2.0 * curvature - 0.5 * kappa, c, kappa));
                    let h = 1e-4 * u;
                    let slope = (loss(u + h) - loss(u - h)) / (2.0 * h);
                    let size = f64::from(kappa) + 2.0 * f64::from(curvature.abs());
                    assert!(
                        u > 0.0 && slope.abs() < 1e-5 * size,
                        "{c} {curvature} {rho}: {slope}"
                    );
                }
            }
        }
    }
}
