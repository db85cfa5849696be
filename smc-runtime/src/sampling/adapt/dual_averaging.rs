//! A step size that settles at its aim: dual averaging.

use serde::{Deserialize, Serialize};

use super::step_size::{StepSize, aim_of, fraction, misfit};
use crate::base::error::Result;
use crate::sampling::kernel::{Aim, Kernel, Moved, Tuning};

/// Nesterov's dual averaging of the acceptance, as Hoffman and Gelman (2014) use it in NUTS: after move k,
///
/// H̄ ← (1 − η)·H̄ + η·(aim − acceptance) with η = 1/(k + 10), log ε = μ − (√k/γ)·H̄, γ = 0.05, and
/// log ε̄ ← k^(−0.75)·log ε + (1 − k^(−0.75))·log ε̄,
///
/// whose average ε̄ is kept in the end. Where all particles share a step γ is 0.1: their mean acceptance has little noise,
/// and at 0.05 the step would swing from side to side. It starts anew, from μ = log ε̄, at every stage and whenever `mcmc` renews the
/// scales; Hoffman and Gelman's μ = log(10·ε) would make the step leap each time. Each chain of `mcmc` has a step of its own.
/// As in NUTS the acceptance in the end is rather above the aim, by up to 0.1: averages of what swings are on the safe side.
///
/// Good for `mcmc`, where one chain's acceptance says little at a time and there are hundreds of moves to settle in. In
/// `smc` it suits stages of ten moves or more; over a few, [`Follow`](super::Follow) keeps pace and wavers less.
///
/// ```
/// use smc_runtime::prelude::*;
/// let algorithm = mcmc().step_size(DualAveraging::to(0.9)).metric(Metric::Blocks);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DualAveraging {
    to: Option<f64>,
}

impl DualAveraging {
    /// Settles at the acceptance that the kernel aims at.
    pub fn aim() -> Self {
        Self::default()
    }

    /// Settles at another acceptance.
    pub fn to(acceptance: f64) -> Self {
        Self {
            to: Some(acceptance),
        }
    }
}

/// What is remembered of the moves since the stage began.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Averages {
    /// The number k of moves.
    moves: u32,
    /// One for every step that learns.
    steps: Vec<Average>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Average {
    /// μ, where the step began.
    start: f64,
    /// H̄, the average of what the acceptance is too low by.
    lack: f64,
    /// log ε̄, the average of the logarithm of the step.
    log_step: f64,
}

impl Average {
    fn at(log_step: f64) -> Self {
        Self {
            start: log_step,
            lack: 0.0,
            log_step,
        }
    }
}

/// The steps that learn: one per particle where they are apart, else the common one.
fn set(tuning: &mut Tuning, logs: &[f64]) {
    let steps: Vec<f64> = logs.iter().map(|log| log.exp()).collect();
    match steps[..] {
        [step] if tuning.factors().is_empty() => tuning.step = step,
        _ => tuning.set_steps(&steps),
    }
}

impl StepSize for DualAveraging {
    fn enter(&self, tuning: &mut Tuning) {
        self.settle(tuning);
        *tuning.step_memory.of() = Averages::default();
    }

    fn learn(&self, kernel: &dyn Kernel, tuning: &mut Tuning, moved: &Moved, _: f64) {
        let Aim::Acceptance(aim) = aim_of(kernel, self.to) else {
            return;
        };
        let mean = [moved.mean_acceptance()];
        let (found, now, gamma) = if tuning.factors().len() == moved.acceptance.len() {
            let own = tuning.factors().iter().map(|f| (f * tuning.step).ln());
            (&moved.acceptance[..], own.collect(), 0.05)
        } else {
            (&mean[..], vec![tuning.step.ln()], 0.1)
        };
        let Averages { moves, steps } = tuning.step_memory.of();
        if steps.len() != found.len() {
            *moves = 0;
            *steps = now.into_iter().map(Average::at).collect();
        }
        *moves += 1;
        let k = f64::from(*moves);
        let (eta, share) = (1.0 / (k + 10.0), k.powf(-0.75));
        let mut logs = Vec::with_capacity(found.len());
        for (step, found) in steps.iter_mut().zip(found) {
            step.lack += eta * (aim - found - step.lack);
            let log = step.start - k.sqrt() / gamma * step.lack;
            step.log_step += share * (log - step.log_step);
            logs.push(log);
        }
        set(tuning, &logs);
    }

    fn settle(&self, tuning: &mut Tuning) {
        let steps = &tuning.step_memory.of::<Averages>().steps;
        let averages: Vec<f64> = steps.iter().map(|step| step.log_step).collect();
        if !averages.is_empty() {
            set(tuning, &averages);
        }
    }

    fn target_acceptance(&self, kernel: &dyn Kernel) -> Option<f64> {
        match aim_of(kernel, self.to) {
            Aim::Acceptance(aim) => Some(aim),
            _ => None,
        }
    }

    fn check(&self, kernel: &dyn Kernel) -> Result<()> {
        match kernel.aim() {
            Aim::Acceptance(_) => self.to.map_or(Ok(()), |to| fraction("aim", to)),
            Aim::Cess(_) => Err(misfit(
                self,
                kernel,
                "accepts every proposal and corrects weights, so there is no acceptance to average; use `Follow` or `LargestStep`",
            )),
            Aim::EnergyError(_) => Err(misfit(self, kernel, "accepts every move; use `Follow`")),
            Aim::Nothing => Err(misfit(self, kernel, "has no step size; use `Follow`")),
        }
    }
}
