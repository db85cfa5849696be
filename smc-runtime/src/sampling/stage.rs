//! The only vocabulary of intermediate targets, and the only weight-increment formula.
//!
//! Every target is π(θ) ∝ q0(θ)^{1−β} · p(θ)^β · exp( c · \[ Σ_{i∈full} ℓ_i(θ) + φ · Σ_{i∈ramp} ℓ_i(θ) \] ) over rows in the
//! bound order. A run from the prior has β = 1 throughout; from a warm start, another [`Density`] q0, β rises from 0 to 1.
//! One [`Stage`] gives both the increment of the weights and the target of the move, so the two cannot disagree.

use serde::{Deserialize, Serialize};

use crate::base::rng::Stream;
use crate::problem::density::Density;
use crate::problem::population::Population;
use crate::problem::rows::RowSet;
use crate::problem::{Problem, Segment};

/// What the log-density of one particle is made of, cached so that old rows are never evaluated again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Terms {
    /// log p(θ).
    pub prior: f64,
    /// log q0(θ) of the start, while it counts; 0 otherwise.
    pub start: f64,
    /// Σ ℓ over the stage's full rows.
    pub full: f64,
    /// Σ ℓ over the stage's ramping rows.
    pub ramp: f64,
}

/// One intermediate target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    full: RowSet,
    ramp: RowSet,
    phi: f64,
    scale: f64,
    beta: f64,
}

impl Stage {
    /// The prior: no rows.
    pub fn prior() -> Self {
        Self {
            full: RowSet::none(),
            ramp: RowSet::none(),
            phi: 0.0,
            scale: 1.0,
            beta: 1.0,
        }
    }

    /// A warm start: q0 alone.
    pub fn start() -> Self {
        Self::prior().bridging(0.0)
    }

    /// The posterior given `full`.
    pub fn of(full: impl Into<RowSet>) -> Self {
        Self {
            full: full.into(),
            ..Self::prior()
        }
    }

    /// The posterior given `full`, with the rows of `ramp` to the power `phi`.
    pub fn ramping(full: impl Into<RowSet>, ramp: impl Into<RowSet>, phi: f64) -> Self {
        Self {
            full: full.into(),
            ramp: ramp.into(),
            phi,
            ..Self::prior()
        }
    }

    /// Multiplies all log-likelihoods by `scale` (N/n for a random mini-batch of n rows).
    pub fn scaled(self, scale: f64) -> Self {
        Self { scale, ..self }
    }

    /// The start q0 to the power 1 − `beta` and the prior to the power `beta`.
    pub fn bridging(self, beta: f64) -> Self {
        Self { beta, ..self }
    }

    /// The exponent of the prior.
    pub fn beta(&self) -> f64 {
        self.beta
    }

    /// This stage on the way from a warm start: β is the share c·(|full| + φ·|ramp|)/N of the likelihood that is in, so
    /// that q0, which stands for the data at first, leaves as they enter.
    pub fn bridged(self, rows: usize) -> Self {
        let share = self.scale * self.effective_rows() / rows.max(1) as f64;
        self.bridging(share.min(1.0))
    }

    /// Rows that are in, ramping ones counted by their exponent.
    pub fn effective_rows(&self) -> f64 {
        self.full.len() as f64 + self.phi * self.ramp.len() as f64
    }

    /// A stage in which `rows` of these rows, one after the other from a random one on, stand for all: full and ramping
    /// ones in proportion, scaled up.
    pub fn sampled(&self, rows: usize, stream: &mut Stream) -> Self {
        let (full, ramp) = (self.full.len(), self.ramp.len());
        if rows >= full + ramp {
            return self.clone();
        }
        let share = rows as f64 / (full + ramp) as f64;
        let mut window = |rows: &RowSet| {
            let all = rows.len();
            let n = ((share * all as f64).round() as usize).clamp(1.min(all), all);
            rows.window((stream.uniform() * all as f64) as usize, n)
        };
        Self {
            full: window(&self.full),
            ramp: window(&self.ramp),
            scale: self.scale / share,
            ..self.clone()
        }
    }

