//! A fit that goes pass by pass: progress, states and early stopping are the same for every rule.

use std::sync::Arc;
use std::time::Instant;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Fitting;
use super::judge::{held_out, leave};
use super::plan::{Plan, falling};
use crate::base::error::{Error, Result};
use crate::base::rng::{Purpose, Streams};
use crate::base::saved::Saved;
use crate::infer::observe::{Detail, FitDetail, Step};
use crate::infer::{Outcome, Stepwise, check_shape};
use crate::problem::density::Density;
use crate::problem::{Counts, Problem, Segment};

/// Updates in a row that led to numbers that are not finite, after which a fit is given up.
const MOST_UNDONE: usize = 50;

/// How the numbers of a density follow batches.
pub(super) trait Rule: Send {
    /// The numbers, and what they remember.
    type Numbers: Clone + Serialize + DeserializeOwned + Send;

    /// Whether a fit that comes apart goes back to its best pass, and on with half the rates: one that can, keeps the numbers of that pass.
    const GOES_BACK: bool = false;

    /// Number of coordinates.
    fn dim(numbers: &Self::Numbers) -> usize;

    /// An update by a batch; the log-likelihood that it had, weighted to stand for all rows. Where that is not finite, nothing changed.
    fn update(&self, numbers: &mut Self::Numbers, at: &Batch<'_>) -> Result<f64>;

    /// The density that the numbers are.
    fn density(&self, numbers: &Self::Numbers) -> Result<Arc<dyn Density>>;

    /// What is to be said of the density.
    fn cautions(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A batch.
pub(super) struct Batch<'a> {
    pub(super) problem: &'a dyn Problem,
    pub(super) streams: Streams,
    pub(super) segments: &'a [Segment],
    /// Its rows.
    pub(super) rows: usize,
    /// Updates before it.
    pub(super) number: usize,
    /// The share of all updates that is done.
    pub(super) done: f64,
    /// What is left of the rates after the fit came apart and went back.
    pub(super) left: f64,
}

/// What is kept of the running mean of slopes at an update.
pub(super) const KEPT: f32 = 0.9;

/// What is the same for all coordinates at an update.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    /// Rows of the data N.
    pub(super) rows: f32,
    /// √(N/B): how much larger than a whole the noise of a slope from a batch is.
    pub(super) noise: f32,
    /// Share of the rates, which falls.
    pub(super) rate: f32,
    /// One over what the running mean is to be divided by after this update, and before it: there it is 0 at the first.
    pub(super) grown: [f32; 2],
}

impl Batch<'_> {
    /// What is the same for all coordinates, where rates fall to the share `least`.
    pub(super) fn now(&self, least: f64) -> Now {
        let rows = self.problem.rows() as f64;
        Now {
            rows: rows as f32,
            noise: (rows / self.rows as f64).sqrt() as f32,
            rate: (self.left * falling(self.done, least)) as f32,
            grown: [self.number.saturating_add(1), self.number].map(|updates| {
                let of_all = 1.0 - KEPT.powi(updates.min(1000) as i32);
                if updates == 0 { 0.0 } else { 1.0 / of_all }
            }),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct State<N> {
    /// Passes in all.
    planned: usize,
    passes: usize,
    updates: usize,
    undone: usize,
    in_a_row: usize,
    numbers: N,
    /// The best so far by the rows held out, and the passes since.
    best: Option<(f64, N)>,
    stale: usize,
    /// The highest mean log-likelihood of a row in a pass, with its number and, for a rule that goes back, the density after it; and the last.
    highest: Option<(f64, usize, Option<N>)>,
    last: f64,
    /// How often it went back there.
    went_back: usize,
}

/// The run.
pub(super) struct Fit<'a, R: Rule> {
    rule: R,
    plan: Plan,
    problem: Arc<dyn Problem + 'a>,
    streams: Streams,
    chosen: Vec<String>,
    state: State<R::Numbers>,
}

/// The share of a budget of seconds that is for passes; the rest is for judging the density.
pub(super) const USED: f64 = 0.93;

/// What a pass takes, by some updates that are forgotten.
fn seconds_of_a_pass<R: Rule>(
    rule: &R,
    plan: &Plan,
    problem: &dyn Problem,
    numbers: &R::Numbers,
) -> Result<f64> {
    const LONG: f64 = 0.3;
    const FEWEST: usize = 20;
    const LATER: usize = 1 << 30;
    let mut numbers = numbers.clone();
    let streams = Streams::new(0).branch(Purpose::Trial);
    let (mut made, mut epoch) = (0, 0);
    let mut since = Instant::now();
    loop {
        epoch += 1;
        for segments in plan.batches.epoch(streams, 0, epoch) {
            let batch = Batch {
                problem,
                streams,
                rows: segments.iter().map(|s| s.rows.len()).sum(),
                segments: &segments,
                // After a beginning that costs more.
                number: made + if made < FEWEST { 0 } else { LATER },
                done: 0.0,
                left: 1.0,
            };
            rule.update(&mut numbers, &batch)?;
            made += 1;
            // The first ones find caches cold and pages untouched.
            if made == FEWEST {
                since = Instant::now();
            }
            let elapsed = since.elapsed().as_secs_f64();
            if made > FEWEST && (elapsed > LONG || made > 100 * FEWEST) {
                let each = elapsed / (made - FEWEST) as f64;
                return Ok(each * plan.batches.count() as f64);
            }
        }
    }
}

/// Nats of a row by which a pass may be below the best: rates fall, and with them the noise, so that it should have risen.
const MUCH: f64 = 0.5;

/// How often a fit goes back at the most.
const BACK: usize = 6;

/// What is to be said of a fit that explains its rows much worse in the `last` pass than in the best, of which it is the number.
fn came_apart(highest: Option<(f64, usize)>, last: f64) -> Option<String> {
    let (high, pass) = highest.filter(|(high, _)| high - last > MUCH)?;
    Some(format!(
        "the fit came apart: the log-likelihood of a row was {high:.2} in pass {pass} and is {last:.2} in the last; fewer passes, a lower rate or another algorithm are to be preferred"
    ))
}

impl<'a, R: Rule> Fit<'a, R> {
    /// Before the first pass, with the numbers that `begin` gives, or as it was when it saved `state`.
    ///
    /// # Errors
    /// Those of `begin`, those of an update, where passes are yet to be timed, or if `state` is not one of such a fit.
    pub(super) fn begin(
        rule: R,
        mut plan: Plan,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
        state: Option<&Saved>,
        begin: impl FnOnce(&dyn Problem) -> Result<R::Numbers>,
    ) -> Result<Self> {
        let mut chosen = Vec::new();
        let state = if let Some(state) = state {
            let state: State<R::Numbers> = state.read()?;
            let text = |dim: usize| format!("a density of {dim} parameters");
            check_shape(&text(problem.dim()), &text(R::dim(&state.numbers)))?;
            plan.passes = state.planned;
            state
        } else {
            let numbers = begin(&*problem)?;
            if let Some(seconds) = plan.seconds {
                let each = seconds_of_a_pass(&rule, &plan, &*problem, &numbers)?;
                plan.passes = ((USED * seconds / each) as usize).max(1);
                chosen.push(format!(
                    "{} passes, {seconds} s at {each:.3} s each; `passes({})` repeats the run",
                    plan.passes, plan.passes
                ));
            }
            State {
                planned: plan.passes,
                passes: 0,
                updates: 0,
                undone: 0,
                in_a_row: 0,
                numbers,
                best: None,
                stale: 0,
                highest: None,
                last: f64::NEG_INFINITY,
                went_back: 0,
            }
        };
        Ok(Self {
            rule,
            plan,
            problem,
            streams,
            chosen,
            state,
        })
    }

    /// The numbers.
    pub(super) fn numbers(&self) -> &R::Numbers {
        &self.state.numbers
    }

    /// With what was chosen and why.
    pub(super) fn saying(mut self, chosen: Vec<String>) -> Self {
        self.chosen.extend(chosen);
        self
    }

    /// Remembers the best pass, or goes back to it, and on with half the rates.
    fn go_back_where_it_comes_apart(&mut self) {
        let state = &mut self.state;
        match &state.highest {
            Some((high, _, Some(best))) if high - state.last > MUCH && state.went_back < BACK => {
                state.numbers = best.clone();
                state.went_back += 1;
                state.last = *high;
            }
            Some((high, ..)) if *high >= state.last => (),
            _ => {
                let kept = R::GOES_BACK.then(|| state.numbers.clone());
                state.highest = Some((state.last, state.passes, kept));
            }
        }
    }

    fn is_over(&self) -> bool {
        let stopped = self.plan.judged.is_some() && self.state.stale >= self.plan.patience();
        self.state.passes == self.plan.passes || stopped
    }

    /// Updates by every batch of a pass; the mean log-likelihood of a row, if any was made, and the updates that were undone.
    fn pass(&mut self) -> Result<(Option<f64>, usize)> {
        let all = self.plan.updates();
        let (mut sum, mut made, before) = (0.0, 0, self.state.undone);
        let number = self.state.passes + 1;
        for segments in self.plan.batches.epoch(self.streams, 0, number) {
            let state = &mut self.state;
            let batch = Batch {
                problem: &*self.problem,
                streams: self.streams,
                rows: segments.iter().map(|s| s.rows.len()).sum(),
                segments: &segments,
                number: state.updates,
                done: state.updates as f64 / all as f64,
                left: 0.5f64.powi(state.went_back as i32),
            };
            let log = self.rule.update(&mut state.numbers, &batch)?;
            state.updates += 1;
            if log.is_finite() {
                sum += log / self.problem.rows() as f64;
                made += 1;
                state.in_a_row = 0;
                continue;
            }
            state.undone += 1;
            state.in_a_row += 1;
            if state.in_a_row == MOST_UNDONE {
                return Err(Error::Diverged {
                    what: format!(
                        "{MOST_UNDONE} updates in a row, the last of {}, met log-densities or gradients that are not finite",
                        state.updates
                    ),
                    advice: "try smaller prior scales or standardised data",
                });
            }
        }
        let mean = (made > 0).then(|| sum / f64::from(made));
        Ok((mean, self.state.undone - before))
    }

    fn judge(&mut self) -> Result<Option<f64>> {
        let Some(rows) = &self.plan.judged else {
            return Ok(None);
        };
        let density = self.rule.density(&self.state.numbers)?;
        let score = held_out(&*self.problem, &*density, rows.clone(), self.streams);
        self.state.stale += 1;
        let best = self.state.best.as_ref();
        if score.is_finite() && best.is_none_or(|(best, _)| score > *best) {
            self.state.best = Some((score, self.state.numbers.clone()));
            self.state.stale = 0;
        }
        Ok(Some(score / rows.len() as f64))
    }
}

impl<R: Rule> Fitting for Fit<'_, R> {
    fn density(&self) -> Result<Arc<dyn Density>> {
        let best = self.state.best.as_ref().map(|(_, numbers)| numbers);
        self.rule.density(best.unwrap_or(&self.state.numbers))
    }

    fn cautions(&self) -> Vec<String> {
        let mut cautions = self.rule.cautions();
        if self.state.went_back > 0 {
            cautions.push(format!(
                "it came apart {} and went back to its best pass, and on with half the rates",
                match self.state.went_back {
                    1 => "once".to_owned(),
                    times => format!("{times} times"),
                }
            ));
        }
        // One that was stopped early is that of its best pass.
        if self.state.best.is_none() {
            let highest = self.state.highest.as_ref();
            cautions.extend(came_apart(highest.map(|h| (h.0, h.1)), self.state.last));
        }
        cautions
    }

    fn updates_of_a_pass(&self) -> Option<usize> {
        Some(self.plan.batches.count())
    }

    fn seconds_of_a_pass(&self) -> Result<Option<f64>> {
        let numbers = &self.state.numbers;
        seconds_of_a_pass(&self.rule, &self.plan, &*self.problem, numbers).map(Some)
    }
}

impl<R: Rule> Stepwise for Fit<'_, R> {
    fn chosen(&self) -> Vec<String> {
        self.chosen.clone()
    }

