//! The verdict on a run: whether its draws can be used as the posterior, and why not.
//!
//! It rests on what differs between good runs and bad ones: agreement of chains or islands on the function, how many
//! independent draws their number is worth, acceptance at the posterior, and whether the posterior lies where its priors
//! said that it might. It does not look at counts that good runs have too, such as ancestors.

use std::fmt;

use super::Report;
use crate::base::psis::LARGEST_K;
use crate::infer::{DrawnFrom, Nearness};

/// The R-hat of the function, in the middle of the rows, that is tolerated: Gelman and Rubin's (1992). Variation between
/// groups is then a fifth of that within.
const R_HAT: f64 = 1.1;

/// The same at the worst of many rows.
const WORST_R_HAT: f64 = 1.5;

/// Independent draws that know the mean of the function to within a quarter of its standard deviation.
const ESS: f64 = 20.0;

/// Acceptance below which most of the work is lost; random walks, which accept the least, aim at a quarter.
const ACCEPTANCE: f64 = 0.1;

/// Share of proposals without a finite log-density above which the sampler runs against walls.
const IMPOSSIBLE: f64 = 0.2;

/// Standard error of a log-evidence above which it compares nothing.
const EVIDENCE_ERROR: f64 = 5.0;

/// Energy error of a step, a parameter's share, above which moves by mini-batches sample something else.
const ENERGY_ERROR: f64 = 0.05;

/// Temperature that the noise of batches may add.
const HEAT: f64 = 0.5;

/// Standard deviations of the function that its mean may be away at half the step.
const DISTANCE: f64 = 0.5;

/// Whether a number is above a bound, or none.
fn above(x: f64, bound: f64) -> bool {
    x.is_nan() || x > bound
}

/// Whether draws can be used as the posterior.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Verdict {
    /// Nothing speaks against it.
    Usable,
    /// They may be off, for these reasons.
    Doubtful(Vec<Doubt>),
    /// They are draws of something else, or no draws.
    NoPosterior(String),
}

/// A reason to doubt draws.
#[derive(Clone, Debug, PartialEq)]
pub struct Doubt {
    /// What was found.
    pub found: String,
    /// What to try.
    pub advice: &'static str,
}

impl Verdict {
    /// Whether nothing speaks against the draws.
    pub fn is_usable(&self) -> bool {
        *self == Self::Usable
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usable => f.write_str("usable"),
            Self::NoPosterior(what) => write!(f, "not a posterior: {what}"),
            Self::Doubtful(doubts) => {
                f.write_str("doubtful")?;
                for Doubt { found, advice } in doubts {
                    write!(f, "\n  {found}: {advice}")?;
                }
                Ok(())
            }
        }
    }
}

impl Report {
    /// Whether the draws can be used as the posterior.
    pub fn verdict(&self) -> Verdict {
        match self.drawn_from {
            DrawnFrom::Prior => {
                return Verdict::NoPosterior(
                    "draws from the prior; the targets were not used".to_owned(),
                );
            }
            DrawnFrom::Stage { rows, all_rows } => {
                return Verdict::NoPosterior(format!(
                    "draws given {rows:.0} of {all_rows} rows; the run ended before all were in"
                ));
            }
            DrawnFrom::Posterior if self.points => {
                return Verdict::NoPosterior(
                    "points near modes, which leave out how uncertain the parameters are around them"
                        .to_owned(),
                );
            }
            DrawnFrom::Nearly(Nearness { temperature, .. }) if temperature != 1.0 => {
                return Verdict::NoPosterior(format!(
                    "draws at temperature {temperature}, the posterior's being 1"
                ));
            }
            DrawnFrom::Posterior | DrawnFrom::Nearly(_) | DrawnFrom::Fitted(_) => {}
        }
        let doubts = self.doubts();
        if doubts.is_empty() {
            Verdict::Usable
        } else {
            Verdict::Doubtful(doubts)
        }
    }

