//! A training: epochs of all members, until none is left or the plan ends.

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::begin::{begin, held, names_of_held};
use super::fold::{Fold, Work};
use super::schedule::Schedule;
use crate::base::error::{Error, Result};
use crate::base::exec;
use crate::base::rng::Streams;
use crate::base::saved::Saved;
use crate::infer::observe::{Detail, EpochDetail, Step};
use crate::infer::{Outcome, Stepwise, check_shape};
use crate::problem::population::Population;
use crate::problem::{Counts, Problem};

/// What a run leaves of a training.
pub(super) type Leave = fn(Trained) -> Outcome;

/// What has become of the members.
pub(super) struct Trained {
    /// The best vectors of those that are sound.
    pub(super) positions: Population,
    /// Members that were asked for.
    pub(super) asked: usize,
    /// Those that went on to the last epoch, where early stopping could have ended them before.
    pub(super) to_the_end: usize,
    /// Epochs planned.
    pub(super) epochs: usize,
    /// Parameters that stayed where they began, and where.
    pub(super) held: Vec<String>,
}

impl Trained {
    /// A word on parameters that stayed where they began.
    pub(super) fn caution_of_held(&self) -> Option<String> {
        (!self.held.is_empty()).then(|| {
            format!(
                "{} stayed where training begins: with the weights under it a scale has no mode",
                self.held.join(", ")
            )
        })
    }
}

/// Everything that a training has become so far.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct TrainingState {
    epochs: usize,
    folds: Vec<Fold>,
}

pub(super) struct Training<'a> {
    schedule: Schedule,
    problem: Arc<dyn Problem + 'a>,
    streams: Streams,
    leave: Leave,
    held: Vec<Range<usize>>,
    state: TrainingState,
}

impl<'a> Training<'a> {
    pub(super) fn new(
        schedule: Schedule,
        members: usize,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
        leave: Leave,
    ) -> Self {
        let mut thetas = Population::zeros(members, problem.dim());
        begin(&*problem, streams, &mut thetas);
        let parts = schedule.parts.len();
        let cut = |k: usize| k * members / parts;
        let fold = |k: usize| Fold::new(thetas.part(cut(k)..cut(k + 1)));
        Self {
            state: TrainingState {
                epochs: 0,
                folds: (0..parts).map(fold).collect(),
            },
            held: held(&*problem),
            schedule,
            problem,
            streams,
            leave,
        }
    }

    pub(super) fn resume(
        schedule: Schedule,
        members: usize,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
        leave: Leave,
        state: &Saved,
    ) -> Result<Self> {
        let state: TrainingState = state.read()?;
        let text = |parts: usize, members: usize, dim: usize| {
            format!("{members} members of {dim} parameters in {parts} parts")
        };
        let expected = text(schedule.parts.len(), members, problem.dim());
        let saved = state.folds.iter().map(|fold| fold.shape().0).sum();
        let dim = state.folds.first().map_or(0, |fold| fold.shape().1);
        check_shape(&expected, &text(state.folds.len(), saved, dim))?;
        Ok(Self {
            held: held(&*problem),
            schedule,
            problem,
            streams,
            leave,
            state,
        })
    }

    /// A pass over the training rows. Folds do not know of each other.
    fn epoch(&mut self) {
        self.state.epochs += 1;
        let (schedule, problem, streams) = (&self.schedule, &*self.problem, self.streams);
        let (epoch, held) = (self.state.epochs, &self.held[..]);
        let none: &mut [()] = &mut [];
        exec::for_chunks(&mut self.state.folds, 1, none, 1, |number, folds, _| {
            for fold in folds {
                let part = &schedule.parts[number];
                let work = Work {
                    schedule,
                    part,
                    number,
                    problem,
                    streams,
                    held,
                };
                fold.epoch(&work, epoch);
            }
        });
    }

    fn in_training(&self) -> usize {
        self.state.folds.iter().map(Fold::in_training).sum()
    }

    fn is_over(&self) -> bool {
        self.state.epochs == self.schedule.epochs || self.in_training() == 0
    }

    fn describe(&self) -> Step {
        let (state, schedule) = (&self.state, &self.schedule);
        let members = self.in_training();
        let slower: f64 = state.folds.iter().map(Fold::factors).sum();
        let updates = schedule.updates / schedule.epochs;
        let done = state.epochs as f64 / schedule.epochs as f64;
        let rate = schedule.rate_after(state.epochs * updates);
        Step {
            step: state.epochs,
            done: if self.is_over() { 1.0 } else { done },
            rows: schedule.rows as f64,
            touched: schedule.rows,
            all_rows: self.problem.rows(),
            moves: updates,
            non_finite: state.folds.iter().map(Fold::undone).sum(),
            proposals: updates * members,
            detail: Detail::Epoch(EpochDetail {
                rate: rate * slower / members.max(1) as f64,
                members,
            }),
            counts: Counts::default(),
            seconds: 0.0,
        }
    }
}

impl Stepwise for Training<'_> {
    fn step(&mut self) -> Result<Option<Step>> {
        if self.is_over() {
            return Ok(None);
        }
        self.epoch();
        Ok(Some(self.describe()))
    }

    fn state(&self) -> Result<Saved> {
        Saved::of(&self.state)
    }

    fn finish(self: Box<Self>) -> Result<Outcome> {
        let folds = &self.state.folds;
        let asked = folds.iter().map(|fold| fold.shape().0).sum();
        let sound: Vec<Population> = folds.iter().map(Fold::sound).collect();
        let sound = Population::concat(&sound).filter(|sound| !sound.is_empty());
        let Some(positions) = sound else {
            return Err(Error::Diverged {
                what: format!("none of {asked} members ever had a finite log-density"),
                advice: "try a smaller rate, smaller prior scales or standardised data",
            });
        };
        let ended = self.state.epochs == self.schedule.epochs && self.schedule.patience.is_some();
        Ok((self.leave)(Trained {
            held: names_of_held(&*self.problem, &positions),
            positions,
            asked,
            to_the_end: if ended { self.in_training() } else { 0 },
            epochs: self.schedule.epochs,
        }))
    }
}
