//! The members of an ensemble that hold out the same rows: their updates, and which of their vectors are kept.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::schedule::{Part, Schedule};
use super::update::adam_step;
use crate::base::rng::Streams;
use crate::problem::population::{AdamStep, Population};
use crate::problem::rows::RowSet;
use crate::problem::{Problem, Segment};

/// Undone updates of a member after which it stops.
const MOST_UNDONE: usize = 20;

/// What is known of a member beside its vectors.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Member {
    /// Its number in the fold.
    number: usize,
    /// Factor of the rate.
    slower: f64,
    /// Updates since the moments were zero.
    updates: i32,
    undone: usize,
    /// Epochs since the best.
    stale: usize,
}

/// What members that hold out the same rows have become so far.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Fold {
    updates: usize,
    /// Those still in training, in the order of the vectors below.
    members: Vec<Member>,
    thetas: Population,
    moments: [Population; 2],
    /// The best vector of every member by number, and its score if there is one.
    best: Population,
    scores: Vec<Option<f64>>,
    /// Updates undone in the last epoch.
    undone: usize,
}

/// What a fold works with.
pub(super) struct Work<'a> {
    pub(super) schedule: &'a Schedule,
    pub(super) part: &'a Part,
    /// The fold's number.
    pub(super) number: usize,
    pub(super) problem: &'a dyn Problem,
    pub(super) streams: Streams,
    /// Coordinates that stay where they begin.
    pub(super) held: &'a [Range<usize>],
}

impl Fold {
    /// Members that begin at `thetas`.
    pub(super) fn new(thetas: Population) -> Self {
        let zeros = thetas.zeros_like();
        let member = |number| Member {
            number,
            slower: 1.0,
            updates: 0,
            undone: 0,
            stale: 0,
        };
        Self {
            updates: 0,
            members: (0..thetas.len()).map(member).collect(),
            scores: vec![None; thetas.len()],
            moments: [zeros.clone(), zeros.clone()],
            best: zeros,
            thetas,
            undone: 0,
        }
    }

    /// Number of members, and of their parameters.
    pub(super) fn shape(&self) -> (usize, usize) {
        (self.scores.len(), self.thetas.dim())
    }

    /// Members still in training.
    pub(super) fn in_training(&self) -> usize {
        self.members.len()
    }

    /// Updates undone in the last epoch.
    pub(super) fn undone(&self) -> usize {
        self.undone
    }

    /// Σ over members in training of the factors of their rates.
    pub(super) fn factors(&self) -> f64 {
        self.members.iter().map(|m| m.slower).sum()
    }

    /// The best vectors of those that ever had a finite log-density.
    pub(super) fn sound(&self) -> Population {
        let sound = (0..self.scores.len()).filter(|&i| self.scores[i].is_some());
        self.best.gather(&sound.collect::<Vec<_>>())
    }

    /// A pass over the training rows, the epoch's number counted from 1.
    pub(super) fn epoch(&mut self, work: &Work<'_>, epoch: usize) {
        self.undone = 0;
        let mut gradient = self.thetas.zeros_like();
        let batches = &work.part.batches;
        for batch in batches.epoch(work.streams, work.number, epoch) {
            if self.members.is_empty() {
                return;
            }
            self.update(work, &batch, &mut gradient);
        }
        self.judge(work, &mut gradient);
    }

    /// One update of every member by the same batch; `gradient` is zero before and after it.
    fn update(&mut self, work: &Work<'_>, batch: &[Segment], gradient: &mut Population) {
        let problem = work.problem;
        let priors = problem
            .prior()
            .log_density(&self.thetas, Some(&mut *gradient));
        let sums = problem
            .log_likelihood(&self.thetas, batch, Some(&mut *gradient))
            .totals();
        let impossible: Vec<usize> = (0..self.members.len())
            .filter(|&k| !(priors[k] + sums[k]).is_finite())
            .collect();
        for &k in &impossible {
            self.undo(work, k, gradient);
        }
        gradient.clear_coordinates(work.held);
        let (rate, rows) = (work.schedule.rate_after(self.updates), problem.rows());
        let steps = self.members.iter_mut().map(|member| {
            member.updates = member.updates.saturating_add(1);
            adam_step(rate * member.slower, member.updates, rows)
        });
        let steps: Vec<AdamStep> = steps.collect();
        self.thetas.adam(&mut self.moments, gradient, &steps);
        self.updates += 1;
        if !impossible.is_empty() {
            self.let_go(work.schedule, gradient);
        }
    }

    /// Takes a member back to its best vector, or to a draw of the prior if it has none, with half the rate.
    fn undo(&mut self, work: &Work<'_>, k: usize, gradient: &mut Population) {
        self.undone += 1;
        let member = &mut self.members[k];
        member.undone += 1;
        member.slower *= 0.5;
        member.updates = 0;
        let number = member.number;
        if self.scores[number].is_some() {
            self.thetas.scatter(&[k], &self.best.gather(&[number]));
        } else {
            let among_all = self.best.first() + number;
            let mut anew = Population::zeros(1, self.thetas.dim()).numbered_from(among_all);
            let prior = work.problem.prior();
            prior.sample(work.streams, member.undone, &mut anew);
            self.thetas.scatter(&[k], &anew);
        }
        gradient.clear_some(&[k]);
        for moment in &mut self.moments {
            moment.clear_some(&[k]);
        }
    }

    /// Keeps what is better than before, undoes what is impossible, and lets go of members that are done.
    fn judge(&mut self, work: &Work<'_>, gradient: &mut Population) {
        if self.members.is_empty() {
            return;
        }
        let rows = RowSet::from(work.part.judged.clone()).segments(0.0);
        let priors = work.problem.prior().log_density(&self.thetas, None);
        let sums = work.problem.log_likelihood(&self.thetas, &rows, None);
        let mut better = Vec::new();
        for (k, (prior, sum)) in priors.into_iter().zip(sums.totals()).enumerate() {
            if !(prior + sum).is_finite() {
                self.undo(work, k, gradient);
                continue;
            }
            let member = &mut self.members[k];
            member.stale += 1;
            let best = &mut self.scores[member.number];
            if work.schedule.patience.is_none() || best.is_none_or(|best| sum > best) {
                *best = Some(sum);
                member.stale = 0;
                better.push((k, member.number));
            }
        }
        let (from, to): (Vec<usize>, Vec<usize>) = better.into_iter().unzip();
        self.best.scatter(&to, &self.thetas.gather(&from));
        self.let_go(work.schedule, gradient);
    }

    fn let_go(&mut self, schedule: &Schedule, gradient: &mut Population) {
        let patience = schedule.patience.unwrap_or(usize::MAX);
        let goes_on = |m: &Member| m.stale < patience && m.undone < MOST_UNDONE;
        let staying: Vec<usize> = (0..self.members.len())
            .filter(|&k| goes_on(&self.members[k]))
            .collect();
        if staying.len() < self.members.len() {
            self.members = staying.iter().map(|&k| self.members[k]).collect();
            self.thetas = self.thetas.gather(&staying);
            *gradient = gradient.gather(&staying);
            let moments = self.moments.each_ref();
            self.moments = moments.map(|moment| moment.gather(&staying));
        }
    }
}
