//! Adam on mini-batches for many parameter vectors at once, with early stopping: what `map` and `ensemble` share.
//!
//! D. P. Kingma, J. Ba, *Adam: a method for stochastic optimization*, ICLR 2015, algorithm 1, with the rate on a half
//! cosine from its start to zero (I. Loshchilov, F. Hutter, *SGDR*, ICLR 2017, without restarts).

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Cost, Outcome, Stepwise, check_shape};
use crate::base::error::{Error, Result};
use crate::base::rng::Streams;
use crate::base::saved::Saved;
use crate::infer::observe::{Detail, EpochDetail, Step};
use crate::problem::population::{AdamStep, Population};
use crate::problem::rows::RowSet;
use crate::problem::{Batches, Counts, Problem, Segment};

/// The settings; where there is `None`, the problem decides.
#[derive(Clone, Debug)]
pub(super) struct Adam {
    pub(super) rate: Option<f64>,
    pub(super) batch: Option<usize>,
    pub(super) epochs: Option<usize>,
    pub(super) validation: f64,
    pub(super) patience: Option<usize>,
}

impl Default for Adam {
    fn default() -> Self {
        Self {
            rate: None,
            batch: None,
            epochs: None,
            validation: 0.1,
            patience: None,
        }
    }
}

/// The setters that an algorithm with a field `adam` has.
macro_rules! adam_setters {
    () => {
        /// Learning rate of Adam at the start; it falls to zero along half a cosine over all epochs. 2/√d, but between 0.001
        /// and 0.01, unless set: the more parameters move together, the less each may.
        pub fn rate(mut self, rate: f64) -> Self {
            self.adam.rate = Some(rate);
            self
        }

        /// Rows of a mini-batch, about; all rows if there are no more. A 32nd of the rows, but between 32 and 128, unless
        /// set.
        pub fn batch(mut self, rows: usize) -> Self {
            self.adam.batch = Some(rows);
            self
        }

        /// Most passes over the training rows. What gives 4000 updates, but at least 10, unless set.
        pub fn epochs(mut self, epochs: usize) -> Self {
            self.adam.epochs = Some(epochs);
            self
        }

        /// Fraction of the rows, rounded down to whole rows, that is held out to stop early; 0.1 unless set, 0 for none.
        /// The last rows in the bound order are held out, and no gradient sees them: the others stand for them, with a
        /// weight that keeps likelihood and prior in proportion.
        pub fn validation(mut self, fraction: f64) -> Self {
            self.adam.validation = fraction;
            self
        }

        /// Epochs without a better log-likelihood of the held-out rows after which a member stops. A tenth of
        /// the epochs, but at least 5, unless set.
        pub fn patience(mut self, epochs: usize) -> Self {
            self.adam.patience = Some(epochs);
            self
        }
    };
}
pub(super) use adam_setters;

/// Exponential decay of the two moments, and what keeps a division from one by zero.
const BETA: [f64; 2] = [0.9, 0.999];
const EPSILON: f64 = 1e-8;

/// Undone updates of a member after which it stops.
const MOST_UNDONE: usize = 20;

impl Adam {
    fn check(&self) -> Result<()> {
        let counts = [
            ("batch", self.batch),
            ("epochs", self.epochs),
            ("patience", self.patience),
        ];
        for (what, value) in counts {
            if value == Some(0) {
                return Err(Error::config(what, 0, "at least 1 is needed"));
            }
        }
        if let Some(rate) = self.rate
            && !(rate > 0.0 && rate.is_finite())
        {
            let expected = "a positive, finite learning rate is needed";
            return Err(Error::config("rate", rate, expected));
        }
        if !(0.0..1.0).contains(&self.validation) {
            let expected = "a fraction of the rows, at least 0 and below 1, is needed";
            return Err(Error::config("validation", self.validation, expected));
        }
        Ok(())
    }

