//! What a run's passes are for. They are made in rounds of one or more, so that a round has enough steps to be worth a probe.

use super::settings::SgMcmc;
use crate::problem::Problem;

/// The rounds of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Plan {
    rounds: usize,
    /// Passes of a round.
    together: usize,
    cycles: usize,
    /// Share of the passes, if it is set.
    approach: Option<f64>,
    draws: usize,
}

/// What a round is for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Phase {
    /// Without noise; how much of the phase is done when it begins.
    Approach(f64),
    /// With noise.
    Sampling {
        /// How much of the phase is done when it begins.
        done: f64,
        /// Rounds of its phase before it.
        at: usize,
        /// Whether the step is halved.
        halved: bool,
        /// Whether where it ends is kept.
        kept: bool,
    },
}

/// Rows that a round has, about, most passes of one, and fewest rounds of a cycle before passes are taken together.
const TOGETHER: usize = 32_768;
const MOST_TOGETHER: usize = 32;
const FEWEST: usize = 20;

/// Rows whose gradients each chain gets unless passes are set, and bounds of the passes.
const ROWS: usize = 2_000_000;
const LEAST: usize = 40;
const MOST: usize = 10_000;

/// Share of the passes without noise, and most of them, unless it is set.
const APPROACH: f64 = 0.6;
const MOST_APPROACH: usize = 600;

impl Plan {
    pub(super) fn of(settings: &SgMcmc, problem: &dyn Problem) -> Self {
        let rows = problem.rows().max(1);
        let by_budget = settings.gradients.map(|all| {
            let a_pass = (settings.chains * rows) as u64;
            usize::try_from(all / a_pass).unwrap_or(usize::MAX)
        });
        let usual = (ROWS / rows).clamp(LEAST, MOST);
        let passes = settings.passes.or(by_budget).unwrap_or(usual);
        let together = (TOGETHER / rows).clamp(1, MOST_TOGETHER);
        let together = together.min(passes / (FEWEST * settings.cycles)).max(1);
        Self {
            rounds: (passes / together).max(2 * settings.cycles),
            together,
            cycles: settings.cycles,
            approach: settings.approach,
            draws: settings.draws,
        }
    }

    /// All rounds.
    pub(super) fn rounds(&self) -> usize {
        self.rounds
    }

    /// Passes of each.
    pub(super) fn together(&self) -> usize {
        self.together
    }

    /// All passes.
    pub(super) fn passes(&self) -> usize {
        self.rounds * self.together
    }

    /// The first round of a cycle.
    fn cut(&self, cycle: usize) -> usize {
        cycle * self.rounds / self.cycles
    }

    /// The first round of the cycle that `round` belongs to, and how many the cycle has.
    fn cycle_of(&self, round: usize) -> (usize, usize) {
        let cycle = (0..self.cycles).find(|&c| round < self.cut(c + 1));
        let cycle = cycle.unwrap_or(self.cycles - 1);
        (self.cut(cycle), self.cut(cycle + 1) - self.cut(cycle))
    }

    /// Rounds without noise of a cycle of so many.
    fn approaching(&self, all: usize) -> usize {
        let most = match self.approach {
            Some(_) => all - 1,
            None => (all - 1).min(MOST_APPROACH.div_ceil(self.together)),
        };
        let share = self.approach.unwrap_or(APPROACH);
        ((share * all as f64).round() as usize).min(most)
    }

    /// Passes with noise.
    pub(super) fn sampled(&self) -> usize {
        let each = (0..self.cycles).map(|c| self.cut(c + 1) - self.cut(c));
        let rounds: usize = each.map(|all| all - self.approaching(all)).sum();
        rounds * self.together
    }

    /// Draws that a chain keeps.
    pub(super) fn kept(&self) -> usize {
        (0..self.rounds)
            .filter(|&round| matches!(self.phase(round), Phase::Sampling { kept: true, .. }))
            .count()
    }

    /// The share of the draws, the last, that are made at half the step.
    pub(super) fn at_half_the_step(&self) -> f64 {
        let kept = |wanted: bool| {
            let is = |round: &usize| match self.phase(*round) {
                Phase::Sampling { kept, halved, .. } => kept && halved == wanted,
                Phase::Approach(_) => false,
            };
            (0..self.rounds).filter(is).count() as f64
        };
        // With several cycles they are not the last.
        if self.cycles > 1 {
            return 0.0;
        }
        kept(true) / (kept(true) + kept(false)).max(1.0)
    }

    /// The share that one round has of the approach that it belongs to.
    pub(super) fn share_of_a_round(&self, round: usize) -> f64 {
        let (_, all) = self.cycle_of(round);
        1.0 / self.approaching(all).max(1) as f64
    }

    /// What round number `round`, counted from 0, is for.
    pub(super) fn phase(&self, round: usize) -> Phase {
        let (first, all) = self.cycle_of(round);
        let (at, approaching) = (round - first, self.approaching(all));
        if at < approaching {
            return Phase::Approach(at as f64 / approaching as f64);
        }
        let (at, sampling) = (at - approaching, all - approaching);
        let draws = self.draws.div_ceil(self.cycles).min(sampling);
        // Every so many rounds, the last among them.
        let kept = |at: usize| (at + 1) * draws / sampling > at * draws / sampling;
        Phase::Sampling {
            done: at as f64 / sampling as f64,
            at,
            halved: 3 * at >= 2 * sampling && sampling > 2,
            kept: kept(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pass_has_its_phase_and_draws_are_evenly_spaced() {
        let plan = Plan {
            rounds: 40,
            together: 1,
            cycles: 2,
            approach: Some(0.4),
            draws: 6,
        };
        assert_eq!((plan.sampled(), plan.kept()), (24, 6));
        assert_eq!(plan.phase(0), Phase::Approach(0.0));
        assert_eq!(plan.phase(24), Phase::Approach(0.5));
        let first = Phase::Sampling {
            done: 0.0,
            at: 0,
            halved: false,
            kept: false,
        };
        assert_eq!(plan.phase(8), first);
        let last = Phase::Sampling {
            done: 11.0 / 12.0,
            at: 11,
            halved: true,
            kept: true,
        };
        assert_eq!(plan.phase(19), last);
        let one = Plan { cycles: 1, ..plan };
        assert_eq!(one.at_half_the_step(), 2.0 / 6.0);
    }
}
