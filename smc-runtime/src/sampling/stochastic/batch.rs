//! How many rows a step takes. One policy here is a line or two, so they share a file.

use std::fmt::Debug;

use crate::base::error::{Error, Result};

/// What a policy is asked at the beginning of a pass.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ahead {
    /// Rows that a batch stands for.
    pub rows: usize,
    /// How much of the phase is done, from 0 to 1.
    pub done: f64,
    /// Temperature that the noise of batches of one row would add, at the present step; of n rows it is 1/n of it, and none where
    /// n is all. Known where noise is added, `None` before.
    pub heat_of_a_row: Option<f64>,
}

/// Says how many rows a mini-batch has, pass by pass: data annealing of the gradient. A number is a policy: so many rows.
///
/// ```
/// use smc_runtime::sampling::stochastic::{Ahead, BatchSize};
///
/// /// All rows for the last half.
/// #[derive(Debug)]
/// struct ThenAll(usize);
///
/// impl BatchSize for ThenAll {
///     fn rows(&self, ahead: &Ahead) -> usize {
///         if ahead.done < 0.5 { self.0 } else { ahead.rows }
///     }
/// }
/// ```
pub trait BatchSize: Debug + Send + Sync {
    /// Rows of a batch, about.
    fn rows(&self, ahead: &Ahead) -> usize;

    /// Why the settings are impossible, if they are.
    ///
    /// # Errors
    /// For a setting that no run can honour.
    fn check(&self) -> Result<()> {
        Ok(())
    }
}

const _: fn(&dyn BatchSize) = |_| ();

/// Batches of one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FixedBatch(pub usize);

impl BatchSize for FixedBatch {
    fn rows(&self, _: &Ahead) -> usize {
        self.0
    }

    fn check(&self) -> Result<()> {
        some("batch", self.0)
    }
}

impl BatchSize for usize {
    fn rows(&self, _: &Ahead) -> usize {
        *self
    }

    fn check(&self) -> Result<()> {
        some("batch", *self)
    }
}

/// Batches that grow by one factor from pass to pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrowingBatch {
    first: usize,
    last: usize,
}

impl GrowingBatch {
    /// From `first` rows at the first pass of a phase to `last` at its last.
    pub fn between(first: usize, last: usize) -> Self {
        Self { first, last }
    }
}

impl BatchSize for GrowingBatch {
    fn rows(&self, ahead: &Ahead) -> usize {
        let (first, last) = (self.first as f64, self.last as f64);
        (first * (last / first).powf(ahead.done)).round() as usize
    }

    fn check(&self) -> Result<()> {
        some("first batch", self.first)?;
        some("last batch", self.last)
    }
}

/// As many rows as it takes for the noise of a batch to add at most `share` to the temperature, but at least so many.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchByNoise {
    share: f64,
    least: usize,
}

impl Default for BatchByNoise {
    /// Adding 0.01.
    fn default() -> Self {
        Self::adding(0.01)
    }
}

impl BatchByNoise {
    /// Batches whose noise adds at most `share` to the temperature, as a mean over the coordinates.
    pub fn adding(share: f64) -> Self {
        Self { share, least: 32 }
    }

    /// The smallest batch; 32 unless set.
    pub fn at_least(mut self, rows: usize) -> Self {
        self.least = rows;
        self
    }
}

impl BatchSize for BatchByNoise {
    fn rows(&self, ahead: &Ahead) -> usize {
        let heat = ahead.heat_of_a_row.unwrap_or(0.0);
        // heat · (1/n − 1/N) = share.
        let inverse = self.share / heat + 1.0 / ahead.rows as f64;
        let rows = if heat > 0.0 {
            (1.0 / inverse).ceil()
        } else {
            0.0
        };
        (rows as usize).clamp(self.least.min(ahead.rows), ahead.rows)
    }

    fn check(&self) -> Result<()> {
        some("at_least", self.least)?;
        if self.share > 0.0 && self.share.is_finite() {
            return Ok(());
        }
        let expected = "a positive, finite share of the temperature is needed";
        Err(Error::config("noise of a batch", self.share, expected))
    }
}

fn some(what: &str, rows: usize) -> Result<()> {
    if rows > 0 {
        return Ok(());
    }
    Err(Error::config(what, 0, "at least one row is needed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_grow_as_their_policies_say() {
        let at = |done: f64, heat_of_a_row: Option<f64>| Ahead {
            rows: 1000,
            done,
            heat_of_a_row,
        };
        let growing = GrowingBatch::between(10, 1000);
        assert_eq!(
            [0.0, 0.5, 1.0].map(|done| growing.rows(&at(done, None))),
            [10, 100, 1000]
        );
        let by_noise = BatchByNoise::adding(0.1).at_least(20);
        // 50·(1/n − 1/1000) = 0.1.
        assert_eq!(by_noise.rows(&at(0.0, Some(50.0))), 334);
        assert_eq!(by_noise.rows(&at(0.0, Some(1e9))), 1000);
        assert_eq!(by_noise.rows(&at(0.0, Some(0.0))), 20);
        assert!(BatchByNoise::adding(0.0).check().is_err());
        assert!(0usize.check().is_err() && 7usize.check().is_ok());
    }
}