    fn schedule(&self, problem: &dyn Problem) -> Result<Schedule> {
        let (all, dim) = (problem.rows(), problem.dim());
        let held_out = (self.validation * all as f64) as usize;
        let rows = all - held_out;
        let batch = self.batch.unwrap_or((rows / 32).clamp(32, 128));
        let batches = problem.row_sampled()?.batches(rows, batch);
        let epochs = self
            .epochs
            .unwrap_or(4000usize.div_ceil(batches.count()).max(10));
        Ok(Schedule {
            rate: self
                .rate
                .unwrap_or((2.0 / (dim as f64).sqrt()).clamp(1e-3, 1e-2)),
            patience: (held_out > 0).then(|| self.patience.unwrap_or((epochs / 10).max(5))),
            judged: match held_out {
                0 => 0..rows.min(batch),
                _ => rows..all,
            },
            rows,
            batches,
            epochs,
        })
    }

    /// What the training of `members` members costs at the most.
    pub(super) fn cost(
        &self,
        members: usize,
        problem: &dyn Problem,
        reduce: &'static str,
    ) -> Option<Cost> {
        self.check().ok()?;
        let schedule = self.schedule(problem).ok()?;
        Some(Cost {
            row_gradients: (schedule.epochs * schedule.rows) as f64 * members as f64,
            guess: schedule.patience.is_some(),
            vectors: 6.0 * members as f64,
            reduce,
        })
    }

    /// The training of `members` members that start at draws of the prior; `leave` makes of them what the run leaves.
    pub(super) fn begin<'a>(
        &self,
        members: usize,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
        leave: Leave,
    ) -> Result<Box<dyn Stepwise + 'a>> {
        self.check()?;
        let zeros = Population::zeros(members, problem.dim());
        let mut thetas = zeros.clone();
        problem.prior().sample(streams, 0, &mut thetas);
        let member = |number| Member {
            number,
            slower: 1.0,
            updates: 0,
            undone: 0,
            stale: 0,
        };
        let state = TrainingState {
            epochs: 0,
            updates: 0,
            members: (0..members).map(member).collect(),
            thetas,
            moments: [zeros.clone(), zeros.clone()],
            best: zeros,
            scores: vec![None; members],
        };
        self.with(problem, streams, leave, state)
    }

    /// The training that saved `state`.
    pub(super) fn resume<'a>(
        &self,
        members: usize,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
        leave: Leave,
        state: &Saved,
    ) -> Result<Box<dyn Stepwise + 'a>> {
        self.check()?;
        let state: TrainingState = state.read()?;
        let text = |members: usize, dim: usize| format!("{members} members of {dim} parameters");
        let expected = text(members, problem.dim());
        let found = text(state.scores.len(), state.thetas.dim());
        check_shape(&expected, &found)?;
        self.with(problem, streams, leave, state)
    }

    fn with<'a>(
        &self,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
        leave: Leave,
        state: TrainingState,
    ) -> Result<Box<dyn Stepwise + 'a>> {
        Ok(Box::new(Training {
            schedule: self.schedule(&*problem)?,
            problem,
            streams,
            leave,
            gradient: state.thetas.zeros_like(),
            state,
        }))
    }
}

/// What a run leaves of so many members that were asked for and the vectors of those that are sound.
pub(super) type Leave = fn(usize, Population) -> Outcome;

/// Update number `updates` since the moments were zero, uphill on the log-density of `rows` rows.
fn step(rate: f64, updates: i32, rows: usize) -> AdamStep {
    let [first, second] = BETA.map(|beta| 1.0 - beta.powi(updates));
    AdamStep {
        decay: BETA.map(|beta| beta as f32),
        // ε is meant for a mean over rows, whose size does not grow with their number.
        scale: 1.0 / rows as f32,
        rate: (rate * second.sqrt() / first) as f32,
        epsilon: (EPSILON * second.sqrt()) as f32,
    }
}

/// The settings for one problem.
struct Schedule {
    rate: f64,
    batches: Batches,
    /// Training rows: the first so many.
    rows: usize,
    epochs: usize,
    /// `None` without rows held out.
    patience: Option<usize>,
    /// The rows held out, or some rows on which vectors are seen to be possible.
    judged: Range<usize>,
}

/// What is known of a member beside its vectors.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Member {
    number: usize,
    /// Factor of the rate.
    slower: f64,
    /// Updates since the moments were zero.
    updates: i32,
    undone: usize,
    /// Epochs since the best.
    stale: usize,
}

