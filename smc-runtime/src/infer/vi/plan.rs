//! How many passes on which batches: the settings that all fits share, and what they come to for a problem.

use std::fmt;
use std::ops::Range;

use crate::base::error::{Error, Result};
use crate::infer::Cost;
use crate::infer::budget::Budget;
use crate::problem::{Batches, Problem, Ring};

/// The settings; where there is `None`, the problem decides.
#[derive(Clone, Copy, Debug)]
pub(super) struct Passes {
    pub(super) number: Option<usize>,
    pub(super) gradients: Option<u64>,
    pub(super) seconds: Option<f64>,
    pub(super) batch: Option<usize>,
    pub(super) validation: f64,
    pub(super) patience: Option<usize>,
    pub(super) draws: Option<usize>,
    pub(super) weighted: bool,
    pub(super) usual: Usual,
}

/// What an algorithm does unless it is told.
#[derive(Clone, Copy)]
pub(super) struct Usual {
    /// Updates, which passes follow from, and the fewest passes.
    pub(super) updates: usize,
    pub(super) passes: usize,
    /// Rows of a batch, from the rows of the data and the number of parameters.
    pub(super) batch: fn(usize, usize) -> usize,
}

/// Without the function, whose address is another in every process: settings are told apart by how they read.
impl fmt::Debug for Usual {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} updates, at least {} passes",
            self.updates, self.passes
        )
    }
}

impl Default for Passes {
    fn default() -> Self {
        Self {
            number: None,
            gradients: None,
            seconds: None,
            batch: None,
            validation: 0.0,
            patience: None,
            draws: None,
            weighted: false,
            usual: Usual {
                updates: 14_000,
                passes: 20,
                batch: |rows, _| (rows / 16).clamp(128, 512),
            },
        }
    }
}

/// The setters that an algorithm with a field `passes` has.
macro_rules! passes_setters {
    () => {
        passes_setters!(
            "what gives 14000 updates, but at least 20",
            "A 16th of the rows, but between 128 and 512"
        );
    };
    ($passes:literal, $batch:literal) => {
        #[doc = concat!("Passes over the rows: ", $passes, ", unless set. Rates fall along half a cosine over all of them.")]
        pub fn passes(mut self, passes: usize) -> Self {
            self.passes.number = Some(passes);
            (self.passes.gradients, self.passes.seconds) = (None, None);
            self
        }

        /// As many passes as `row_gradients` row-gradients allow.
        pub fn gradients(mut self, row_gradients: u64) -> Self {
            self.passes.gradients = Some(row_gradients);
            (self.passes.number, self.passes.seconds) = (None, None);
            self
        }

        /// As many passes as take about so many seconds of this machine at its present load, by a short timing. The report gives the
        /// call that repeats the run to the bit.
        pub fn seconds(mut self, seconds: impl Into<f64>) -> Self {
            self.passes.seconds = Some(seconds.into());
            (self.passes.number, self.passes.gradients) = (None, None);
            self
        }

        #[doc = concat!("Rows of a mini-batch, about; all rows if there are no more. ", $batch, ", unless set.")]
        pub fn batch(mut self, rows: usize) -> Self {
            self.passes.batch = Some(rows);
            self
        }

        /// Fraction of the rows, rounded down to whole rows, that is held out to stop early; none unless set. No gradient sees them: the
        /// others stand for them, with a weight that keeps likelihood and prior in proportion. What is left is the density
        /// of the pass at which they were likeliest.
        pub fn validation(mut self, fraction: f64) -> Self {
            self.passes.validation = fraction;
            self
        }

        /// Passes without a better log-likelihood of the held-out rows after which a fit stops; a quarter of all, but at least 10, unless
        /// set.
        pub fn patience(mut self, passes: usize) -> Self {
            self.passes.patience = Some(passes);
            self
        }

        passes_draws!();
    };
}
pub(super) use passes_setters;

/// The setters of what is left.
macro_rules! passes_draws {
    () => {
        /// Draws of the density that are left beside it, for predictions; 128 unless set, fewer where parameters are many. Any number
        /// of others can be had from [`Form::Density`](crate::infer::Form::Density).
        pub fn draws(mut self, draws: usize) -> Self {
            self.passes.draws = Some(draws);
            self
        }

        /// Leaves a weighted cloud in the place of a density: so many draws, 1000 unless [`draws`](Self::draws) says another number, with
        /// their smoothed importance weights, and an estimate of the log-evidence. A caution says whether they bear it.
        pub fn weighted(mut self) -> Self {
            self.passes.weighted = true;
            self
        }
    };
}
pub(super) use passes_draws;

/// Numbers that draws may take in memory.
const ROOM: usize = 1 << 24;

