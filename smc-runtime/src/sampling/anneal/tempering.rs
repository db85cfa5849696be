//! Likelihood tempering on all rows: φ from 0 to 1.

use super::{Annealing, Lookahead, check_number};
use crate::base::error::{Error, Result};
use crate::sampling::stage::Stage;

/// Full-batch tempering, π ∝ p(θ) · L(θ)^φ, on a fixed ladder or by the conditional effective sample size.
///
/// ```
/// use smc_runtime::sampling::anneal::Tempering;
/// let adaptive = Tempering::adaptive().cess(0.95);
/// let fixed = Tempering::ladder([0.001, 0.01, 0.1, 0.3, 1.0]);
/// let derived = Tempering::stages(30);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Tempering {
    cess: f64,
    ladder: Ladder,
}

#[derive(Clone, Debug, PartialEq)]
enum Ladder {
    Adaptive,
    Given(Vec<f64>),
    Derived(usize),
}

impl Default for Tempering {
    /// [`adaptive`](Self::adaptive).
    fn default() -> Self {
        Self::adaptive()
    }
}

impl Tempering {
    /// The next φ is the largest that keeps the CESS at 0.9.
    pub fn adaptive() -> Self {
        Self {
            cess: 0.9,
            ladder: Ladder::Adaptive,
        }
    }

    /// The temperatures φ, rising to 1. With a fixed ladder and a frozen kernel E\[Ẑ\] = Z exactly.
    pub fn ladder(phis: impl IntoIterator<Item = f64>) -> Self {
        Self {
            ladder: Ladder::Given(phis.into_iter().collect()),
            ..Self::adaptive()
        }
    }

    /// A fixed ladder of `stages` rungs: φ_k = N^(k/K − 1), so that φ_k·N, the rows' worth of likelihood that is in, grows by
    /// the same factor N^(1/K) from 1 before the first stage to N at the last.
    pub fn stages(stages: usize) -> Self {
        Self {
            ladder: Ladder::Derived(stages),
            ..Self::adaptive()
        }
    }

    /// The CESS, as a fraction of J, that every step keeps.
    pub fn cess(mut self, cess: f64) -> Self {
        self.cess = cess;
        self
    }
}

impl Annealing for Tempering {
    fn plan(&self, rows: usize) -> Result<Option<Vec<Stage>>> {
        let at = |phi: f64| Stage::ramping(0..0, 0..rows, phi);
        Ok(match &self.ladder {
            Ladder::Adaptive => {
                check_cess(self.cess)?;
                None
            }
            Ladder::Given(ladder) => {
                check_ladder(ladder)?;
                Some(ladder.iter().copied().map(at).collect())
            }
            Ladder::Derived(stages) => {
                check_number("stages", *stages, 1)?;
                let phi = |k: usize| worth(rows, k, *stages, 1.0) / rows as f64;
                Some((1..=*stages).map(phi).map(at).collect())
            }
        })
    }

    fn next(&self, ahead: &mut Lookahead<'_>) -> Result<Option<Stage>> {
        let (all, stage) = (ahead.rows(), ahead.stage());
        if self.ladder != Ladder::Adaptive {
            return Ok(ahead.planned());
        }
        if stage.is_posterior(all) {
            return Ok(None);
        }
        let at = |phi: f64| Stage::ramping(0..0, 0..all, phi);
        Ok(Some(at(ahead.largest(stage.phi(), self.cess, at))))
    }
}

/// N^((k/K)^power): how many rows' worth of likelihood are in at stage k of K; exactly N at the last.
pub(super) fn worth(rows: usize, k: usize, stages: usize, power: f64) -> f64 {
    if k == stages {
        return rows as f64;
    }
    (rows as f64).powf((k as f64 / stages as f64).powf(power))
}

fn check_ladder(ladder: &[f64]) -> Result<()> {
    let rising =
        ladder.windows(2).all(|w| w[0] < w[1]) && ladder.first().is_some_and(|&phi| phi > 0.0);
    if rising && ladder.last() == Some(&1.0) {
        return Ok(());
    }
    Err(Error::config(
        "ladder",
        format!("{ladder:?}"),
        "temperatures must rise strictly from above 0 to exactly 1",
    ))
}

pub(super) fn check_cess(cess: f64) -> Result<()> {
    if cess > 0.0 && cess < 1.0 {
        return Ok(());
    }
    Err(Error::config(
        "cess",
        cess,
        "a fraction between 0 and 1, both excluded",
    ))
}

pub(super) fn check_power(power: f64) -> Result<()> {
    if power > 0.0 && power.is_finite() {
        return Ok(());
    }
    let expected = "a positive, finite number is needed";
    Err(Error::config("power", power, expected))
}

pub(super) fn check_ratio(ratio: f64) -> Result<()> {
    if ratio > 1.0 && ratio.is_finite() {
        return Ok(());
    }
    Err(Error::config("ratio", ratio, "a number above 1 is needed"))
}