    fn step(&mut self) -> Result<Option<Step>> {
        if self.is_over() {
            return Ok(None);
        }
        let (log_likelihood, undone) = self.pass()?;
        self.state.passes += 1;
        if let Some(log) = log_likelihood {
            self.state.last = log;
            self.go_back_where_it_comes_apart();
        }
        let held_out = self.judge()?;
        let updates = self.plan.batches.count();
        let done = self.state.passes as f64 / self.plan.passes as f64;
        Ok(Some(Step {
            step: self.state.passes,
            done: if self.is_over() { 1.0 } else { done },
            rows: self.plan.rows as f64,
            touched: self.plan.rows,
            all_rows: self.problem.rows(),
            moves: updates,
            non_finite: undone,
            proposals: updates,
            detail: Detail::Fit(FitDetail {
                batch: self.plan.batch,
                log_likelihood: log_likelihood.unwrap_or_default(),
                held_out,
            }),
            counts: Counts::default(),
            seconds: 0.0,
        }))
    }

    fn state(&self) -> Result<Saved> {
        Saved::of(&self.state)
    }

    fn finish(self: Box<Self>) -> Result<Outcome> {
        if self.state.passes == 0 {
            return Err(Error::Stopped {
                steps: 0,
                nothing: "no density yet",
            });
        }
        let density = self.density()?;
        leave(
            &*self.problem,
            density,
            self.streams,
            self.plan.leaves,
            self.cautions(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fit_that_ends_far_below_its_best_pass_came_apart() {
        assert_eq!(came_apart(None, f64::NEG_INFINITY), None);
        assert_eq!(came_apart(Some((1.2, 7)), 0.8), None);
        let said = came_apart(Some((1.2, 7)), -13.0).unwrap();
        assert!(said.contains("1.20 in pass 7 and is -13.00"), "{said}");
    }
}
