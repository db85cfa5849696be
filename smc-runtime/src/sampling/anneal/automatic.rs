//! Automatic annealing: block and ramp chosen by the conditional effective sample size, within a budget of gradients.

use super::tempering::{check_cess, check_ratio};
use super::{Annealing, Lookahead, whole};
use crate::base::error::{Error, Result};
use crate::sampling::stage::Stage;

/// As many new rows at each stage as the CESS allows; where even a small block is too many, it ramps in.
///
/// At each stage a block of [`first`](Self::first) rows is tried. If it can come in whole, blocks that are larger by
/// [`ratio`](Self::ratio) are tried until one cannot, and the last that could is taken; if not, φ is bisected. Trials cost
/// values of new rows, no gradients. So hard data enter little by little while rows are few, and easy data in large blocks.
///
/// A [`budget`](Self::budget) caps the gradients, not the stages. The policy keeps what a path that doubles the rows would
/// cost from here, by what the run has spent per row so far. When no more than that is left, it follows such a path, with
/// larger factors if need be, whatever the CESS; the run then ends at all rows with a word of caution.
///
/// ```
/// use smc_runtime::sampling::anneal::AutomaticAnnealing;
/// let policy = AutomaticAnnealing::default().cess(0.8).budget(50_000_000);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct AutomaticAnnealing {
    first: Option<usize>,
    ratio: f64,
    cess: f64,
    budget: Option<u64>,
}

impl Default for AutomaticAnnealing {
    fn default() -> Self {
        Self {
            first: None,
            ratio: 1.5,
            cess: 0.9,
            budget: None,
        }
    }
}

impl AutomaticAnnealing {
    /// Rows of the smallest block; 16 unless given, or all if there are fewer.
    pub fn first(mut self, rows: usize) -> Self {
        self.first = Some(rows);
        self
    }

    /// By how much a block grows while it is easy; 1.5 unless set.
    pub fn ratio(mut self, ratio: f64) -> Self {
        self.ratio = ratio;
        self
    }

    /// The CESS, as a fraction of J, that every step keeps while the budget lasts; 0.9 unless set.
    pub fn cess(mut self, cess: f64) -> Self {
        self.cess = cess;
        self
    }

    /// The most row-gradients per particle, as far as the cost of a stage can be foreseen: more moves at the last stages
    /// than before come on top, and so does the last stage if the budget is smaller than it. Unlimited unless given.
    pub fn budget(mut self, row_gradients: u64) -> Self {
        self.budget = Some(row_gradients);
        self
    }

    /// Rows of the smallest block.
    fn block(&self, all: usize) -> Result<usize> {
        check_ratio(self.ratio)?;
        check_cess(self.cess)?;
        if self.budget == Some(0) {
            let expected = "at least one row-gradient per particle is needed";
            return Err(Error::config("budget", 0, expected));
        }
        super::first_block(self.first.or(Some(all.min(16))), all)
    }

    /// The stage that the CESS allows.
    fn by_cess(&self, ahead: &mut Lookahead<'_>, block: usize) -> Stage {
        let (all, stage) = (ahead.rows(), ahead.stage());
        let now = stage.full().end();
        let at = |end: usize, phi: f64| Stage::ramping(0..now, now..end, phi);
        if !stage.ramp().is_empty() {
            let end = stage.ramp().end();
            return at(
                end,
                ahead.largest(stage.phi(), self.cess, |phi| at(end, phi)),
            );
        }
        let mut end = (now + block).min(all);
        let phi = ahead.largest(0.0, self.cess, |phi| at(end, phi));
        if phi < 1.0 {
            return at(end, phi);
        }
        while end < all {
            let larger = (now + whole((end - now) as f64 * self.ratio).max(end - now + 1)).min(all);
            if ahead.cess(&at(larger, 1.0)) < self.cess {
                break;
            }
            end = larger;
        }
        Stage::of(0..end)
    }

    /// The stage that the budget allows, if `next` is more than that.
    fn by_budget(&self, ahead: &Lookahead<'_>, next: &Stage) -> Option<Stage> {
        let passes = ahead.passes().filter(|&passes| passes > 0.0)?;
        // In rows of stages.
        let left = (self.budget? as f64 - ahead.spent()) / passes;
        let all = ahead.rows();
        let after = if next.is_posterior(all) {
            0.0
        } else {
            path(next.cost(), all, doublings(next.cost(), all)).sum()
        };
        if next.cost() as f64 + after <= left {
            return None;
        }
        let now = ahead.stage().cost();
        let fits = |&steps: &usize| path(now, all, steps).sum::<f64>() <= left;
        let steps = (1..=doublings(now, all)).rev().find(fits).unwrap_or(1);
        let rows = path(now, all, steps).next().map_or(all, whole);
        Some(Stage::of(0..rows.max(next.cost()).min(all)))
    }
}

/// Stages that it takes from `now` rows to all by doubling; at least one.
fn doublings(now: usize, all: usize) -> usize {
    ((all as f64 / now.max(1) as f64).log2().ceil() as usize).max(1)
}

/// The rows of `steps` stages from `now` rows to all, each larger by the same factor.
fn path(now: usize, all: usize, steps: usize) -> impl Iterator<Item = f64> {
    let (now, all) = (now.max(1) as f64, all as f64);
    (1..=steps).map(move |k| now * (all / now).powf(k as f64 / steps as f64))
}

impl Annealing for AutomaticAnnealing {
    fn may_walk(&self) -> bool {
        true
    }

    /// Only looks at the settings: the stages depend on the particles.
    fn plan(&self, rows: usize) -> Result<Option<Vec<Stage>>> {
        self.block(rows).map(|_| None)
    }

    fn next(&self, ahead: &mut Lookahead<'_>) -> Result<Option<Stage>> {
        let all = ahead.rows();
        let block = self.block(all)?;
        if ahead.stage().is_posterior(all) {
            return Ok(None);
        }
        let next = self.by_cess(ahead, block);
        let Some(hurried) = self.by_budget(ahead, &next) else {
            return Ok(Some(next));
        };
        if hurried != next {
            ahead.caution(format!(
                "the budget of {} row-gradients per particle ran low: the last stages are larger steps than a CESS of {} asks for",
                self.budget.unwrap_or_default(),
                self.cess
            ));
        }
        Ok(Some(hurried))
    }
}
