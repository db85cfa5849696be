//! What a run did and what it cost, for people to read.

use std::fmt;

use crate::base::diagnostics::{log_mean_error, mean_variance};
use crate::base::sums::log_sum_exp;
use crate::data::{Findings, TargetScale};
use crate::infer::Island;
use crate::infer::observe::{StageDetail, Step};
use crate::problem::Choice;
use crate::problem::Counts;
use crate::sampling::anneal::Plan;

/// The account of a run. Its `Display` is a few lines for a terminal.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The algorithm.
    pub algorithm: &'static str,
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
    /// What the run was going to cost, if its stages were known beforehand.
    pub plan: Option<Plan>,
    /// Every step.
    pub steps: Vec<Step>,
    /// The islands of a run that has an evidence.
    pub islands: Vec<Island>,
    /// Whether chains or islands agree on the function at training rows; `None` without two of them.
    pub function: Option<FunctionAgreement>,
    /// Words of caution about the draws.
    pub cautions: Vec<String>,
}

/// R-hat of the predicted function across chains or islands, at some of the training rows, computed when the run ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FunctionAgreement {
    /// Rows looked at.
    pub rows: usize,
    /// The median over them.
    pub median: f64,
    /// The largest.
    pub largest: f64,
}

impl FunctionAgreement {
    /// `None` without rows.
    pub(crate) fn of(mut r_hats: Vec<f64>) -> Option<Self> {
        r_hats.sort_by(f64::total_cmp);
        Some(Self {
            rows: r_hats.len(),
            median: *r_hats.get(r_hats.len() / 2)?,
            largest: *r_hats.last()?,
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
        let of = |s: &Step| s.acceptance().map(|a| (a * s.moves as f64, s.moves));
        let (sum, moves) = self
            .steps
            .iter()
            .filter_map(of)
            .fold((0.0, 0), |(a, m), (b, n)| (a + b, m + n));
        (moves > 0).then(|| sum / moves as f64)
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

    /// Log-densities that were not finite.
    pub fn non_finite(&self) -> usize {
        self.steps.iter().map(|s| s.non_finite).sum()
    }

    /// Row-gradients in units of one gradient of all rows for one particle.
    pub fn full_gradients(&self) -> f64 {
        self.counts.row_gradients as f64 / self.rows.max(1) as f64
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = vec![
            format!(
                "{}, {:.1} s, {} steps",
                self.algorithm,
                self.seconds,
                self.steps.len()
            ),
            format!("  engine      {}", self.engine),
            format!(
                "  cost        {} row-gradients ({:.0} gradients of all {} rows), {} row-values",
                self.counts.row_gradients,
                self.full_gradients(),
                self.rows,
                self.counts.row_values
            ),
            format!("  targets     on the {} scale", self.target_scale),
        ];
        let notes = self.data.notes().into_iter();
        lines.extend(notes.map(|note| format!("  data        {note}")));
        lines.extend(self.plan.iter().map(|p| format!("  plan        {p}")));
        let bands = self.bands();
        // One band says nothing that is not above.
        lines.extend(bands.iter().filter(|_| bands.len() > 1).map(|band| {
            format!(
                "  up to {:>7} rows: {:>4} steps, {:>3.0} % of the gradients, {:.1} s",
                band.rows,
                band.steps,
                100.0 * band.row_gradients as f64 / self.counts.row_gradients.max(1) as f64,
                band.seconds
            )
        }));
        let acceptance = self.acceptance();
        lines.extend(acceptance.map(|a| format!("  acceptance  {a:.2}")));
        if let (Some(ess), Some(cess), Some(last)) =
            (self.ess_min(), self.cess_min(), self.stages().last())
        {
            lines.push(format!(
                "  particles   ESS at least {ess:.2}, CESS at least {cess:.2}"
            ));
            lines.push(format!(
                "  ancestors   {} initial particles have descendants; resampling alone would leave about {:.0}",
                last.ancestors, last.ancestors_by_resampling
            ));
        }
        match (self.evidence_spread(), self.evidence_error()) {
            (Some(spread), Some(error)) => lines.push(format!(
                "  islands     {}, log-evidences {spread:.2} apart (sd), which makes the log-evidence uncertain by {error:.2}",
                self.islands.len()
            )),
            _ if self.islands.len() == 1 => lines.push(
                "  islands     1: nothing says how uncertain the log-evidence is; take several, or compare seeds"
                    .to_owned(),
            ),
            _ => (),
        }
        lines.extend(self.function.iter().map(|f| {
            format!(
                "  function    R-hat {:.2} in the middle of {} training rows, {:.2} at the worst",
                f.median, f.rows, f.largest
            )
        }));
        if self.non_finite() > 0 {
            lines.push(format!(
                "  caution     {} log-densities were not finite and count as -inf",
                self.non_finite()
            ));
        }
        let cautions = self.cautions.iter();
        lines.extend(cautions.map(|text| format!("  caution     {text}")));
        f.write_str(&lines.join("\n"))
    }
}
