//! Annealing policies: which stage comes next. One policy per file.

mod smooth;
mod tempering;

pub use smooth::SmoothDataAnnealing;
pub use tempering::Tempering;

use std::collections::HashMap;
use std::fmt::Debug;

use crate::cloud::Cloud;
use crate::error::Result;
use crate::problem::{Part, Problem, Segment};
use crate::stage::{Rows, Stage, Terms};
use crate::weights::{self, Weights};

/// Proposes the next stage, until the posterior is reached.
///
/// Contract. A policy is a value and holds no state of a run: what it needs is in the [`Lookahead`]. It returns `None`
/// when the current stage is its last. If that is not the posterior given all rows, the run has no evidence and says so.
///
/// ```
/// use smc_runtime::prelude::*;
/// use smc_runtime::anneal::{Annealing, Lookahead};
/// use smc_runtime::stage::Stage;
///
/// /// A quarter of the rows at a time.
/// #[derive(Debug)]
/// struct Quarters;
///
/// impl Annealing for Quarters {
///     fn next(&self, ahead: &mut Lookahead<'_>) -> Result<Option<Stage>> {
///         let (now, all) = (ahead.stage().full().len(), ahead.rows());
///         Ok((now < all).then(|| Stage::of(0..(now + all.div_ceil(4)).min(all))))
///     }
/// }
/// ```
pub trait Annealing: Debug + Send + Sync {
    /// The stage after the current one.
    ///
    /// # Errors
    /// If the policy's settings are impossible for this problem.
    fn next(&self, ahead: &mut Lookahead<'_>) -> Result<Option<Stage>>;
}

const _: fn(&dyn Annealing) = |_| ();

/// What a policy can ask about the particles before it decides.
///
/// Log-likelihoods of new rows are evaluated once and then used for the weights too.
pub struct Lookahead<'a> {
    problem: &'a dyn Problem,
    cloud: &'a Cloud,
    weights: &'a Weights,
    stage: &'a Stage,
    sums: HashMap<Rows, Vec<f64>>,
    bridge: bool,
}

impl<'a> Lookahead<'a> {
    pub(crate) fn new(
        problem: &'a dyn Problem,
        cloud: &'a Cloud,
        weights: &'a Weights,
        stage: &'a Stage,
    ) -> Self {
        Self {
            problem,
            cloud,
            weights,
            stage,
            sums: HashMap::new(),
            bridge: false,
        }
    }

    /// Whether the run came from a warm start, so that every stage is [bridged](Stage::bridged).
    pub(crate) fn bridge(&mut self, bridge: bool) {
        self.bridge = bridge;
    }

    /// The stage as the run would enter it.
    pub(crate) fn bridged(&self, stage: Stage) -> Stage {
        if self.bridge {
            stage.bridged(self.rows())
        } else {
            stage
        }
    }

    /// The current stage, its ramp joined to the full rows if it has arrived.
    pub fn stage(&self) -> Stage {
        self.stage.settled()
    }

    /// Number of rows N.
    pub fn rows(&self) -> usize {
        self.problem.rows()
    }

    /// Number of parameters d.
    pub fn dim(&self) -> usize {
        self.problem.layout().dim()
    }

    /// Number of particles J.
    pub fn particles(&self) -> usize {
        self.cloud.terms.len()
    }

    /// The conditional effective sample size of going to `stage`, as a fraction of J.
    pub fn cess(&mut self, stage: &Stage) -> f64 {
        let increments = self.increments(stage);
        weights::cess(self.weights.log(), &increments)
    }

    /// The log-weight increments of going to `stage`; −∞ for a stage that no run can enter.
    pub fn increments(&mut self, stage: &Stage) -> Vec<f64> {
        if stage.problem(self.rows()).is_some() {
            return vec![f64::NEG_INFINITY; self.particles()];
        }
        let terms = self.terms(stage);
        let pairs = self.cloud.terms.iter().zip(&terms);
        let stage = self.bridged(stage.clone());
        pairs
            .map(|(now, next)| self.stage.increment(now, &stage, next))
            .collect()
    }

    /// The largest x in (`from`, 1] whose stage keeps the CESS at `target` or above, by bisection.
    ///
    /// Where no step is small enough (particles at impossible values, say) the smallest one is taken, so that a run
    /// always goes on.
    pub fn largest(&mut self, from: f64, target: f64, stage: impl Fn(f64) -> Stage) -> f64 {
        const SMALLEST: f64 = 1e-6;
        if self.cess(&stage(1.0)) >= target {
            return 1.0;
        }
        let (mut low, mut high) = (from, 1.0);
        // 40 halvings: to one part in 10^12, also where the first steps of a temperature are tiny.
        for _ in 0..40 {
            let middle = 0.5 * (low + high);
            if self.cess(&stage(middle)) >= target {
                low = middle;
            } else {
                high = middle;
            }
        }
        low.max(from + SMALLEST).min(1.0)
    }

    /// The terms of every particle under `stage`, from what is known and a pass over new rows only.
    pub(crate) fn terms(&mut self, stage: &Stage) -> Vec<Terms> {
        let full = self.sum_over(stage.full());
        let ramp = self.sum_over(stage.ramp());
        let terms = self.cloud.terms.iter().zip(full.into_iter().zip(ramp));
        terms
            .map(|(now, (full, ramp))| Terms { full, ramp, ..*now })
            .collect()
    }

    /// Σ ℓ over `rows` for every particle.
    fn sum_over(&mut self, rows: &Rows) -> Vec<f64> {
        let known = &self.cloud.terms;
        if rows == self.stage.full() {
            return known.iter().map(|t| t.full).collect();
        }
        if rows == self.stage.ramp() {
            return known.iter().map(|t| t.ramp).collect();
        }
        let mut sum = vec![0.0; known.len()];
        let mut rest = rows.clone();
        for (part, value) in [
            (self.stage.full(), (|t: &Terms| t.full) as fn(&Terms) -> f64),
            (self.stage.ramp(), |t: &Terms| t.ramp),
        ] {
            if !part.is_empty() && rest.contains(part) {
                rest = rest.without(part);
                for (sum, t) in sum.iter_mut().zip(known) {
                    *sum += value(t);
                }
            }
        }
        if !rest.is_empty() {
            for (sum, new) in sum.iter_mut().zip(self.evaluate(&rest)) {
                *sum += new;
            }
        }
        sum
    }

    fn evaluate(&mut self, rows: &Rows) -> &[f64] {
        let (problem, cloud) = (self.problem, self.cloud);
        self.sums.entry(rows.clone()).or_insert_with(|| {
            let segment = |rows: &std::ops::Range<usize>| Segment {
                rows: rows.clone(),
                weight: 1.0,
                part: Part::Full,
            };
            let segments: Vec<Segment> = rows.ranges().iter().map(segment).collect();
            let sums = problem.log_likelihood(&cloud.positions, &segments, None);
            sums.into_iter().map(|s| s.full).collect()
        })
    }
}
