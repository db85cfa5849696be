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
use crate::sampling::cloud::Cloud;
use crate::sampling::known::Known;
use crate::sampling::stage::{Stage, Terms};
use crate::sampling::weights::Islands;

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

    /// Whether a run from the prior had better begin, where rows and parameters are many, with chains by mini-batches, and go on from
    /// where they end: so for a policy that decides by itself what is best.
    fn may_walk(&self) -> bool {
        false
    }

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
    known: Known<'a>,
    weights: &'a Islands,
    place: Place<'a>,
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
    /// Whether the run came from a warm start, so that every stage is [bridged](Stage::bridged).
    pub(crate) bridge: bool,
}

/// What a policy decided.
pub(crate) struct Next {
    pub(crate) stage: Stage,
    /// The log-weight increments of the particles on the way there.
    pub(crate) increments: Vec<f64>,
    /// The terms of the particles there.
    pub(crate) terms: Vec<Terms>,
    /// What the policy has to say about the draws.
    pub(crate) caution: Option<String>,
}

impl<'a> Lookahead<'a> {
    pub(crate) fn new(
        problem: &'a dyn Problem,
        cloud: &'a Cloud,
        weights: &'a Islands,
        stage: &'a Stage,
        place: Place<'a>,
    ) -> Self {
        Self {
            known: Known::new(problem, cloud, stage),
            weights,
            place,
            caution: None,
        }
    }

    /// What `policy` decides; `None` at its end.
    ///
    /// # Errors
    /// If the policy fails, or proposes a stage that no run can enter from here.
    pub(crate) fn next(mut self, policy: &dyn Annealing) -> Result<Option<Next>> {
        let Some(stage) = policy.next(&mut self)? else {
            return Ok(None);
        };
        let stage = self.bridged(stage);
        let now = self.known.stage();
        let refuse = |why: &str| Err(schedule(self.place.step, why.to_owned()));
        possible(&stage, self.rows(), self.place.step)?;
        if self.place.plan.is_none() && stage == *now {
            return refuse("it is the current stage again");
        }
        if stage.beta() < now.beta() {
            return refuse("the start comes back: the exponent of the prior falls");
        }
        Ok(Some(Next {
            increments: self.known.increments(&stage),
            terms: self.known.terms(&stage),
            caution: self.caution,
            stage,
        }))
    }

    /// The stage as the run would enter it.
    fn bridged(&self, stage: Stage) -> Stage {
        if self.place.bridge {
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

    /// The current stage, its ramp joined to the full rows if it has arrived.
    pub fn stage(&self) -> Stage {
        self.known.stage().settled()
    }

    /// Number of rows N.
    pub fn rows(&self) -> usize {
        self.known.problem().rows()
    }

    /// Number of parameters d.
    pub fn dim(&self) -> usize {
        self.known.problem().dim()
    }

    /// Number of particles J.
    pub fn particles(&self) -> usize {
        self.known.cloud().len()
    }

    /// The conditional effective sample size of going to `stage`, as a fraction of J: the mean over islands.
    pub fn cess(&mut self, stage: &Stage) -> f64 {
        let increments = self.increments(stage);
        self.weights.cess(&increments)
    }

    /// The log-weight increments of going to `stage`; −∞ for a stage that no run can enter.
    pub fn increments(&mut self, stage: &Stage) -> Vec<f64> {
        if stage.problem(self.rows()).is_some() {
            return vec![f64::NEG_INFINITY; self.particles()];
        }
        let stage = self.bridged(stage.clone());
        self.known.increments(&stage)
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
}

/// The plan of a policy, every stage of which can be entered.
pub(crate) fn planned(policy: &dyn Annealing, rows: usize) -> Result<Option<Vec<Stage>>> {
    let plan = policy.plan(rows)?;
    for (k, stage) in plan.iter().flatten().enumerate() {
        possible(stage, rows, k)?;
    }
    Ok(plan)
}

/// Whether a run over `rows` rows can enter `next` after `stage` stages.
fn possible(next: &Stage, rows: usize, stage: usize) -> Result<()> {
    if stage >= MOST_STAGES {
        let why = format!("it has not reached the posterior in {MOST_STAGES} stages");
        return Err(schedule(stage, why));
    }
    next.problem(rows)
        .map_or(Ok(()), |why| Err(schedule(stage, why)))
}

fn schedule(stage: usize, problem: String) -> Error {
    Error::Schedule { stage, problem }
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