    /// A stage in which the rows at some `places` of this one, full ones counted first, stand for all, scaled up.
    pub fn part(&self, places: &RowSet) -> Self {
        let (full, n) = (self.full.len(), places.len());
        if n == 0 || n == self.cost() {
            return self.clone();
        }
        let ramping = places.ranges().iter().map(|r| {
            let from = |place: usize| place.saturating_sub(full);
            from(r.start)..from(r.end)
        });
        Self {
            full: self.full.at(places.ranges().iter().cloned()),
            ramp: self.ramp.at(ramping),
            scale: self.scale * self.cost() as f64 / n as f64,
            ..*self
        }
    }

    /// Factor of a full row's log-likelihood.
    pub fn scale_of_a_row(&self) -> f64 {
        self.scale
    }

    /// Rows that are fully in.
    pub fn full(&self) -> &RowSet {
        &self.full
    }

    /// Rows that ramp in.
    pub fn ramp(&self) -> &RowSet {
        &self.ramp
    }

    /// Exponent of the ramping rows.
    pub fn phi(&self) -> f64 {
        self.phi
    }

    /// Rows whose log-likelihood enters at all: what an evaluation costs.
    pub fn cost(&self) -> usize {
        self.full.len() + self.ramp.len()
    }

    /// Whether this is the posterior given all `rows` rows.
    pub fn is_posterior(&self, rows: usize) -> bool {
        let settled = self.settled();
        self.scale == 1.0
            && self.beta == 1.0
            && settled.full == RowSet::from(0..rows)
            && settled.ramp.is_empty()
    }

    /// The same target where a ramp that has arrived has joined the full rows.
    pub fn settled(&self) -> Self {
        if self.phi < 1.0 || self.ramp.is_empty() {
            return self.clone();
        }
        let ranges = self.full.ranges().iter().chain(self.ramp.ranges()).cloned();
        Self {
            full: RowSet::new(ranges),
            ramp: RowSet::none(),
            phi: 0.0,
            ..*self
        }
    }

    /// log π(θ) up to the target's own constant.
    pub fn log_density(&self, terms: &Terms) -> f64 {
        // 0·(−∞) = 0: what has no exponent does not count.
        let power = |exponent: f64, x: f64| if exponent == 0.0 { 0.0 } else { exponent * x };
        let priors = power(1.0 - self.beta, terms.start) + power(self.beta, terms.prior);
        priors + self.scale * (terms.full + power(self.phi, terms.ramp))
    }

    /// The increment of a log-weight from `self` to `next` at one θ, whose terms are given under both.
    pub fn increment(&self, terms: &Terms, next: &Self, next_terms: &Terms) -> f64 {
        let here = self.log_density(terms);
        if here == f64::NEG_INFINITY {
            return f64::NEG_INFINITY;
        }
        next.log_density(next_terms) - here
    }

    /// Why no run over `rows` rows can enter this stage, if so.
    pub(crate) fn problem(&self, rows: usize) -> Option<String> {
        if self.full.end().max(self.ramp.end()) > rows {
            Some(format!(
                "it uses row {} of {rows}",
                self.full.end().max(self.ramp.end())
            ))
        } else if !self.full.is_disjoint(&self.ramp) {
            Some("a row is both full and ramping".to_owned())
        } else if !(0.0..=1.0).contains(&self.phi) {
            Some(format!(
                "its ramp is at {}; it must be between 0 and 1",
                self.phi
            ))
        } else if !(0.0..=1.0).contains(&self.beta) {
            Some(format!(
                "its prior is at {}; it must be between 0 and 1",
                self.beta
            ))
        } else if !(self.scale > 0.0 && self.scale.is_finite()) {
            Some(format!(
                "its scale is {}; it must be positive and finite",
                self.scale
            ))
        } else {
            None
        }
    }

    /// Its rows, with the weights of their log-likelihoods: those that are fully in, then those that ramp.
    pub(crate) fn segments(&self) -> Vec<Segment> {
        let mut segments = self.full.segments(self.scale);
        segments.extend(self.ramp.segments(self.scale * self.phi));
        segments
    }

