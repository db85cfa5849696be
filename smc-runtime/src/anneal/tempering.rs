//! Likelihood tempering on all rows: φ from 0 to 1.

use super::{Annealing, Lookahead};
use crate::error::{Error, Result};
use crate::stage::Stage;

/// Full-batch tempering, π ∝ p(θ) · L(θ)^φ, on a fixed ladder or by the conditional effective sample size.
///
/// ```
/// use smc_runtime::anneal::Tempering;
/// let adaptive = Tempering::adaptive().cess(0.95);
/// let fixed = Tempering::ladder([0.001, 0.01, 0.1, 0.3, 1.0]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Tempering {
    cess: f64,
    ladder: Option<Vec<f64>>,
}

impl Default for Tempering {
    fn default() -> Self {
        Self::adaptive()
    }
}

impl Tempering {
    /// The next φ is the largest that keeps the CESS at 0.9.
    pub fn adaptive() -> Self {
        Self {
            cess: 0.9,
            ladder: None,
        }
    }

    /// The temperatures φ, rising to 1. With a fixed ladder and a frozen kernel E\[Ẑ\] = Z exactly.
    pub fn ladder(phis: impl IntoIterator<Item = f64>) -> Self {
        Self {
            ladder: Some(phis.into_iter().collect()),
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
    fn next(&self, ahead: &mut Lookahead<'_>) -> Result<Option<Stage>> {
        let all = ahead.rows();
        let stage = ahead.stage();
        if stage.is_posterior(all) {
            return Ok(None);
        }
        let phi = match &self.ladder {
            Some(ladder) => {
                check_ladder(ladder)?;
                // The last rung is 1, and the current φ is below it.
                ladder
                    .iter()
                    .copied()
                    .find(|&phi| phi > stage.phi())
                    .unwrap_or(1.0)
            }
            None => {
                check_cess(self.cess)?;
                ahead.largest(stage.phi(), self.cess, |phi| {
                    Stage::ramping(0..0, 0..all, phi)
                })
            }
        };
        Ok(Some(Stage::ramping(0..0, 0..all, phi)))
    }
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
