//! The settings of Markov chains by stochastic gradients.

use std::sync::Arc;

use crate::base::error::{Error, Result};
use crate::sampling::adapt::{Metric, Scales};
use crate::sampling::stochastic::{BatchByNoise, BatchSize, ENERGY_ERROR, StochasticGradient};

/// The settings of Markov chains by stochastic gradients; see [`sghmc`](super::sghmc()).
#[derive(Clone, Debug)]
pub struct SgMcmc {
    pub(super) chains: usize,
    pub(super) kernel: Arc<dyn StochasticGradient>,
    pub(super) passes: Option<usize>,
    pub(super) gradients: Option<u64>,
    pub(super) approach: Option<f64>,
    pub(super) cycles: usize,
    pub(super) rate: Option<f64>,
    pub(super) approach_batch: Option<Arc<dyn BatchSize>>,
    pub(super) batch: Arc<dyn BatchSize>,
    pub(super) scales: Arc<dyn Scales>,
    pub(super) energy_error: f64,
    pub(super) step: Option<f64>,
    pub(super) temperature: f64,
    pub(super) draws: usize,
}

impl SgMcmc {
    /// Chains of `kernel`, such as one of your own.
    pub fn of(kernel: impl StochasticGradient + 'static) -> Self {
        Self {
            chains: 16,
            kernel: Arc::new(kernel),
            passes: None,
            gradients: None,
            approach: None,
            cycles: 1,
            rate: None,
            approach_batch: None,
            batch: Arc::new(BatchByNoise::default()),
            scales: Arc::new(Metric::Information),
            energy_error: ENERGY_ERROR,
            step: None,
            temperature: 1.0,
            draws: 40,
        }
    }

    /// Number of independent chains.
    pub fn chains(mut self, chains: usize) -> Self {
        self.chains = chains;
        self
    }

    /// Passes over the rows, of both phases together. What gives each chain the gradients of two million rows, but at least 40 and at most 10000,
    /// unless set.
    pub fn passes(mut self, passes: usize) -> Self {
        (self.passes, self.gradients) = (Some(passes), None);
        self
    }

    /// As many passes as `row_gradients` row-gradients of all chains together allow.
    pub fn gradients(mut self, row_gradients: u64) -> Self {
        (self.passes, self.gradients) = (None, Some(row_gradients));
        self
    }

    /// The share of the passes that approach the posterior without noise. Unless it is set, 0.6 of them, but at most 600 passes: more
    /// take a network to where it fits every row, from which noise is long in coming back.
    pub fn approach(mut self, share: f64) -> Self {
        self.approach = Some(share);
        self
    }

    /// Approaches and samples so many times in turns, each time from where the last one ended (R. Zhang et al., *Cyclical stochastic
    /// gradient MCMC*, ICLR 2020): chains get from mode to mode while the rate is large. 1 unless set.
    pub fn cycles(mut self, cycles: usize) -> Self {
        self.cycles = cycles;
        self
    }

    /// Learning rate of Adam at the beginning of the approach; 2/√d, but between 0.001 and 0.01, unless set.
    pub fn rate(mut self, rate: f64) -> Self {
        self.rate = Some(rate);
        self
    }

    /// Rows of a batch of the approach: from a 32nd of the rows, but between 32 and 128, to four times as many, unless set.
    pub fn approach_batch(mut self, rows: impl BatchSize + 'static) -> Self {
        self.approach_batch = Some(Arc::new(rows));
        self
    }

    /// Rows of a batch while noise is added: a number, or a policy; [`BatchByNoise::adding`] 0.01 to the temperature unless set.
    pub fn batch(mut self, rows: impl BatchSize + 'static) -> Self {
        self.batch = Arc::new(rows);
        self
    }

    /// Where the scales come from that the step is in units of, when the approach has ended and in the first passes after it: by
    /// [`Metric::Information`](crate::sampling::adapt::Metric::Information) unless set.
    pub fn metric(mut self, scales: impl Scales + 'static) -> Self {
        self.scales = Arc::new(scales);
        self
    }

    /// The energy error that the step follows, E\[ΔH²\]/d of one leapfrog step on a fixed subset of the rows; 0.0001 unless set.
    pub fn energy_error(mut self, per_parameter: f64) -> Self {
        self.energy_error = per_parameter;
        self
    }

    /// A step size that is given and never changes, in units of the scales.
    pub fn step(mut self, step: f64) -> Self {
        self.step = Some(step);
        self
    }

    /// The temperature T of the draws: those of the density to the power 1/T. Below 1 it is colder than the posterior, which can
    /// predict better where the prior is a poor one; the report says so, and the draws are no posterior.
    pub fn temperature(mut self, temperature: f64) -> Self {
        self.temperature = temperature;
        self
    }

    /// Most draws kept of each chain, evenly spaced over the passes with noise; 40 unless set.
    pub fn draws(mut self, draws: usize) -> Self {
        self.draws = draws;
        self
    }

    pub(super) fn check(&self) -> Result<()> {
        for (what, value) in [
            ("chains", self.chains),
            ("cycles", self.cycles),
            ("draws", self.draws),
        ] {
            if value == 0 {
                return Err(Error::config(what, 0, "at least 1 is needed"));
            }
        }
        if self.scales.turns() {
            let expected = "scales of parameters: steps by mini-batches are not made in eigenbases";
            return Err(Error::config(
                "metric",
                format!("{:?}", self.scales),
                expected,
            ));
        }
        let least = 2 * self.cycles;
        if let Some(passes) = self.passes.filter(|passes| *passes < least) {
            let expected = format!("at least {least}: one or more of each phase");
            return Err(Error::config("passes", passes, expected));
        }
        let approach = self.approach.unwrap_or(0.0);
        if !(0.0..1.0).contains(&approach) {
            let expected = "a share of the passes, at least 0 and below 1, is needed";
            return Err(Error::config("approach", approach, expected));
        }
        let positive = [
            ("rate", self.rate),
            ("step", self.step),
            ("energy_error", Some(self.energy_error)),
            ("temperature", Some(self.temperature)),
        ];
        for (what, value) in positive {
            if let Some(value) = value.filter(|v| !(*v > 0.0 && v.is_finite())) {
                let expected = "a positive, finite number is needed";
                return Err(Error::config(what, value, expected));
            }
        }
        if let Some(batch) = &self.approach_batch {
            batch.check()?;
        }
        self.batch.check()?;
        self.kernel.check()
    }
}
