//! Columns whose numbers are stored less a number of their own, as `f32` would not keep them apart as far as they are.

use serde::{Deserialize, Serialize};

/// A column that is stored centred: of each of its numbers `by` was subtracted before it became an `f32`. Identifiers and
/// times have more digits than `f32` holds, and their differences do not.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shift {
    /// The column's number among the features.
    pub column: usize,
    /// What was subtracted, in the units of the file: the middle of the column's range, and whole where its numbers are.
    pub by: f64,
    /// How many different numbers, in the file that this was learned from, are another's equal in the stored column all the
    /// same.
    pub merged: usize,
}

/// What was subtracted of the numbers of `column`; 0 unless it is stored centred.
pub(super) fn shift_of(shifts: &[Shift], column: usize) -> f64 {
    let found = shifts.iter().find(|shift| shift.column == column);
    found.map_or(0.0, |shift| shift.by)
}
