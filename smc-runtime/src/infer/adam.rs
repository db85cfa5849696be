//! Adam on mini-batches for many parameter vectors at once, with early stopping: what `map` and `ensemble` share.
//!
//! D. P. Kingma, J. Ba, *Adam: a method for stochastic optimization*, ICLR 2015, algorithm 1, with the rate on a half
//! cosine from its start to zero (I. Loshchilov, F. Hutter, *SGDR*, ICLR 2017, without restarts).

use std::ops::Range;

use super::Session;
use crate::base::error::{Error, Result};
use crate::infer::observe::Step;
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

    /// The best vector of each of `members` members that start at draws of the prior. Only those that had a finite
    /// log-density are there.
    pub(super) fn train(
        &self,
        members: usize,
        problem: &dyn Problem,
        session: &mut Session<'_>,
    ) -> Result<Population> {
        self.check()?;
        let schedule = self.schedule(problem)?;
        let mut training = Training::start(schedule, members, problem, session);
        for epoch in 1..=training.schedule.epochs {
            let step = training.epoch(epoch, session);
            session.report(step)?;
            if training.members.is_empty() {
                break;
            }
        }
        training.finish()
    }
}

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
#[derive(Clone, Copy, Debug)]
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

struct Training<'a> {
    schedule: Schedule,
    problem: &'a dyn Problem,
    before: Counts,
    updates: usize,
    /// Those still in training, in the order of the vectors below.
    members: Vec<Member>,
    thetas: Population,
    gradient: Population,
    moments: [Population; 2],
    /// The best vector of every member by number, and its score if there is one.
    best: Population,
    scores: Vec<Option<f64>>,
}

impl<'a> Training<'a> {
    fn start(
        schedule: Schedule,
        members: usize,
        problem: &'a dyn Problem,
        session: &Session<'_>,
    ) -> Self {
        let before = problem.counts();
        let zeros = Population::zeros(members, problem.dim());
        let mut thetas = zeros.clone();
        problem.prior().sample(session.streams(), 0, &mut thetas);
        let member = |number| Member {
            number,
            slower: 1.0,
            updates: 0,
            undone: 0,
            stale: 0,
        };
        Self {
            schedule,
            problem,
            before,
            updates: 0,
            members: (0..members).map(member).collect(),
            thetas,
            gradient: zeros.clone(),
            moments: [zeros.clone(), zeros.clone()],
            best: zeros,
            scores: vec![None; members],
        }
    }

    fn epoch(&mut self, epoch: usize, session: &Session<'_>) -> Step {
        let all_rows = self.problem.rows();
        let moves = self.schedule.batches.count();
        let batches = self.schedule.batches.clone();
        let mut undone = 0;
        for batch in batches.epoch(session.streams(), epoch, all_rows) {
            undone += self.update(&batch, session);
            if self.members.is_empty() {
                break;
            }
        }
        undone += self.judge(session);
        let rate = self.rate();
        let slower: f64 = self.members.iter().map(|m| m.slower).sum();
        let over = epoch == self.schedule.epochs || self.members.is_empty();
        Step {
            step: epoch,
            done: if over {
                1.0
            } else {
                epoch as f64 / self.schedule.epochs as f64
            },
            rows: self.schedule.rows as f64,
            touched: self.schedule.rows,
            all_rows,
            cess: 1.0,
            ess: 1.0,
            resampled: false,
            acceptance: None,
            moves,
            step_size: rate * slower / self.members.len().max(1) as f64,
            ancestors: self.scores.len(),
            log_evidence: None,
            non_finite: undone,
            counts: self.problem.counts() - self.before,
            seconds: 0.0,
        }
    }

    /// The rate of the next update: half a cosine over all of them.
    fn rate(&self) -> f64 {
        let all = self.schedule.epochs * self.schedule.batches.count();
        let turn = std::f64::consts::PI * self.updates as f64 / all as f64;
        0.5 * self.schedule.rate * (1.0 + turn.cos())
    }

