//! The settings of Adam on mini-batches, and what they come to for a problem.
//!
//! D. P. Kingma, J. Ba, *Adam: a method for stochastic optimization*, ICLR 2015, algorithm 1, with the rate on a half
//! cosine from its start to zero (I. Loshchilov, F. Hutter, *SGDR*, ICLR 2017, without restarts).

use std::sync::Arc;

use super::schedule::{Part, Schedule};
use super::training::{Leave, Training};
use super::update::{usual_batch, usual_rate};
use crate::base::error::{Error, Result};
use crate::base::rng::Streams;
use crate::base::saved::Saved;
use crate::infer::{Cost, Stepwise};
use crate::problem::{Problem, Ring};

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

        /// Most passes over the training rows. What gives 40000 updates (16000 at the least where there are more than ten thousand
        /// parameters), but at least 20, unless set.
        pub fn epochs(mut self, epochs: usize) -> Self {
            self.adam.epochs = Some(epochs);
            self
        }

        /// Fraction of the rows, rounded down to whole rows, that is held out to stop early; 0.1 unless set, 0 for none.
        /// Members are dealt to as many parts of the rows as there are such fractions, each of which holds out its own; no
        /// gradient of theirs sees it: the others stand for it, with a weight that keeps likelihood and prior in proportion.
        pub fn validation(mut self, fraction: f64) -> Self {
            self.adam.validation = fraction;
            self
        }

        /// Epochs without a better log-likelihood of the held-out rows after which a member stops. A quarter of the epochs,
        /// but at least 10, unless set. What is left of a member is its best vector.
        pub fn patience(mut self, epochs: usize) -> Self {
            self.adam.patience = Some(epochs);
            self
        }
    };
}
pub(super) use adam_setters;

/// Updates that are planned unless epochs are set: fewer, with the root of their number, where there are more than ten thousand
/// parameters, whose updates are dear.
fn updates(dim: usize) -> usize {
    const MOST: f64 = 40_000.0;
    const LEAST: f64 = 16_000.0;
    (MOST * (1e4 / dim as f64).sqrt()).clamp(LEAST, MOST) as usize
}

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

    fn schedule(&self, members: usize, problem: &dyn Problem) -> Result<Schedule> {
        let (all, dim) = (problem.rows(), problem.dim());
        let held_out = (self.validation * all as f64) as usize;
        let rows = all - held_out;
        let batch = self.batch.unwrap_or_else(|| usual_batch(rows));
        let sampled = problem.row_sampled()?;
        let parts = all.checked_div(held_out).unwrap_or(1).min(members).max(1);
        // Parts begin where an engine's grains do, if they have some.
        let grain = if held_out >= 4 * sampled.grain() {
            sampled.grain()
        } else {
            1
        };
        let part = |k: usize| {
            let first = (all - (k + 1) * held_out) / grain * grain;
            // The last rows first.
            let judged = first..first + held_out;
            Part {
                batches: sampled.batches(Ring::without(judged.clone(), all), batch),
                judged: if held_out == 0 {
                    0..rows.min(batch)
                } else {
                    judged
                },
            }
        };
        let parts: Vec<Part> = (0..parts).map(part).collect();
        let batches = parts.first().map_or(1, |part| part.batches.count());
        let epochs = self
            .epochs
            .unwrap_or(updates(dim).div_ceil(batches).max(20));
        Ok(Schedule {
            rate: self.rate.unwrap_or_else(|| usual_rate(dim)),
            patience: (held_out > 0).then(|| self.patience.unwrap_or((epochs / 4).max(10))),
            updates: epochs * batches,
            rows,
            parts,
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
        let schedule = self.schedule(members, problem).ok()?;
        Some(Cost {
            row_gradients: (schedule.epochs * schedule.rows) as f64 * members as f64,
            guess: schedule.patience.is_some(),
            vectors: 6.0 * members as f64,
            reduce,
        })
    }

    /// The training of `members` members; `leave` makes of them what the run leaves.
    pub(super) fn begin<'a>(
        &self,
        members: usize,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
        leave: Leave,
    ) -> Result<Box<dyn Stepwise + 'a>> {
        self.check()?;
        let schedule = self.schedule(members, &*problem)?;
        let run = Training::new(schedule, members, problem, streams, leave);
        Ok(Box::new(run))
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
        let schedule = self.schedule(members, &*problem)?;
        let run = Training::resume(schedule, members, problem, streams, leave, state)?;
        Ok(Box::new(run))
    }
}
