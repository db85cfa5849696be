//! The check that every number of a data set is finite, and the error that names the place of one that is not.

#[cfg(test)]
use proptest::prelude::*;

use crate::base::error::{Error, Result};

/// Every finite number: zeros, subnormal and normal ones, of both signs.
#[cfg(test)]
pub(super) fn any_finite() -> impl Strategy<Value = f32> {
    use prop::num::f32::{NEGATIVE, NORMAL, POSITIVE, SUBNORMAL, ZERO};
    POSITIVE | NEGATIVE | NORMAL | SUBNORMAL | ZERO
}

/// Whether the features of row `row` are finite.
pub(super) fn check_row(row: usize, features: &[f32]) -> Result<()> {
    match features.iter().position(|x| !x.is_finite()) {
        None => Ok(()),
        Some(column) => Err(Error::NotFinite {
            what: "feature",
            row,
            column: column.to_string(),
            value: f64::from(features[column]),
        }),
    }
}

/// Whether the numbers of a column, one per row, are finite; `what` they are is the column's name.
pub(super) fn check_column(
    what: &'static str,
    values: impl IntoIterator<Item = f32>,
) -> Result<()> {
    match values.into_iter().enumerate().find(|(_, x)| !x.is_finite()) {
        None => Ok(()),
        Some((row, value)) => Err(Error::NotFinite {
            what,
            row,
            column: what.to_owned(),
            value: f64::from(value),
        }),
    }
}
