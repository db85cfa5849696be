//! The run: a comparison on rows held out, where there is one, and then what was chosen.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::choice::{Choice, FINAL, Kind, Means, TRIAL, sizes};
use super::held_out::{Part, lead, mean, score};
use crate::base::error::{Error, Result};
use crate::base::rng::{Purpose, Streams};
use crate::base::saved::Saved;
use crate::infer::budget::Budget;
use crate::infer::observe::Step;
use crate::infer::{DrawnFrom, Generation, Outcome, Stepwise};
use crate::problem::Problem;
use crate::sampling::anneal::Plan;

/// Rows that are held out for the comparison: a tenth, and no more than these.
const HELD_OUT: usize = 1000;

#[derive(Serialize, Deserialize)]
pub(super) struct State {
    means: Means,
    scores: Vec<Vec<f64>>,
    steps: usize,
    inside: Saved,
}

/// The comparison, where there is one, and the run of what was chosen.
pub(super) struct AutoRun<'a> {
    problem: Arc<dyn Problem + 'a>,
    streams: Streams,
    means: Means,
    kinds: Vec<Kind>,
    /// Of those that were compared so far, for every row held out.
    scores: Vec<Vec<f64>>,
    /// Why something is not compared.
    left_out: Option<String>,
    /// Steps of the comparison.
    steps: usize,
    said: Vec<String>,
    /// What is running; it is lacking while one follows another.
    inside: Option<Box<dyn Stepwise + 'a>>,
}

impl<'a> AutoRun<'a> {
    pub(super) fn new(
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
        means: Means,
    ) -> Result<Self> {
        let mut run = Self::before(problem, streams, means);
        run.enter(None)?;
        Ok(run)
    }

    pub(super) fn resume(
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
        state: State,
    ) -> Result<Self> {
        let mut run = Self::before(problem, streams, state.means);
        (run.scores, run.steps) = (state.scores, state.steps);
        run.enter(Some(&state.inside))?;
        Ok(run)
    }

    fn before(problem: Arc<dyn Problem + 'a>, streams: Streams, means: Means) -> Self {
        let (kinds, left_out) = match means {
            Means::Small(..) => (Vec::new(), None),
            Means::Large { chains, .. } => Kind::of(&*problem, chains),
        };
        Self {
            kinds,
            left_out,
            problem,
            streams,
            means,
            scores: Vec::new(),
            steps: 0,
            said: Vec::new(),
            inside: None,
        }
    }

    /// Whether algorithms are still compared.
    fn compares(&self) -> bool {
        self.kinds.len() > 1 && self.scores.len() < self.kinds.len()
    }

    /// Rows that the comparison learns from.
    fn learned(&self) -> usize {
        let rows = self.problem.rows();
        rows - (rows / 10).clamp(1, HELD_OUT).min(rows - 1)
    }

    /// Begins what is next, or goes on with it from a state. What cannot be begun is out of the comparison.
    fn enter(&mut self, state: Option<&Saved>) -> Result<()> {
        loop {
            match self.begin(state) {
                Err(_) if self.compares() && state.is_none() => self.scores.push(LOST.to_vec()),
                other => return other,
            }
        }
    }

    fn begin(&mut self, state: Option<&Saved>) -> Result<()> {
        let compares = self.compares();
        let (choice, problem, streams) = match &self.means {
            Means::Small(gradients, because) => {
                let choice = Choice::small(&*self.problem, *gradients, because);
                (choice, self.problem.clone(), self.streams)
            }
            &Means::Large {
                members,
                fits,
                chains,
            } => {
                let all = (members, fits, chains);
                if compares {
                    let part: Arc<dyn Problem + 'a> = Arc::new(Part {
                        whole: self.problem.clone(),
                        rows: self.learned(),
                    });
                    let kind = self.kinds[self.scores.len()];
                    let choice = Choice::of(kind, &*part, all, TRIAL);
                    let streams = self.streams.branch(Purpose::Trial);
                    (choice, part, streams.member(self.scores.len()))
                } else {
                    let share = match (self.kinds.len(), fits) {
                        (0 | 1, _) => 1.0,
                        (_, Budget::Seconds(_)) => FINAL,
                        (compared, Budget::Gradients(_)) => 1.0 - TRIAL * compared as f64,
                    };
                    let choice = Choice::of(self.best(), &*self.problem, all, share);
                    (choice, self.problem.clone(), self.streams)
                }
            }
        };
        self.said = if compares {
            let names: Vec<&str> = self.kinds.iter().map(|kind| kind.name()).collect();
            let compared = format!(
                "{} are compared on rows held out: for {} and this budget exact moves from the prior are too dear",
                names.join(", "),
                sizes(&*self.problem)
            );
            std::iter::once(compared)
                .chain(self.left_out.clone())
                .collect()
        } else {
            self.outcome_of_the_comparison()
                .into_iter()
                .chain(self.left_out.clone())
                .chain(choice.said)
                .collect()
        };
        self.inside = Some(match state {
            Some(state) => choice.algorithm.resume(problem, streams, state)?,
            None => choice.algorithm.begin(problem, streams)?,
        });
        Ok(())
    }

    /// The kind that predicted best; chains, which sample the posterior, where nothing is ahead of them by more than a standard error.
    fn best(&self) -> Kind {
        let scored = self.kinds.iter().zip(&self.scores);
        let best = scored.max_by(|a, b| mean(a.1).total_cmp(&mean(b.1)));
        let Some((best, scores)) = best else {
            return self.kinds.first().copied().unwrap_or(Kind::Chains);
        };
        let chains = self.kinds.iter().position(|kind| *kind == Kind::Chains);
        let of_chains = chains.and_then(|k| self.scores.get(k));
        let tied = of_chains.is_some_and(|others| {
            let (ahead, error) = lead(scores, others);
            ahead <= error
        });
        if tied { Kind::Chains } else { *best }
    }

    fn outcome_of_the_comparison(&self) -> Option<String> {
        if self.kinds.len() < 2 {
            return None;
        }
        let scored = self.kinds.iter().zip(&self.scores);
        let each: Vec<String> = scored
            .map(|(kind, scores)| format!("{} {:.3}", kind.name(), mean(scores)))
            .collect();
        Some(format!(
            "by {} rows held out, after {:.0} % of the budget each: {}",
            self.problem.rows() - self.learned(),
            100.0 * TRIAL,
            each.join(", ")
        ))
    }

    /// What the comparison promised of the one that was chosen.
    fn promised(&self) -> f64 {
        let chosen = self.best();
        let place = self.kinds.iter().position(|kind| *kind == chosen);
        let scores = place.and_then(|k| self.scores.get(k));
        scores.map_or(f64::NEG_INFINITY, |scores| mean(scores))
    }

    /// Scores what has been compared; what left nothing is out of the question.
    fn take(&mut self, compared: Box<dyn Stepwise + 'a>) {
        let held = self.learned()..self.problem.rows();
        self.scores.push(match compared.finish() {
            Ok(left) => score(&*self.problem, &left.draws, held),
            Err(_) => LOST.to_vec(),
        });
    }
}

