//! Random mini-batches: other rows at each stage, scaled up. A comparison, not a method.

use super::{Annealing, Lookahead, check_number};
use crate::base::error::{Error, Result};
use crate::problem::rows::RowSet;
use crate::sampling::stage::Stage;

/// Stages on n random rows each, their log-likelihood times N/n: what mini-batches in an optimiser suggest, as a caution.
///
/// Every stage is another posterior, as narrow as that of all rows but elsewhere, so the weights never settle: the run
/// ends at a posterior of n rows counted N/n times, has no evidence, and says so. Take [`StepDataAnnealing`] instead.
///
/// Rows were permuted when the model was bound, so n of them one after the other, from a random one on and round the end,
/// are a random batch. No batch is that of the stage before.
///
/// [`StepDataAnnealing`]: super::StepDataAnnealing
///
/// ```
/// use smc_runtime::sampling::anneal::RandomMiniBatch;
/// let policy = RandomMiniBatch::rows(500).stages(30);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RandomMiniBatch {
    rows: Option<usize>,
    stages: Option<usize>,
}

impl RandomMiniBatch {
    /// Batches of `rows` rows, fewer than all; a sixty-fourth of the data but at least 16, if made by `default`.
    pub fn rows(rows: usize) -> Self {
        Self {
            rows: Some(rows),
            stages: None,
        }
    }

    /// Number of stages; 20 unless given.
    pub fn stages(mut self, stages: usize) -> Self {
        self.stages = Some(stages);
        self
    }

    /// Rows of a batch and number of stages.
    fn settings(&self, all: usize) -> Result<(usize, usize)> {
        let stages = self.stages.unwrap_or(20);
        check_number("stages", stages, 1)?;
        let rows = self.rows.unwrap_or((all / 64).max(16));
        if (1..all).contains(&rows) {
            return Ok((rows, stages));
        }
        let expected = format!("at least 1, and fewer than the {all} rows of the data");
        Err(Error::config("rows", rows, expected))
    }
}

impl Annealing for RandomMiniBatch {
    /// The stages depend on the seed, so they are not known from the number of rows.
    fn plan(&self, rows: usize) -> Result<Option<Vec<Stage>>> {
        self.settings(rows).map(|_| None)
    }

    fn next(&self, ahead: &mut Lookahead<'_>) -> Result<Option<Stage>> {
        let all = ahead.rows();
        let (rows, stages) = self.settings(all)?;
        if ahead.step() >= stages {
            return Ok(None);
        }
        ahead.caution(format!(
            "random mini-batches never settle: the last target is that of {rows} rows counted {:.1} times each",
            all as f64 / rows as f64
        ));
        let batch = |start: usize| {
            Stage::of(RowSet::from(0..all).window(start, rows)).scaled(all as f64 / rows as f64)
        };
        let (now, from) = (ahead.stage(), ahead.stream().uniform() * all as f64);
        let start = (from as usize).min(all - 1);
        let next = batch(start);
        Ok(Some(if next == now {
            batch((start + rows) % all)
        } else {
            next
        }))
    }
}
