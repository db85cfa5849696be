//! Improved variational online Newton, in the model's coordinates or in the eigenbasis of Kronecker factors.

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

/// A diagonal normal density by natural gradients of the evidence bound, at the cost of Adam: IVON (Y. Shen et al., *Variational Learning is
/// Effective for Large Deep Networks*, ICML 2024). With a slope g of the mean loss of a row at m + σε, m̄ the running mean of slopes and
/// σ² = 1/(N h): h ← h + r(f − h) + ½ r²(h − f)²/h with f = g ε/σ, and m ← m − ρ m̄/h.
///
/// The prior is in g, whatever it is. Rates are those that suit the other fits here: ρ = 0.05, falling along half a cosine, and r = 0.005.
///
/// ```
/// use smc_runtime::prelude::*;
///
/// #[bayes_model]
/// #[likelihood(Bernoulli(logit = output))]
/// #[infer(ivon(passes = 2000))]
/// struct Odds {
///     #[prior(Normal(0.0, 1.0))]
///     output: Linear<1, 1>,
/// }
///
/// let x: Vec<f32> = (0..60).map(|i| i as f32 / 30.0 - 1.0).collect();
/// let y = (0..60).map(|i| f32::from(u8::from(i * 7 % 60 < i))).collect();
/// let fit = Odds::infer(&Dataset::new(1, x, y)?).seed(1).run()?;
/// assert!(fit.summary().quantities.iter().any(|q| q.mean > 1.0));
/// # Ok::<(), Error>(())
/// ```
pub fn ivon() -> Ivon {
    Ivon {
        passes: Passes::default(),
        coordinates: Coordinates::Own,
        rates: [0.05, 0.005],
        trust: 3.0,
    }
}

/// [`ivon`] in the eigenbasis of the [weighted](crate::family::Factors::weighted) Kronecker factors of every affine layer, after EVON, with the
/// [Kronecker family](crate::family::KroneckerNormal): reconstructed, its bases by the orthogonal iteration of SOAP (N. Vyas et al., ICLR
/// 2025). On logistic regression that comes within a twentieth of the full covariance.
pub fn evon() -> Ivon {
    Ivon {
        coordinates: Coordinates::WeightedKronecker,
        ..ivon()
    }
}

/// The settings of the online Newton method; see [`ivon`] and [`evon`].
#[derive(Clone, Copy, Debug)]
pub struct Ivon {
    passes: Passes,
    coordinates: Coordinates,
    rates: [f64; 2],
    trust: f64,
}

impl Ivon {
    passes_setters!();

    /// The rates ρ of the mean and r of the precision; 0.05 and 0.005 unless set.
    pub fn rates(mut self, mean: f64, precision: f64) -> Self {
        self.rates = [mean, precision];
        self
    }

    /// How many times its typical size, √(N/B) standard deviations of the density, a mean's slope or a negative f may be: what is beyond is
    /// clipped. 3 unless set; infinity for none, which is the method as published, and diverges on networks with few rows.
    pub fn trust(mut self, times: f64) -> Self {
        self.trust = times;
        self
    }
}

#[derive(Clone, Copy)]
struct Newton {
    rates: [f32; 2],
    trust: f32,
}

impl Formula for Newton {
    fn coordinate(self, at: At, now: Now) -> (f32, f32, f32) {
        let [rho, r] = self.rates.map(|rate| rate * now.rate);
        let h = at.precision;
        let (sd, limit) = (at.sd(now.rows), self.trust * now.noise);
        let f = (at.slope * at.noise / sd).max(-limit * h);
        let precision = h + r * (f - h) + 0.5 * r * r * (h - f) * (h - f) / h;
        let precision = precision.max(at.least);
        let momentum = KEPT * at.momentum + (1.0 - KEPT) * at.slope;
        let most = limit / (now.rows * sd);
        let slope = (momentum * now.grown[0]).max(-most).min(most);
        let mean = at.mean - rho * slope / precision;
        (mean, precision, momentum)
    }
}

impl Inference for Ivon {
    inference_of_a_fit!("ivon", |vi, problem| vi.passes.cost(problem));
}

impl Variational for Ivon {
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
        let formula = Newton {
            rates: self.rates.map(|r| r as f32),
            trust: self.trust as f32,
        };
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