    /// What importance weights say of a fitted density.
    fn doubt_of_a_fit(&self) -> Option<Doubt> {
        let DrawnFrom::Fitted(fitted) = self.drawn_from else {
            return None;
        };
        Some(match fitted.pareto_k {
            Some(k) if !above(k, LARGEST_K) => return None,
            Some(k) => Doubt {
                found: format!(
                    "importance weights do not bear the density out: their Pareto k is {k:.2}, {LARGEST_K} at the most is good"
                ),
                advice: "it may still predict well; `smc().warm(.., 1.0)` around it goes on exactly",
            },
            None => Doubt {
                found: format!(
                    "{} draws are too few to say how near the density is to the posterior",
                    fitted.draws
                ),
                advice: "more draws",
            },
        })
    }

    fn doubts(&self) -> Vec<Doubt> {
        let mut doubts = Vec::new();
        let mut doubt = |found: String, advice| doubts.push(Doubt { found, advice });
        if let Some(far) = &self.data.far {
            doubt(
                format!("the data are not on the scale of the priors ({far})"),
                "do that first",
            );
        }
        for conflict in &self.conflicts {
            doubt(
                conflict.clone(),
                "look at the prior, and at the scale of the data, before you believe either",
            );
        }
        match &self.function {
            Some(f) if f.median > R_HAT || f.largest > WORST_R_HAT => doubt(
                format!(
                    "chains or islands disagree on the function (R-hat {:.2} in the middle of {} training rows, {:.2} at the worst)",
                    f.median, f.rows, f.largest
                ),
                "more moves, longer trajectories, or more of them",
            ),
            Some(f) if f.ess < ESS => doubt(
                format!(
                    "the draws know the function as well as {:.0} independent ones would",
                    f.ess
                ),
                "more moves, or more draws",
            ),
            Some(_) => {}
            // A density shows what it missed by its importance weights.
            None if matches!(self.drawn_from, DrawnFrom::Fitted(_)) => {}
            None => doubt(
                "there is nothing to compare: one population or chain, or single particles, show nothing of what they missed".to_owned(),
                "take four islands or chains",
            ),
        }
        if let DrawnFrom::Nearly(near) = self.drawn_from {
            if near.energy_error.is_some_and(|e| above(e, ENERGY_ERROR)) {
                doubt(
                    "steps are too long for mini-batches: their energy error is large".to_owned(),
                    "smaller steps, by a smaller `energy_error(..)`",
                );
            }
            if above(near.heat, HEAT) {
                doubt(
                    format!(
                        "the noise of the batches adds {:.2} to the temperature",
                        near.heat
                    ),
                    "larger batches, or smaller steps",
                );
            }
        }
        doubts.extend(self.doubt_of_a_fit());
        let mut doubt = |found: String, advice| doubts.push(Doubt { found, advice });
        if let Some(distance) = self.finer_distance.filter(|d| *d > DISTANCE) {
            doubt(
                format!(
                    "where moves are finer, predictions are {distance:.2} standard deviations away"
                ),
                "smaller steps, more passes, or exact moves: `smc().warm(..)`",
            );
        }
        if let Some(a) = self.acceptance_at_the_end().filter(|a| *a < ACCEPTANCE) {
            doubt(
                format!(
                    "{:.1} % of the moves on the posterior were accepted",
                    100.0 * a
                ),
                "smaller steps; a step size that adapts, `Follow`, finds them",
            );
        }
        if self.impossible() > IMPOSSIBLE {
            doubt(
                format!(
                    "{:.0} % of the proposals had no finite log-density",
                    100.0 * self.impossible()
                ),
                "smaller steps, narrower priors or standardised data",
            );
        }
        if let Some(error) = self.evidence_error().filter(|e| *e > EVIDENCE_ERROR) {
            doubt(
                format!("the islands' log-evidences leave it uncertain by {error:.1}"),
                "more moves or particles before you compare models by it",
            );
        }
        doubts
    }
}