/// Everything that a training has become so far.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct TrainingState {
    epochs: usize,
    updates: usize,
    /// Those still in training, in the order of the vectors below.
    members: Vec<Member>,
    thetas: Population,
    moments: [Population; 2],
    /// The best vector of every member by number, and its score if there is one.
    best: Population,
    scores: Vec<Option<f64>>,
}

struct Training<'a> {
    schedule: Schedule,
    problem: Arc<dyn Problem + 'a>,
    streams: Streams,
    leave: Leave,
    /// Zero between updates.
    gradient: Population,
    state: TrainingState,
}

impl Training<'_> {
    /// A pass over the training rows. Returns the number of updates that were undone.
    fn epoch(&mut self) -> usize {
        self.state.epochs += 1;
        let batches = self.schedule.batches.clone();
        let mut undone = 0;
        for batch in batches.epoch(self.streams, self.state.epochs, self.problem.rows()) {
            undone += self.update(&batch);
            if self.state.members.is_empty() {
                break;
            }
        }
        undone + self.judge()
    }

    fn is_over(&self) -> bool {
        self.state.epochs == self.schedule.epochs || self.state.members.is_empty()
    }

    fn describe(&self, undone: usize) -> Step {
        let (state, schedule) = (&self.state, &self.schedule);
        let slower: f64 = state.members.iter().map(|m| m.slower).sum();
        let done = state.epochs as f64 / schedule.epochs as f64;
        Step {
            step: state.epochs,
            done: if self.is_over() { 1.0 } else { done },
            rows: schedule.rows as f64,
            touched: schedule.rows,
            all_rows: self.problem.rows(),
            moves: schedule.batches.count(),
            non_finite: undone,
            proposals: schedule.batches.count() * state.members.len(),
            detail: Detail::Epoch(EpochDetail {
                rate: self.rate() * slower / state.members.len().max(1) as f64,
                members: state.members.len(),
            }),
            counts: Counts::default(),
            seconds: 0.0,
        }
    }

    /// The rate of the next update: half a cosine over all of them.
    fn rate(&self) -> f64 {
        let all = self.schedule.epochs * self.schedule.batches.count();
        let turn = std::f64::consts::PI * self.state.updates as f64 / all as f64;
        0.5 * self.schedule.rate * (1.0 + turn.cos())
    }

    /// One update of every member by the same batch. Returns how many were undone instead.
    fn update(&mut self, batch: &[Segment]) -> usize {
        let priors = self
            .problem
            .prior()
            .log_density(&self.state.thetas, Some(&mut self.gradient));
        let sums = self
            .problem
            .log_likelihood(&self.state.thetas, batch, Some(&mut self.gradient))
            .totals();
        let impossible: Vec<usize> = (0..self.state.members.len())
            .filter(|&k| !(priors[k] + sums[k]).is_finite())
            .collect();
        for &k in &impossible {
            self.undo(k);
        }
        let (rate, rows) = (self.rate(), self.problem.rows());
        let steps = self.state.members.iter_mut().map(|member| {
            member.updates = member.updates.saturating_add(1);
            step(rate * member.slower, member.updates, rows)
        });
        let steps: Vec<AdamStep> = steps.collect();
        self.state
            .thetas
            .adam(&mut self.state.moments, &mut self.gradient, &steps);
        self.state.updates += 1;
        if !impossible.is_empty() {
            self.let_go();
        }
        impossible.len()
    }

    /// Takes a member back to its best vector, or to another draw of the prior if it has none, with half the rate.
    fn undo(&mut self, k: usize) {
        let member = &mut self.state.members[k];
        member.undone += 1;
        member.slower *= 0.5;
        member.updates = 0;
        let number = member.number;
        if self.state.scores[number].is_some() {
            self.state
                .thetas
                .scatter(&[k], &self.state.best.gather(&[number]));
        } else {
            let mut anew = Population::zeros(1, self.state.thetas.dim()).numbered_from(number);
            self.problem
                .prior()
                .sample(self.streams, member.undone, &mut anew);
            self.state.thetas.scatter(&[k], &anew);
        }
        self.gradient.clear_some(&[k]);
        for moment in &mut self.state.moments {
            moment.clear_some(&[k]);
        }
    }

    /// Keeps what is better than before, undoes what is impossible, and lets go of members that are done.
    fn judge(&mut self) -> usize {
        if self.state.members.is_empty() {
            return 0;
        }
        let rows = RowSet::from(self.schedule.judged.clone()).segments(0.0);
        let priors = self.problem.prior().log_density(&self.state.thetas, None);
        let sums = self.problem.log_likelihood(&self.state.thetas, &rows, None);
        let mut undone = 0;
        let mut better = Vec::new();
        for (k, (prior, sum)) in priors.into_iter().zip(sums.totals()).enumerate() {
            if !(prior + sum).is_finite() {
                self.undo(k);
                undone += 1;
                continue;
            }
            let member = &mut self.state.members[k];
            member.stale += 1;
            let best = &mut self.state.scores[member.number];
            if self.schedule.patience.is_none() || best.is_none_or(|best| sum > best) {
                *best = Some(sum);
                member.stale = 0;
                better.push((k, member.number));
            }
        }
        let (from, to): (Vec<usize>, Vec<usize>) = better.into_iter().unzip();
        self.state
            .best
            .scatter(&to, &self.state.thetas.gather(&from));
        self.let_go();
        undone
    }

    fn let_go(&mut self) {
        let patience = self.schedule.patience.unwrap_or(usize::MAX);
        let goes_on = |m: &Member| m.stale < patience && m.undone < MOST_UNDONE;
        let staying: Vec<usize> = (0..self.state.members.len())
            .filter(|&k| goes_on(&self.state.members[k]))
            .collect();
        if staying.len() < self.state.members.len() {
            self.state.members = staying.iter().map(|&k| self.state.members[k]).collect();
            self.state.thetas = self.state.thetas.gather(&staying);
            self.gradient = self.gradient.gather(&staying);
            self.state.moments = self
                .state
                .moments
                .each_ref()
                .map(|moment| moment.gather(&staying));
        }
    }
}

