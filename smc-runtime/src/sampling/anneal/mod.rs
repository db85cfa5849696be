//! Annealing policies: which stage comes next. One policy per file.

mod automatic;
mod mini_batch;
mod plan;
mod smooth;
mod step;
mod tempering;

pub use automatic::AutomaticAnnealing;
pub use mini_batch::RandomMiniBatch;
pub use plan::Plan;
pub use smooth::SmoothDataAnnealing;
pub use step::StepDataAnnealing;
pub use tempering::Tempering;

use std::fmt::Debug;

use crate::base::error::{Error, Result};
use crate::base::rng::{Purpose, Stream, Streams};
use crate::problem::Problem;
use crate::problem::rows::RowSet;
use crate::sampling::cloud::Cloud;
use crate::sampling::stage::{Stage, Terms};
use crate::sampling::weights::{self, Weights};

/// Proposes the next stage, until the posterior is reached.
///
/// Contract. A policy is a value and holds no state of a run: what it needs is in the [`Lookahead`]. It returns `None`
/// when the current stage is its last. If that is not the posterior given all rows, the run has no evidence and says so.
/// Where the stages do not depend on the particles, [`plan`](Self::plan) says them all, and `next` is
/// `Ok(ahead.planned())`.
///
/// ```
/// use smc_runtime::prelude::*;
/// use smc_runtime::sampling::anneal::{Annealing, Lookahead};
/// use smc_runtime::sampling::stage::Stage;
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

    /// All stages in order for data of `rows` rows, if they do not depend on the particles. A stage that is there twice
    /// is one with twice the moves. The run asks once, before it begins.
    ///
    /// ```
    /// use smc_runtime::prelude::*;
    /// use smc_runtime::sampling::anneal::{Annealing, Lookahead};
    /// use smc_runtime::sampling::stage::Stage;
    ///
    /// /// A tenth of the rows, then all.
    /// #[derive(Debug)]
    /// struct Twice;
    ///
    /// impl Annealing for Twice {
    ///     fn plan(&self, rows: usize) -> Result<Option<Vec<Stage>>> {
    ///         Ok(Some(vec![Stage::of(0..rows.div_ceil(10)), Stage::of(0..rows)]))
    ///     }
    ///     fn next(&self, ahead: &mut Lookahead<'_>) -> Result<Option<Stage>> {
    ///         Ok(ahead.planned())
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// If the policy's settings are impossible for so many rows.
    fn plan(&self, rows: usize) -> Result<Option<Vec<Stage>>> {
        let _ = rows;
        Ok(None)
    }
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
    bridge: bool,
    place: Place<'a>,
    /// Σ ℓ of every particle over sets of rows that a candidate had, in the order in which they were asked for.
    sums: Vec<(RowSet, Vec<f64>)>,
    caution: Option<String>,
}

/// Where a run stands.
pub(crate) struct Place<'a> {
    pub(crate) streams: Streams,
    /// Stages entered so far.
    pub(crate) step: usize,
    /// Row-gradients of all particles so far.
    pub(crate) row_gradients: u64,
    /// Σ of the rows of the stages entered so far.
    pub(crate) rows: u64,
    /// What the policy planned before the run.
    pub(crate) plan: Option<&'a [Stage]>,
}

impl<'a> Lookahead<'a> {
    pub(crate) fn new(
        problem: &'a dyn Problem,
        cloud: &'a Cloud,
        weights: &'a Weights,
        stage: &'a Stage,
        place: Place<'a>,
    ) -> Self {
        Self {
            problem,
            cloud,
            weights,
            stage,
            place,
            sums: Vec::new(),
            caution: None,
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

    /// Number of stages entered so far: 0 before the first.
    pub fn step(&self) -> usize {
        self.place.step
    }

    /// The stage that the policy's own [plan](Annealing::plan) has here; `None` at its end, or without a plan.
    pub fn planned(&self) -> Option<Stage> {
        self.place.plan?.get(self.place.step).cloned()
    }

    /// Random numbers for this decision: the same ones each time it is asked for at this step.
    pub fn stream(&self) -> Stream {
        let Place { streams, step, .. } = &self.place;
        streams.stream(Purpose::Batch, *step, 0, 0)
    }

    /// Row-gradients per particle that the run has spent so far, trial moves included.
    pub fn spent(&self) -> f64 {
        self.place.row_gradients as f64 / self.particles() as f64
    }

    /// How often each row of a stage has been differentiated on average, per particle; `None` before the first stage.
    pub fn passes(&self) -> Option<f64> {
        (self.place.rows > 0).then(|| self.spent() / self.place.rows as f64)
    }

    /// Has the run say something about its draws; the same words are said once.
    pub fn caution(&mut self, text: impl Into<String>) {
        self.caution = Some(text.into());
    }

    pub(crate) fn take_caution(&mut self) -> Option<String> {
        self.caution.take()
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
    /// Where no step is small enough (particles at impossible values, say) one of 10⁻⁶ is taken, so that a run always goes
    /// on.
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
        if low > from {
            low
        } else {
            (from + SMALLEST).min(1.0)
        }
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
    fn sum_over(&mut self, rows: &RowSet) -> Vec<f64> {
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

    /// Σ ℓ over rows that the current stage does not have. Those of a smaller candidate are not evaluated again.
    fn evaluate(&mut self, rows: &RowSet) -> Vec<f64> {
        let known = self.sums.iter().filter(|(known, _)| rows.contains(known));
        let known = known.max_by_key(|(known, _)| known.len());
        let rest = known.map_or(rows.clone(), |(known, _)| rows.without(known));
        if let (Some((_, sums)), true) = (known, rest.is_empty()) {
            return sums.clone();
        }
        let segments = rest.segments(1.0);
        let new = self
            .problem
            .log_likelihood(&self.cloud.positions, &segments, None);
        let mut sums = new.totals();
        if let Some((_, known)) = known {
            for (sum, known) in sums.iter_mut().zip(known) {
                *sum += known;
            }
        }
        self.sums.push((rows.clone(), sums.clone()));
        sums
    }
}

/// Most stages of a plan: more than any run will make, and few enough to hold.
const MOST_STAGES: usize = 1_000_000;

/// A number of stages, blocks or steps that a plan can hold.
fn check_number(what: &str, number: usize, least: usize) -> Result<()> {
    if (least..=MOST_STAGES).contains(&number) {
        return Ok(());
    }
    let expected = format!("between {least} and {MOST_STAGES}");
    Err(Error::config(what, number, expected))
}

/// Rows of a first block; a sixty-fourth of the data, but at least 16, unless given.
fn first_block(first: Option<usize>, rows: usize) -> Result<usize> {
    let first = first.unwrap_or((rows / 64).max(16).min(rows));
    if (1..=rows).contains(&first) {
        return Ok(first);
    }
    let expected = format!("between 1 and the {rows} rows of the data");
    Err(Error::config("first", first, expected))
}

/// Smallest whole number that is not below `x`, which may be off by rounding.
fn whole(x: f64) -> usize {
    (x * (1.0 - 1e-12)).ceil() as usize
}

#[cfg(test)]
mod tests;
