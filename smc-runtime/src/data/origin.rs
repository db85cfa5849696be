//! Where the rows of a data set stand in the file that they were read from.

use std::sync::Arc;

use super::table::Learned;

/// A file, and the line of it that each row of a data set begins in.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    /// The file's name, without its folder.
    pub(super) file: Arc<str>,
    /// One for each row, counted from 1.
    pub(super) lines: Vec<u32>,
    /// Rows of the file that were left out, as a value of theirs is missing.
    pub(super) dropped: usize,
    /// What was learned of the file, or of the one that it was read like.
    pub(super) learned: Option<Arc<Learned>>,
}

impl Origin {
    /// The place of row `row` in words.
    pub(super) fn place(&self, row: usize) -> String {
        format!("line {} of {}", self.lines[row], self.file)
    }

    /// Of the rows `order`, which exist.
    pub(super) fn chosen(&self, order: impl Iterator<Item = usize>) -> Self {
        Self {
            file: self.file.clone(),
            lines: order.map(|i| self.lines[i]).collect(),
            dropped: self.dropped,
            learned: self.learned.clone(),
        }
    }
}