    /// One update of every member by the same batch. Returns how many were undone instead.
    fn update(&mut self, batch: &[Segment], session: &Session<'_>) -> usize {
        let priors = self
            .problem
            .prior()
            .log_density(&self.thetas, Some(&mut self.gradient));
        let sums = self
            .problem
            .log_likelihood(&self.thetas, batch, Some(&mut self.gradient))
            .totals();
        let impossible: Vec<usize> = (0..self.members.len())
            .filter(|&k| !(priors[k] + sums[k]).is_finite())
            .collect();
        for &k in &impossible {
            self.undo(k, session);
        }
        let (rate, rows) = (self.rate(), self.problem.rows());
        let steps = self.members.iter_mut().map(|member| {
            member.updates = member.updates.saturating_add(1);
            step(rate * member.slower, member.updates, rows)
        });
        let steps: Vec<AdamStep> = steps.collect();
        self.thetas
            .adam(&mut self.moments, &mut self.gradient, &steps);
        self.updates += 1;
        if !impossible.is_empty() {
            self.let_go();
        }
        impossible.len()
    }

    /// Takes a member back to its best vector, or to another draw of the prior if it has none, with half the rate.
    fn undo(&mut self, k: usize, session: &Session<'_>) {
        let member = &mut self.members[k];
        member.undone += 1;
        member.slower *= 0.5;
        member.updates = 0;
        let number = member.number;
        if self.scores[number].is_some() {
            self.thetas.scatter(&[k], &self.best.gather(&[number]));
        } else {
            let mut anew = Population::zeros(1, self.thetas.dim()).numbered_from(number);
            self.problem
                .prior()
                .sample(session.streams(), member.undone, &mut anew);
            self.thetas.scatter(&[k], &anew);
        }
        self.gradient.clear_some(&[k]);
        for moment in &mut self.moments {
            moment.clear_some(&[k]);
        }
    }

    /// Keeps what is better than before, undoes what is impossible, and lets go of members that are done.
    fn judge(&mut self, session: &Session<'_>) -> usize {
        if self.members.is_empty() {
            return 0;
        }
        let rows = RowSet::from(self.schedule.judged.clone()).segments(0.0);
        let priors = self.problem.prior().log_density(&self.thetas, None);
        let sums = self.problem.log_likelihood(&self.thetas, &rows, None);
        let mut undone = 0;
        let mut better = Vec::new();
        for (k, (prior, sum)) in priors.into_iter().zip(sums.totals()).enumerate() {
            if !(prior + sum).is_finite() {
                self.undo(k, session);
                undone += 1;
                continue;
            }
            let member = &mut self.members[k];
            member.stale += 1;
            let best = &mut self.scores[member.number];
            if self.schedule.patience.is_none() || best.is_none_or(|best| sum > best) {
                *best = Some(sum);
                member.stale = 0;
                better.push((k, member.number));
            }
        }
        let (from, to): (Vec<usize>, Vec<usize>) = better.into_iter().unzip();
        self.best.scatter(&to, &self.thetas.gather(&from));
        self.let_go();
        undone
    }

    fn let_go(&mut self) {
        let patience = self.schedule.patience.unwrap_or(usize::MAX);
        let goes_on = |m: &Member| m.stale < patience && m.undone < MOST_UNDONE;
        let staying: Vec<usize> = (0..self.members.len())
            .filter(|&k| goes_on(&self.members[k]))
            .collect();
        if staying.len() < self.members.len() {
            self.members = staying.iter().map(|&k| self.members[k]).collect();
            self.thetas = self.thetas.gather(&staying);
            self.gradient = self.gradient.gather(&staying);
            self.moments = self
                .moments
                .each_ref()
                .map(|moment| moment.gather(&staying));
        }
    }

    fn finish(self) -> Result<Population> {
        let members = self.scores.len();
        let sound: Vec<usize> = (0..members).filter(|&i| self.scores[i].is_some()).collect();
        if sound.is_empty() {
            return Err(Error::Diverged {
                members,
                advice: "try a smaller rate, smaller prior scales or standardised data",
            });
        }
        Ok(self.best.gather(&sound))
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