    /// The terms of every vector under this stage; the gradient of [`Stage::log_density`] is added to `gradient`. `start`
    /// is needed while β < 1.
    pub(crate) fn add_to(
        &self,
        problem: &dyn Problem,
        start: Option<&dyn Density>,
        thetas: &Population,
        mut gradient: Option<&mut Population>,
    ) -> Vec<Terms> {
        let bridge = start.filter(|_| self.beta < 1.0);
        let (priors, starts) = match bridge {
            None => {
                let gradient = gradient.as_deref_mut();
                (problem.prior().log_density(thetas, gradient), None)
            }
            Some(start) => {
                // A density's gradient comes whole, and counts by its exponent.
                let mut part = |density: &dyn Density, exponent: f64| {
                    let mut own = gradient.as_ref().map(|g| g.zeros_like());
                    let logs = density.log_density(thetas, own.as_mut());
                    if let (Some(gradient), Some(own)) = (gradient.as_deref_mut(), &own) {
                        gradient.add_scaled(exponent as f32, own);
                    }
                    logs
                };
                let priors = part(problem.prior(), self.beta);
                (priors, Some(part(start, 1.0 - self.beta)))
            }
        };
        let sums = problem.log_likelihood(thetas, &self.segments(), gradient);
        let full = self.full.ranges().len();
        let terms = |(i, prior): (usize, f64)| {
            let (full, ramp) = sums.of(i).split_at(full);
            Terms {
                prior,
                start: starts.as_ref().map_or(0.0, |s| s[i]),
                full: full.iter().sum(),
                ramp: ramp.iter().sum(),
            }
        };
        priors.into_iter().enumerate().map(terms).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn a_ramp_at_zero_ignores_impossible_rows() {
        let stage = Stage::ramping(0..1, 1..2, 0.0);
        let terms = Terms {
            prior: -1.0,
            full: -2.0,
            ramp: f64::NEG_INFINITY,
            ..Terms::default()
        };
        assert_eq!(stage.log_density(&terms), -3.0);
    }

    #[test]
    fn rows_that_stand_for_all_are_some_of_them() {
        let stage = Stage::ramping(0..60, 60..100, 0.5);
        let mut stream =
            crate::base::rng::Streams::new(1).stream(crate::base::rng::Purpose::User, 0, 0, 0);
        let mut seen = [0usize; 100];
        for _ in 0..400 {
            let some = stage.sampled(10, &mut stream);
            assert_eq!((some.full.len(), some.ramp.len(), some.scale), (6, 4, 10.0));
            assert!(stage.full.contains(&some.full) || some.full.ranges().len() == 2);
            for row in [some.full(), some.ramp()]
                .iter()
                .flat_map(|r| r.ranges().iter().cloned().flatten())
            {
                seen[row] += 1;
            }
        }
        // 40 expected of each.
        assert!(seen.iter().all(|n| (15..70).contains(n)), "{seen:?}");
    }

    #[test]
    fn a_warm_start_leaves_as_the_likelihood_enters() {
        // 20 rows in full and half of 20: 30 of 100, and as much of a mini-batch that is scaled by 2 as is in it twice.
        let stage = Stage::ramping(0..20, 20..40, 0.5);
        assert_eq!(stage.clone().bridged(100).beta(), 0.3);
        assert_eq!(stage.clone().scaled(2.0).bridged(100).beta(), 0.6);
        // All of it, and more than that, is all.
        assert_eq!(Stage::of(0..100).bridged(100).beta(), 1.0);
        assert_eq!(stage.scaled(10.0).bridged(100).beta(), 1.0);
    }

    #[test]
    fn what_has_arrived_is_the_posterior() {
        assert!(Stage::ramping(0..5, 5..9, 1.0).is_posterior(9));
        assert!(!Stage::ramping(0..5, 5..9, 0.5).is_posterior(9));
        assert!(!Stage::of(0..9).scaled(2.0).is_posterior(9));
    }
}