impl Stepwise for Training<'_> {
    fn step(&mut self) -> Result<Option<Step>> {
        if self.is_over() {
            return Ok(None);
        }
        let undone = self.epoch();
        Ok(Some(self.describe(undone)))
    }

    fn state(&self) -> Result<Saved> {
        Saved::of(&self.state)
    }

    fn finish(self: Box<Self>) -> Result<Outcome> {
        let (scores, members) = (&self.state.scores, self.state.scores.len());
        let sound: Vec<usize> = (0..members).filter(|&i| scores[i].is_some()).collect();
        if sound.is_empty() {
            return Err(Error::Diverged {
                members,
                advice: "try a smaller rate, smaller prior scales or standardised data",
            });
        }
        Ok((self.leave)(members, self.state.best.gather(&sound)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both moments, their bias corrected, are then those of the gradient itself.
    #[test]
    fn under_a_constant_gradient_every_update_has_the_length_of_the_rate() {
        let (rows, rate, slopes) = (100, 0.01, [3.0f32, -50.0, 1e-3]);
        let zeros = Population::zeros(2, 3);
        let (mut thetas, mut gradient) = (zeros.clone(), zeros.clone());
        let mut moments = [zeros.clone(), zeros.clone()];
        for updates in 1..=40 {
            for i in 0..2 {
                gradient.on_host().row_mut(i).copy_from_slice(&slopes);
            }
            let steps = [rate, 2.0 * rate].map(|rate| step(rate, updates, rows));
            thetas.adam(&mut moments, &mut gradient, &steps);
            assert_eq!(gradient, zeros);
            for (i, rate) in [rate, 2.0 * rate].into_iter().enumerate() {
                for (&x, slope) in thetas.row(i).iter().zip(slopes) {
                    let slope = f64::from(slope) / rows as f64;
                    let exact = f64::from(updates) * rate * slope / (slope.abs() + EPSILON);
                    assert!(
                        (f64::from(x) - exact).abs() < 1e-5 * exact.abs(),
                        "{x} after {updates} updates, not {exact}"
                    );
                }
            }
        }
    }
}