impl Passes {
    pub(super) fn check(&self) -> Result<()> {
        let counts = [
            ("passes", self.number),
            ("batch", self.batch),
            ("patience", self.patience),
            ("draws", self.draws),
        ];
        for (what, value) in counts {
            if value == Some(0) {
                return Err(Error::config(what, 0, "at least 1 is needed"));
            }
        }
        if let Some(seconds) = self.seconds {
            Budget::Seconds(seconds).check()?;
        }
        if !(0.0..1.0).contains(&self.validation) {
            let expected = "a fraction of the rows, at least 0 and below 1, is needed";
            return Err(Error::config("validation", self.validation, expected));
        }
        Ok(())
    }

    /// What they come to.
    pub(super) fn plan(&self, problem: &dyn Problem) -> Result<Plan> {
        self.check()?;
        let all = problem.rows();
        let held_out = (self.validation * all as f64) as usize;
        let rows = all - held_out;
        let batch = self
            .batch
            .unwrap_or_else(|| (self.usual.batch)(rows, problem.dim()));
        let ring = match held_out {
            0 => Ring::first(all, all),
            _ => Ring::without(rows..all, all),
        };
        let batches = problem.row_sampled()?.batches(ring, batch);
        let passes = match (self.number, self.gradients) {
            (Some(passes), _) => passes,
            (None, Some(all)) => (all / rows.max(1) as u64).max(1) as usize,
            (None, None) => {
                let Usual {
                    updates, passes, ..
                } = self.usual;
                updates.div_ceil(batches.count()).max(passes)
            }
        };
        Ok(Plan {
            passes,
            seconds: self.seconds,
            batch: rows / batches.count().max(1),
            rows,
            judged: (held_out > 0).then_some(rows..all),
            patience: self.patience,
            batches,
            leaves: self.leaves(problem.dim()),
        })
    }

    /// A plan of iterations that see all rows each.
    pub(super) fn whole(&self, problem: &dyn Problem, iterations: usize) -> Result<Plan> {
        let rows = problem.rows();
        let batches = problem
            .row_sampled()?
            .batches(Ring::first(rows, rows), rows);
        Ok(Plan {
            passes: iterations,
            seconds: None,
            batch: rows,
            rows,
            judged: None,
            patience: None,
            batches,
            leaves: self.leaves(problem.dim()),
        })
    }

    pub(super) fn leaves(&self, dim: usize) -> Leaves {
        let usual = (ROOM / dim.max(1)).clamp(32, if self.weighted { 1000 } else { 128 });
        Leaves {
            draws: self.draws.unwrap_or(usual),
            weighted: self.weighted,
        }
    }

    /// What they cost at the most.
    pub(super) fn cost(&self, problem: &dyn Problem) -> Option<Cost> {
        let plan = self.plan(problem).ok()?;
        let row_gradients = (plan.passes * plan.rows) as f64;
        Some(Cost {
            row_gradients,
            guess: plan.judged.is_some() || plan.seconds.is_some(),
            vectors: (6 + plan.leaves.draws) as f64,
            reduce: "fewer draws, or a smaller network",
        })
    }
}

/// Whether a covariance can be multiplied with a temperature.
pub(super) fn check_temperature(temperature: f64) -> Result<()> {
    if temperature > 0.0 && temperature.is_finite() {
        return Ok(());
    }
    let expected = "a positive, finite number is needed";
    Err(Error::config("temperature", temperature, expected))
}

/// What is said of a density at another temperature than 1.
pub(super) fn caution_of(temperature: f64) -> Option<String> {
    (temperature != 1.0).then(|| {
        format!("the covariance of weights is the posterior's times the temperature {temperature}")
    })
}

/// What a fit leaves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaves {
    pub(super) draws: usize,
    pub(super) weighted: bool,
}

/// The settings for one problem.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) passes: usize,
    /// What the passes are to take, where they are yet to be timed.
    pub(super) seconds: Option<f64>,
    /// Rows of a batch, about.
    pub(super) batch: usize,
    /// Rows that are learned from.
    pub(super) rows: usize,
    /// Rows held out.
    pub(super) judged: Option<Range<usize>>,
    pub(super) patience: Option<usize>,
    pub(super) batches: Batches,
    pub(super) leaves: Leaves,
}

impl Plan {
    /// Updates of all passes.
    pub(super) fn updates(&self) -> usize {
        self.passes * self.batches.count()
    }

    /// Passes without a better score after which a fit stops.
    pub(super) fn patience(&self) -> usize {
        self.patience.unwrap_or((self.passes / 4).max(10))
    }
}

/// A rate after the share `done` of a run: half a cosine from 1 to `least`.
pub(super) fn falling(done: f64, least: f64) -> f64 {
    least + (1.0 - least) * 0.5 * (1.0 + (std::f64::consts::PI * done.min(1.0)).cos())
}
