//! Smooth data annealing: blocks of rows ramp in one after the other.

use super::tempering::check_cess;
use super::{Annealing, Lookahead};
use crate::error::{Error, Result};
use crate::stage::Stage;

/// Data enter in blocks whose sizes grow geometrically; each ramps from φ = 0 to 1, then joins.
///
/// Most moves are made on few rows: the idea of data annealing in arXiv 2601.21983, whose "smooth data annealing" this
/// reconstructs from its abstract. By default every step keeps the CESS at 0.9; with [`ramps`](Self::ramps) each block
/// takes a fixed number of equal steps in √φ instead.
///
/// ```
/// use smc_runtime::anneal::SmoothDataAnnealing;
/// let policy = SmoothDataAnnealing::geometric().first(20).ratio(3.0).cess(0.8);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SmoothDataAnnealing {
    first: Option<usize>,
    ratio: f64,
    cess: f64,
    ramps: Option<usize>,
}

impl Default for SmoothDataAnnealing {
    fn default() -> Self {
        Self::geometric()
    }
}

impl SmoothDataAnnealing {
    /// Blocks that double the rows.
    pub fn geometric() -> Self {
        Self {
            first: None,
            ratio: 2.0,
            cess: 0.9,
            ramps: None,
        }
    }

    /// Rows of the first block; a sixty-fourth of the data, but at least 16, unless given.
    pub fn first(mut self, rows: usize) -> Self {
        self.first = Some(rows);
        self
    }

    /// By how much the number of rows grows from block to block.
    pub fn ratio(mut self, ratio: f64) -> Self {
        self.ratio = ratio;
        self
    }

    /// The CESS, as a fraction of J, that every step keeps.
    pub fn cess(mut self, cess: f64) -> Self {
        self.cess = cess;
        self
    }

    /// A fixed number of steps per block in place of the CESS. The schedule then does not depend on the particles.
    pub fn ramps(mut self, steps: usize) -> Self {
        self.ramps = Some(steps);
        self
    }

    fn check(&self, rows: usize) -> Result<()> {
        if !(self.ratio > 1.0 && self.ratio.is_finite()) {
            return Err(Error::config(
                "ratio",
                self.ratio,
                "a number above 1 is needed",
            ));
        }
        if self.ramps == Some(0) {
            return Err(Error::config(
                "ramps",
                0,
                "at least one step per block is needed",
            ));
        }
        if let Some(first) = self.first
            && (first == 0 || first > rows)
        {
            return Err(Error::config(
                "first",
                first,
                format!("between 1 and the {rows} rows of the data"),
            ));
        }
        check_cess(self.cess)
    }

    /// Rows after the block that follows `now` rows.
    fn grown(&self, now: usize, all: usize) -> usize {
        let first = self.first.unwrap_or((all / 64).max(16));
        let next = if now == 0 {
            first
        } else {
            (now as f64 * self.ratio).ceil() as usize
        };
        next.max(now + 1).min(all)
    }
}

impl Annealing for SmoothDataAnnealing {
    fn next(&self, ahead: &mut Lookahead<'_>) -> Result<Option<Stage>> {
        let all = ahead.rows();
        self.check(all)?;
        let stage = ahead.stage();
        if stage.is_posterior(all) {
            return Ok(None);
        }
        let now = stage.full().end();
        let end = if stage.ramp().is_empty() {
            self.grown(now, all)
        } else {
            stage.ramp().end()
        };
        let at = |phi: f64| Stage::ramping(0..now, now..end, phi);
        let from = if stage.ramp().is_empty() {
            0.0
        } else {
            stage.phi()
        };
        let phi = match self.ramps {
            Some(steps) => {
                // Equal steps in √φ: the first steps of a block change the target most.
                let done = (from.sqrt() * steps as f64).round();
                ((done + 1.0) / steps as f64).powi(2).min(1.0)
            }
            None => ahead.largest(from, self.cess, at),
        };
        Ok(Some(at(phi)))
    }
}
