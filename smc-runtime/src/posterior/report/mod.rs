//! What a run did and what it cost, for people to read.

use serde::{Deserialize, Serialize};

mod display;
mod verdict;

pub use verdict::{Doubt, Verdict};

use std::borrow::Cow;

use crate::base::diagnostics::{log_mean_error, mean_variance};
use crate::base::sums::log_sum_exp;
use crate::data::{Findings, TargetScale};
use crate::infer::observe::{Detail, StageDetail, Step};
use crate::infer::{DrawnFrom, Island};
use crate::problem::Choice;
use crate::problem::Counts;
use crate::sampling::anneal::Plan;

/// The account of a run. Its `Display` is a few lines for a terminal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The algorithm.
    pub algorithm: Cow<'static, str>,
    /// Its settings, as they are written in code.
    pub settings: String,
    /// The run's seed.
    pub seed: u64,
    /// The engine, and why it was chosen.
    pub engine: Choice,
    /// Wall time.
    pub seconds: f64,
    /// What the engine computed.
    pub counts: Counts,
    /// Rows of the data.
    pub rows: usize,
    /// What is of note in the data, as they were given.
    pub data: Findings,
    /// The scale of the targets that predictions, scores and log-evidences are stated on. Log-evidences within
    /// [`Report::steps`] are on the network's scale, which is another where a standardisation is carried.
    pub target_scale: TargetScale,
    /// Who said that the network sees standardised features, or none.
    pub scaled_by: ScaledBy,
    /// What the run was going to cost, if its stages were known beforehand.
    pub plan: Option<Plan>,
    /// What the algorithm chose for the problem and why, a line each, if it chooses.
    pub chosen: Vec<String>,
    /// Every step.
    pub steps: Vec<Step>,
    /// The islands of a run that has an evidence.
    pub islands: Vec<Island>,
    /// Whether chains or islands agree on the function at training rows; `None` without two of them.
    pub function: Option<FunctionAgreement>,
    /// Of draws by mini-batches, how far the mean of the function is over those that were made with less error, at half the step or by
    /// exact moves, in its standard deviations: the median over some of the training rows.
    pub finer_distance: Option<f64>,
    /// The distribution that the draws are meant for.
    pub drawn_from: DrawnFrom,
    /// Whether they are points, such as modes, and no draws.
    pub points: bool,
    /// Parameters that the posterior has far out in their prior, each in a line.
    pub conflicts: Vec<String>,
    /// Words of caution about the draws.
    pub cautions: Vec<String>,
}

/// Who said that the network sees standardised data where the user gave others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ScaledBy {
    /// Nobody: the network sees the data as they were given.
    Nobody,
    /// The run, by [`Run::standardise`](crate::run::Run::standardise).
    TheRun,
    /// The model, by `#[standardise]`.
    TheModel,
}

/// Whether chains or islands agree on the predicted function, at some of the training rows, computed when the run ended.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FunctionAgreement {
    /// Rows looked at.
    pub rows: usize,
    /// The median over them of R-hat.
    pub median: f64,
    /// The largest R-hat.
    pub largest: f64,
    /// The median over rows of the effective sample size: as many independent draws would know the mean of the function as
    /// well.
    pub ess: f64,
}

impl FunctionAgreement {
    /// Of the R-hat and the effective sample size of each row; `None` without rows.
    pub(crate) fn of(rows: Vec<(f64, f64)>) -> Option<Self> {
        let (mut r_hats, mut sizes): (Vec<f64>, Vec<f64>) = rows.into_iter().unzip();
        r_hats.sort_by(f64::total_cmp);
        sizes.sort_by(f64::total_cmp);
        Some(Self {
            rows: r_hats.len(),
            median: *r_hats.get(r_hats.len() / 2)?,
            largest: *r_hats.last()?,
            ess: *sizes.get(sizes.len() / 2)?,
        })
    }
}

/// What was spent on targets of some number of rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Band {
    /// The targets touched at most so many rows, and more than those of the band before.
    pub rows: usize,
    /// Steps.
    pub steps: usize,
    /// Row-gradients of all particles.
    pub row_gradients: u64,
    /// Wall time.
    pub seconds: f64,
}

impl Report {
    /// What was spent where: on targets of up to 1/64, 1/16 and 1/4 of the rows, of fewer than all, and of all. Only bands
    /// in which something happened.
    pub fn bands(&self) -> Vec<Band> {
        let ends = [64, 16, 4].map(|share| self.rows / share);
        let ends = [ends[0], ends[1], ends[2], self.rows.saturating_sub(1)];
        let band = |rows| Band {
            rows,
            steps: 0,
            row_gradients: 0,
            seconds: 0.0,
        };
        let mut bands: Vec<Band> = ends.into_iter().chain([self.rows]).map(band).collect();
        let (mut row_gradients, mut seconds) = (0, 0.0);
        for step in &self.steps {
            // The first whose bound is not passed; nothing touches more than all rows.
            let at = bands.iter_mut().find(|b| step.touched <= b.rows);
            if let Some(band) = at {
                band.steps += 1;
                band.row_gradients += step.counts.row_gradients.saturating_sub(row_gradients);
                band.seconds += step.seconds - seconds;
            }
            (row_gradients, seconds) = (step.counts.row_gradients, step.seconds);
        }
        bands.retain(|b| b.steps > 0);
        bands
    }

