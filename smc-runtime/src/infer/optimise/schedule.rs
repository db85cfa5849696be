//! What the settings of a training come to for a problem.

use std::ops::Range;

use super::update::cosine;
use crate::problem::Batches;

/// The settings for one problem.
pub(super) struct Schedule {
    pub(super) rate: f64,
    pub(super) epochs: usize,
    /// Updates of all epochs.
    pub(super) updates: usize,
    /// `None` without rows held out.
    pub(super) patience: Option<usize>,
    /// Training rows of a member.
    pub(super) rows: usize,
    pub(super) parts: Vec<Part>,
}

/// What the members learn from that hold out the same rows.
pub(super) struct Part {
    pub(super) batches: Batches,
    /// The rows held out, or some rows on which vectors are seen to be possible.
    pub(super) judged: Range<usize>,
}

impl Schedule {
    /// The rate of the update after `updates` of them: half a cosine over all.
    pub(super) fn rate_after(&self, updates: usize) -> f64 {
        cosine(self.rate, updates as f64 / self.updates as f64)
    }
}
