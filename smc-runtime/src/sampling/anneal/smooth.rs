//! Smooth data annealing: blocks of rows ramp in one after the other.

use super::tempering::{check_cess, check_power, check_ratio, worth};
use super::{Annealing, Lookahead, MOST_STAGES, check_number, first_block};
use crate::base::error::{Error, Result};
use crate::sampling::stage::Stage;

/// Data enter in blocks whose sizes grow geometrically; each ramps from φ = 0 to 1, then joins.
///
/// Most moves are made on few rows: the idea of data annealing in arXiv 2601.21983, whose "smooth data annealing" this
/// reconstructs from its abstract. By default every step keeps the CESS at 0.9. Two schedules do not depend on the
/// particles: [`ramps`](Self::ramps) gives each block a number of steps, [`stages`](Self::stages) spreads a total.
///
/// ```
/// use smc_runtime::sampling::anneal::{Plan, SmoothDataAnnealing};
/// let policy = SmoothDataAnnealing::geometric().first(20).ratio(3.0).cess(0.8);
///
/// // The cost of 40 stages, beside 40 on all rows: about a seventh, and a twelfth.
/// let share = |policy| Plan::of(&policy, 60_000).map(|plan| plan.map_or(1.0, |plan| plan.share()));
/// assert!(share(SmoothDataAnnealing::stages(40))? < 1.0 / 6.0);
/// assert!(share(SmoothDataAnnealing::stages(40).power(2.0))? < 1.0 / 10.0);
/// # Ok::<(), smc_runtime::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SmoothDataAnnealing {
    first: Option<usize>,
    ratio: f64,
    cess: f64,
    steps: Steps,
    power: Option<f64>,
    hold: usize,
}

/// How far a step goes up a ramp.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Steps {
    /// As far as the CESS allows.
    Adaptive,
    /// So many to a block.
    PerBlock(usize),
    /// So many in all.
    InAll(usize),
}

impl Default for SmoothDataAnnealing {
    /// [`geometric`](Self::geometric).
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
            steps: Steps::Adaptive,
            power: None,
            hold: 0,
        }
    }

    /// A total of `stages` stages along the path of [`Tempering::stages`](super::Tempering::stages), with data annealing's
    /// cost: after stage k of K as many rows' worth of likelihood are in, m_k = N^((k/K)^p), but only the blocks that
    /// hold them are touched.
    ///
    /// With blocks that end at e_1 < … < e_B = N a stage costs e(m_k), the first end not below m_k, and all of them
    /// Σ e(m_k), which for p = 1 and many stages is K·Σ_b e_b·ln(e_b/e_{b−1})/ln N, where e_0 = 1. Blocks that double
    /// give K·N·(2·ln 2)/ln N, and a little for the first block: a seventh of K·N for 60000 rows.
    pub fn stages(stages: usize) -> Self {
        Self {
            steps: Steps::InAll(stages),
            ..Self::geometric()
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

    /// A fixed number of steps per block in place of the CESS, equal in √φ: R steps for each of B blocks cost R·Σ e_b rows.
    pub fn ramps(mut self, steps: usize) -> Self {
        self.steps = Steps::PerBlock(steps);
        self
    }

    /// The power p of k/K in the path of [`stages`](Self::stages); 1 unless set. The larger, the fewer of the stages fall
    /// to the last blocks, which cost most.
    pub fn power(mut self, power: f64) -> Self {
        self.power = Some(power);
        self
    }

    /// Further stages at all rows, after a fixed number of [`stages`](Self::stages) or [`ramps`](Self::ramps). The
    /// algorithm's final moves are made at each.
    pub fn hold(mut self, stages: usize) -> Self {
        self.hold = stages;
        self
    }

    fn check(&self) -> Result<()> {
        check_ratio(self.ratio)?;
        match self.steps {
            Steps::PerBlock(steps) => check_number("ramps", steps, 1)?,
            Steps::InAll(stages) => check_number("stages", stages, 1)?,
            Steps::Adaptive if self.hold > 0 => {
                let expected = "only a fixed number of `stages` or `ramps` can be held";
                return Err(Error::config("hold", self.hold, expected));
            }
            Steps::Adaptive => {}
        }
        match self.power {
            Some(p) if !matches!(self.steps, Steps::InAll(_)) => {
                let expected = "only `SmoothDataAnnealing::stages` has a power";
                return Err(Error::config("power", p, expected));
            }
            Some(p) => check_power(p)?,
            None => {}
        }
        check_number("hold", self.hold, 0)?;
        check_cess(self.cess)
    }

    /// Rows after the block that follows `now` rows.
    fn grown(&self, now: usize, all: usize) -> Result<usize> {
        let next = if now == 0 {
            first_block(self.first, all)?
        } else {
            (now as f64 * self.ratio).ceil() as usize
        };
        Ok(next.max(now + 1).min(all))
    }

    /// Where the blocks end.
    fn ends(&self, all: usize) -> Result<Vec<usize>> {
        let mut ends = vec![self.grown(0, all)?];
        while let Some(&now) = ends.last()
            && now < all
        {
            ends.push(self.grown(now, all)?);
        }
        Ok(ends)
    }
}

/// `steps` ramps of the block between two ends, equal in √φ: the first steps of a block change the target most.
fn ramp(from: usize, to: usize, steps: usize) -> impl Iterator<Item = Stage> {
    let phi = move |step: usize| (step as f64 / steps as f64).powi(2);
    (1..=steps).map(move |step| Stage::ramping(0..from, from..to, phi(step)))
}

impl Annealing for SmoothDataAnnealing {
    fn plan(&self, rows: usize) -> Result<Option<Vec<Stage>>> {
        self.check()?;
        let mut ends = self.ends(rows)?;
        ends.insert(0, 0);
        let blocks = ends.windows(2).map(|e| (e[0], e[1]));
        let mut stages: Vec<Stage> = match self.steps {
            Steps::Adaptive => return Ok(None),
            Steps::PerBlock(steps) => {
                if steps.saturating_mul(ends.len() - 1) > MOST_STAGES {
                    let expected = format!("at most {MOST_STAGES} steps in all blocks");
                    return Err(Error::config("ramps", steps, expected));
                }
                blocks
                    .flat_map(|(from, to)| ramp(from, to, steps))
                    .collect()
            }
            Steps::InAll(stages) => {
                let at = |k: usize| {
                    let worth = worth(rows, k, stages, self.power.unwrap_or(1.0));
                    let mut blocks = blocks.clone();
                    // The last block ends at all rows.
                    let (from, to) = blocks
                        .find(|&(_, to)| worth <= to as f64)
                        .unwrap_or((0, rows));
                    let phi = (worth - from as f64) / (to - from) as f64;
                    Stage::ramping(0..from, from..to, phi)
                };
                (1..=stages).map(at).collect()
            }
        };
        stages.extend(std::iter::repeat_n(Stage::of(0..rows), self.hold));
        Ok(Some(stages))
    }

    fn next(&self, ahead: &mut Lookahead<'_>) -> Result<Option<Stage>> {
        let (all, stage) = (ahead.rows(), ahead.stage());
        if self.steps != Steps::Adaptive {
            return Ok(ahead.planned());
        }
        if stage.is_posterior(all) {
            return Ok(None);
        }
        let now = stage.full().end();
        let (end, from) = if stage.ramp().is_empty() {
            (self.grown(now, all)?, 0.0)
        } else {
            (stage.ramp().end(), stage.phi())
        };
        let at = |phi: f64| Stage::ramping(0..now, now..end, phi);
        Ok(Some(at(ahead.largest(from, self.cess, at))))
    }
}