impl Stepwise for AutoRun<'_> {
    fn plan(&self) -> Option<Plan> {
        let inside = self.inside.as_ref().filter(|_| !self.compares());
        inside.and_then(|inside| inside.plan())
    }

    fn chosen(&self) -> Vec<String> {
        let inside = self.inside.as_ref().filter(|_| !self.compares());
        let mut lines = self.said.clone();
        lines.extend(inside.map(|inside| inside.chosen()).unwrap_or_default());
        lines
    }

    fn step(&mut self) -> Result<Option<Step>> {
        loop {
            let compares = self.compares();
            let from = TRIAL * self.scores.len() as f64;
            let span = if compares { TRIAL } else { 1.0 - from };
            let Some(inside) = &mut self.inside else {
                return Ok(None);
            };
            match inside.step() {
                Ok(Some(step)) => {
                    self.steps += usize::from(compares);
                    let number = self.steps + if compares { 0 } else { step.step };
                    return Ok(Some(Step {
                        step: number,
                        done: from + span * step.done,
                        ..step
                    }));
                }
                Ok(None) if !compares => return Ok(None),
                Ok(None) => {
                    if let Some(compared) = self.inside.take() {
                        self.take(compared);
                    }
                }
                Err(_) if compares => {
                    self.inside = None;
                    self.scores.push(LOST.to_vec());
                }
                Err(other) => return Err(other),
            }
            self.enter(None)?;
        }
    }

    fn state(&self) -> Result<Saved> {
        let why = "the run failed between a comparison and what follows it";
        let inside = self
            .inside
            .as_ref()
            .ok_or_else(|| Error::lacks("a state to save", why))?;
        Saved::of(&State {
            means: self.means.clone(),
            scores: self.scores.clone(),
            steps: self.steps,
            inside: inside.state()?,
        })
    }

    fn gathered(&self) -> Option<usize> {
        if self.compares() {
            return Some(0);
        }
        self.inside.as_ref().and_then(|inside| inside.gathered())
    }

    fn hand_out(&mut self) -> Vec<Generation> {
        let compares = self.compares();
        let inside = self.inside.as_mut().filter(|_| !compares);
        inside.map_or_else(Vec::new, |inside| inside.hand_out())
    }

    fn take_back(&mut self, generations: Vec<Generation>, every: usize) {
        let compares = self.compares();
        if let Some(inside) = self.inside.as_mut().filter(|_| !compares) {
            inside.take_back(generations, every);
        }
    }

    fn finish(self: Box<Self>) -> Result<Outcome> {
        let compares = self.compares();
        let now = self.kinds.get(self.scores.len()).copied();
        let held = self.learned()..self.problem.rows();
        let promised = self.promised();
        let compared = self.kinds.len() > 1;
        let why = "this one failed between a comparison and what follows it";
        let inside = self
            .inside
            .ok_or_else(|| Error::lacks("what a run leaves", why))?;
        let mut left = inside.finish()?;
        if let Some(kind) = now.filter(|_| compares) {
            left.draws = left.draws.meant_for(DrawnFrom::Stage {
                rows: held.start as f64,
                all_rows: held.end,
            });
            left.cautions.push(format!(
                "ended while algorithms were still compared: {} by {} of {} rows",
                kind.name(),
                held.start,
                held.end
            ));
        } else if compared {
            // It has learned from these rows since: if it says less of them than before, it came apart.
            let now = mean(&score(&*self.problem, &left.draws, held));
            if now < promised - WORSE {
                left.cautions.push(format!(
                    "in the comparison it predicted rows held out with {promised:.3} nats each, and says {now:.3} of them now: it came apart, and another algorithm or budget is to be preferred"
                ));
            }
        }
        Ok(left)
    }
}

/// Nats of a row by which a run is worse than it promised.
const WORSE: f64 = 0.1;

/// Scores of what could not be compared.
const LOST: [f64; 1] = [f64::NEG_INFINITY];
