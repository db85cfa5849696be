//! The settings of Markov chain Monte Carlo.

use std::sync::Arc;

use crate::base::error::{Error, Result};
use crate::sampling::adapt::{Adaptation, Scales, StepSize};
use crate::sampling::kernel::{Exactness, Hmc, Kernel};

/// The settings of Markov chain Monte Carlo; see [`mcmc`](super::mcmc()).
#[derive(Clone, Debug)]
pub struct Mcmc {
    pub(super) chains: usize,
    pub(super) warmup: usize,
    pub(super) draws: usize,
    pub(super) thin: usize,
    pub(super) kernel: Arc<dyn Kernel>,
    pub(super) adaptation: Adaptation,
}

impl Default for Mcmc {
    fn default() -> Self {
        Self {
            chains: 8,
            warmup: 500,
            draws: 500,
            thin: 1,
            kernel: Arc::new(Hmc::default()),
            adaptation: Adaptation::default(),
        }
    }
}

impl Mcmc {
    /// Number of independent chains.
    pub fn chains(mut self, chains: usize) -> Self {
        self.chains = chains;
        self
    }

    /// Moves of each chain before the first draw, in which the kernel adapts.
    pub fn warmup(mut self, moves: usize) -> Self {
        self.warmup = moves;
        self
    }

    /// Draws kept of each chain.
    pub fn draws(mut self, draws: usize) -> Self {
        self.draws = draws;
        self
    }

    /// Moves per kept draw.
    pub fn thin(mut self, moves: usize) -> Self {
        self.thin = moves;
        self
    }

    /// How chains move. It must leave the posterior invariant; where it is inexact, as [`MiniBatches`](crate::sampling::kernel::MiniBatches) are, the draws
    /// say so.
    pub fn kernel(mut self, kernel: impl Kernel + 'static) -> Self {
        self.kernel = Arc::new(kernel);
        self
    }

    /// How the kernel's step size is set: by [`Follow`](crate::sampling::adapt::Follow) at what the kernel aims at, unless set.
    pub fn step_size(mut self, policy: impl StepSize + 'static) -> Self {
        self.adaptation.step = Arc::new(policy);
        self
    }

    /// Where the scales come from that the step is in units of: by
    /// [`Metric::Diagonal`](crate::sampling::adapt::Metric::Diagonal), unless set.
    pub fn metric(mut self, scales: impl Scales + 'static) -> Self {
        self.adaptation.scales = Arc::new(scales);
        self
    }

    /// `step_size(Frozen::at(step))` and `metric(Metric::Unit)`: the kernel does not depend on where chains have been.
    pub fn frozen(mut self, step: f64) -> Self {
        self.adaptation = Adaptation::frozen(step);
        self
    }

    /// All moves of a chain, those of the warm-up and those of the draws.
    pub(super) fn moves(&self) -> usize {
        self.warmup + self.draws * self.thin
    }

    pub(super) fn check(&self) -> Result<()> {
        for (what, value) in [
            ("chains", self.chains),
            ("draws", self.draws),
            ("thin", self.thin),
        ] {
            if value == 0 {
                return Err(Error::config(what, 0, "at least 1 is needed"));
            }
        }
        if self.kernel.exactness() == Exactness::Corrected {
            return Err(self.not_invariant());
        }
        self.kernel.check()?;
        self.adaptation.check(&*self.kernel)
    }

    pub(super) fn not_invariant(&self) -> Error {
        Error::config(
            "kernel",
            format!("{:?}", self.kernel),
            "mcmc has no weights; it needs a kernel that leaves the posterior invariant",
        )
    }
}