    /// Mean acceptance over all moves; `None` if nothing was accepted or rejected, as in `map`.
    pub fn acceptance(&self) -> Option<f64> {
        mean_acceptance(self.steps.iter())
    }

    /// What the steps say of stages.
    fn stages(&self) -> impl Iterator<Item = &StageDetail> {
        self.steps.iter().filter_map(Step::stage)
    }

    /// Smallest effective sample size before a resampling, as a fraction of J; `None` without stages.
    pub fn ess_min(&self) -> Option<f64> {
        self.stages().map(|s| s.ess).min_by(f64::total_cmp)
    }

    /// Smallest conditional effective sample size of a stage, as a fraction of J; `None` without stages.
    pub fn cess_min(&self) -> Option<f64> {
        self.stages().map(|s| s.cess).min_by(f64::total_cmp)
    }

    /// Initial particles that have descendants at the end; `None` without stages.
    pub fn ancestors(&self) -> Option<usize> {
        self.stages().last().map(|s| s.ancestors)
    }

    /// Standard deviation of the islands' log-evidences; `None` with fewer than two that live.
    pub fn evidence_spread(&self) -> Option<f64> {
        let logs = self.islands.iter().map(|i| i.log_evidence);
        let logs: Vec<f64> = logs.filter(|z| z.is_finite()).collect();
        (logs.len() > 1).then(|| mean_variance(logs.iter().copied()).1.sqrt())
    }

    /// The standard error of the log-evidence, from how far the islands that live are apart ([`log_mean_error`]): what another
    /// seed would change. It knows nothing of an error that all islands share; too few moves make all of them too low. `None`
    /// with fewer than two islands that live.
    ///
    /// [`log_mean_error`]: crate::base::diagnostics::log_mean_error
    pub fn evidence_error(&self) -> Option<f64> {
        let logs = self.islands.iter().map(|i| i.log_evidence);
        log_mean_error(&logs.filter(|z| z.is_finite()).collect::<Vec<_>>())
    }

    /// Effective number of islands where they count by their evidence, (ΣẐ)²/ΣẐ²; `None` without islands.
    pub fn effective_islands(&self) -> Option<f64> {
        let logs: Vec<f64> = self.islands.iter().map(|i| i.log_evidence).collect();
        let squares: Vec<f64> = logs.iter().map(|z| 2.0 * z).collect();
        let islands = 2.0 * log_sum_exp(&logs) - log_sum_exp(&squares);
        (!logs.is_empty()).then(|| islands.exp())
    }

    /// Mean acceptance over the moves whose target was that of all rows, after any warm-up.
    pub fn acceptance_at_the_end(&self) -> Option<f64> {
        let last = |s: &&Step| {
            let warming_up = matches!(&s.detail, Detail::Chains(c) if c.warmup);
            s.rows >= self.rows as f64 && !warming_up
        };
        mean_acceptance(self.steps.iter().filter(last))
    }

    /// Particles or chains that moved together.
    pub fn population(&self) -> Option<usize> {
        let moved = self.steps.iter().rfind(|s| s.moves > 0)?;
        Some(moved.proposals / moved.moves)
    }

    /// The share of proposals whose log-density was not finite.
    pub fn impossible(&self) -> f64 {
        let proposals: usize = self.steps.iter().map(|s| s.proposals).sum();
        self.non_finite() as f64 / proposals.max(1) as f64
    }

    /// Log-densities that were not finite.
    pub fn non_finite(&self) -> usize {
        self.steps.iter().map(|s| s.non_finite).sum()
    }

    /// Row-gradients in units of one gradient of all rows for one particle.
    pub fn full_gradients(&self) -> f64 {
        self.counts.row_gradients as f64 / self.rows.max(1) as f64
    }
}

/// Mean acceptance over the moves of some steps.
fn mean_acceptance<'a>(steps: impl Iterator<Item = &'a Step>) -> Option<f64> {
    let of = |s: &Step| s.acceptance().map(|a| (a * s.moves as f64, s.moves));
    let (sum, moves) = steps
        .filter_map(of)
        .fold((0.0, 0), |(a, m), (b, n)| (a + b, m + n));
    (moves > 0).then(|| sum / moves as f64)
}
