//! Missing values: how a table writes them, and what is said of those that nobody declared what to do with.

use crate::base::error::Result;
use crate::data::records::Records;
use crate::data::words::{called, quoted};

/// What stands where a value is missing, beside an empty field.
const MARKS: [&str; 8] = ["NA", "N/A", "NaN", "nan", "?", "null", "NULL", "None"];

/// The level of a categorical column that stands for a missing text, and the end of the name of the feature that is 1 where
/// a number is missing.
pub(super) const LEVEL: &str = "missing";

/// Whether `field` is how a table writes that a value is missing.
pub(super) fn is_mark(field: &str) -> bool {
    field.is_empty() || MARKS.contains(&field)
}

/// The missing values of each column that are neither filled nor in a row left out.
#[derive(Clone, Debug)]
pub(super) struct Missing(Vec<Count>);

#[derive(Clone, Debug, Default)]
struct Count {
    values: usize,
    /// The line of the first.
    line: usize,
    /// What stands there.
    mark: String,
}

impl Missing {
    pub(super) fn new(columns: usize) -> Self {
        Self(vec![Count::default(); columns])
    }

    pub(super) fn add(&mut self, column: usize, line: usize, field: &str) {
        let count = &mut self.0[column];
        if count.values == 0 {
            (count.line, count.mark) = (line, field.to_owned());
        }
        count.values += 1;
    }

    /// That there are none.
    ///
    /// # Errors
    /// If there are, with their number in each column, of these `names`, and the first line of each. Rows can be left out
    /// unless all are `needed`, and some columns be filled.
    pub(super) fn check(
        &self,
        names: Option<&[String]>,
        records: &Records<'_>,
        fillable: impl Fn(usize) -> bool,
        needed: bool,
    ) -> Result<()> {
        const MOST: usize = 10;
        let found = self.0.iter().enumerate().filter(|(_, c)| c.values > 0);
        let found: Vec<(usize, &Count)> = found.collect();
        let Some(first) = found.iter().map(|(_, count)| count.line).min() else {
            return Ok(());
        };
        let shown = found.iter().take(MOST).map(|(column, count)| {
            format!(
                "{} in column {} ({}, first in line {})",
                count.values,
                called(names, *column),
                quoted(&count.mark),
                count.line
            )
        });
        let shown = shown.collect::<Vec<_>>().join(", ");
        let text = match found.len().saturating_sub(MOST) {
            0 => shown,
            more => format!("{shown} and some in {more} more columns"),
        };
        let can_fill = found.iter().all(|(column, _)| fillable(*column));
        let expected = match (needed, can_fill) {
            (true, true) => {
                "a value in every field, as each row is to be predicted and none is left out (`fill` fills columns, if it was declared when the table was learned)"
            }
            (true, false) => {
                "a value in every field, as each row is to be predicted and none is left out"
            }
            (false, true) => {
                "a value in every field (`drop_missing` leaves out rows that lack one, `fill` fills columns)"
            }
            (false, false) => {
                "a value in every field (`drop_missing` leaves out rows that lack one, `fill` fills columns of features only)"
            }
        };
        Err(records.wrong(
            format!("line {first}"),
            expected,
            format!("missing values: {text}"),
        ))
    }
}

/// The median of numbers of which each is finite: the mean of the middle two where their number is even. None of none.
pub(super) fn median(mut numbers: Vec<f64>) -> Option<f64> {
    let last = numbers.len().checked_sub(1)?;
    let (_, &mut high, _) = numbers.select_nth_unstable_by(last.div_ceil(2), f64::total_cmp);
    let (_, &mut low, _) = numbers.select_nth_unstable_by(last / 2, f64::total_cmp);
    Some(low.midpoint(high))
}
