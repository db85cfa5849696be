//! Features alone: what a prediction needs.

use std::sync::Arc;

use super::finite;
use super::origin::Origin;
use super::shift::{Shift, shift_of};
use super::table::Learned;
use crate::base::error::{Error, Result};

/// A table of N rows of features, without targets: what predictions are asked for where the targets are not known yet.
/// A [`Dataset`](super::Dataset) holds one beside its targets.
///
/// ```
/// use smc_runtime::data::Features;
/// let features = Features::new(2, vec![1.0, 2.0, 3.0, 4.0])?;
/// assert_eq!((features.rows(), features.row(1)), (2, &[3.0, 4.0][..]));
/// # Ok::<(), smc_runtime::Error>(())
/// ```
///
/// A prediction at them has no scores; to ask for one does not compile:
///
/// ```compile_fail,E0599
/// # use smc_runtime::{data::Features, prelude::*};
/// fn score<M: Model>(posterior: &Posterior<M>, features: &Features) -> Result<f64> {
///     Ok(posterior.predict(features)?.lppd())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Features {
    rows: usize,
    columns: usize,
    values: Vec<f32>,
    names: Vec<String>,
    /// Whether the names were given, and are not the numbers of the columns.
    named: bool,
    offset: Option<Vec<f32>>,
    /// In the order of their columns.
    shifts: Vec<Shift>,
    origin: Option<Origin>,
}

/// The file that rows come from does not count.
impl PartialEq for Features {
    fn eq(&self, other: &Self) -> bool {
        let Self {
            rows,
            columns,
            values,
            names,
            named,
            offset,
            shifts,
            origin: _,
        } = self;
        (*rows, *columns, *named) == (other.rows, other.columns, other.named)
            && *values == other.values
            && *names == other.names
            && *offset == other.offset
            && *shifts == other.shifts
    }
}

impl Features {
    /// Rows of `columns` features, row after row.
    ///
    /// # Errors
    /// If there are no rows, if a row is incomplete, or if a value is not finite.
    pub fn new(columns: usize, values: Vec<f32>) -> Result<Self> {
        if values.is_empty() {
            return Err(Error::NoRows);
        }
        if columns == 0 || !values.len().is_multiple_of(columns) {
            return Err(Error::shape(
                "features",
                format!("whole rows of {columns} features"),
                format!("{} numbers", values.len()),
            ));
        }
        Self::checked(values.len() / columns, columns, values)
    }

    /// Rows of no features, for a model that takes none.
    ///
    /// # Errors
    /// If there are no rows.
    pub fn none(rows: usize) -> Result<Self> {
        if rows == 0 {
            return Err(Error::NoRows);
        }
        Self::checked(rows, 0, Vec::new())
    }

    /// Rows from one slice each.
    ///
    /// # Errors
    /// As [`Features::new`], and if a row is longer or shorter than the first.
    pub fn from_rows<R: AsRef<[f32]>>(rows: &[R]) -> Result<Self> {
        let columns = rows.first().map_or(0, |r| r.as_ref().len());
        for (i, row) in rows.iter().enumerate() {
            if row.as_ref().len() != columns {
                return Err(Error::shape(
                    format!("row {i} of a data set"),
                    format!("{columns} features, as in row 0"),
                    format!("{} features", row.as_ref().len()),
                ));
            }
        }
        if columns == 0 {
            return Self::none(rows.len());
        }
        Self::new(
            columns,
            rows.iter().flat_map(AsRef::as_ref).copied().collect(),
        )
    }

    /// `rows` · `columns` values, of which each must be finite.
    pub(super) fn checked(rows: usize, columns: usize, values: Vec<f32>) -> Result<Self> {
        let features = Self {
            rows,
            columns,
            values,
            names: (0..columns).map(|c| c.to_string()).collect(),
            named: false,
            offset: None,
            shifts: Vec::new(),
            origin: None,
        };
        features.finite()
    }

    /// Itself, if each value is finite.
    fn finite(self) -> Result<Self> {
        // Without features there may be any number of rows, and nothing to look at.
        let mut rows = self.values.chunks_exact(self.columns.max(1)).enumerate();
        rows.try_for_each(|(i, row)| finite::check_row(i, row))?;
        Ok(self)
    }

    /// With each row as `change` leaves it; names, offset, shifts and the rows' places in a file stay.
    ///
    /// # Errors
    /// If a value is then not finite.
    pub(super) fn with_rows_changed(mut self, change: impl Fn(&mut [f32])) -> Result<Self> {
        let rows = self.values.chunks_exact_mut(self.columns.max(1));
        rows.for_each(change);
        self.finite()
    }

    /// Names the columns, for messages and reports.
    ///
    /// # Errors
    /// If there are more or fewer names than columns.
    pub fn with_names<S: Into<String>>(
        mut self,
        names: impl IntoIterator<Item = S>,
    ) -> Result<Self> {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        if names.len() != self.columns {
            return Err(Error::shape(
                "names of columns",
                format!("{} names", self.columns),
                format!("{} names", names.len()),
            ));
        }
        self.names = names;
        self.named = true;
        Ok(self)
    }

    /// With names that say which columns of a table without a header these are, and so are not those of its columns.
    pub(super) fn unnamed(mut self) -> Self {
        self.named = false;
        self
    }

    /// With columns that are stored less a number each.
    pub(super) fn with_shifts(mut self, shifts: Vec<Shift>) -> Self {
        self.shifts = shifts;
        self
    }

    /// With the place of each row in a file.
    pub(super) fn with_origin(mut self, origin: Origin) -> Self {
        self.origin = Some(origin);
        self
    }

    /// With a known number per row that the likelihood takes beside the network's output; see
    /// [`Dataset::with_offset`](super::Dataset::with_offset).
    ///
    /// # Errors
    /// If there are more or fewer numbers than rows, or one is not finite.
    pub fn with_offset(mut self, offset: Vec<f32>) -> Result<Self> {
        self.check_each("offset", &offset)?;
        self.offset = Some(offset);
        Ok(self)
    }

    /// The offset of every row, if there is one.
    pub fn offset(&self) -> Option<&[f32]> {
        self.offset.as_deref()
    }

    /// Whether `values` are one finite number per row.
    pub(super) fn check_each(&self, what: &'static str, values: &[f32]) -> Result<()> {
        if values.len() != self.rows {
            return Err(Error::shape(
                format!("{what} of a data set"),
                format!("{} numbers, one per row", self.rows),
                format!("{} numbers", values.len()),
            ));
        }
        finite::check_column(what, values.iter().copied())
    }

    /// Number of rows N.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of features per row.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Names of the columns; their numbers unless named.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether the columns have names that were given, in the header of a table or by [`Features::with_names`].
    ///
    /// ```
    /// use smc_runtime::data::Features;
    /// let features = Features::new(2, vec![1.0, 2.0])?;
    /// assert!(!features.is_named());
    /// assert!(features.with_names(["age", "size"])?.is_named());
    /// # Ok::<(), smc_runtime::Error>(())
    /// ```
    pub fn is_named(&self) -> bool {
        self.named
    }

    /// The names that were given to the columns; none otherwise.
    pub(crate) fn given_names(&self) -> &[String] {
        if self.named { &self.names } else { &[] }
    }

    /// The columns that are stored centred, in order. A table's column of whole numbers, or of numbers far from zero beside
    /// their range, is one if `f32` would get the distances of its numbers wrong: its values here are those of the file less
    /// [`Shift::by`], and [`Features::row`], [`Features::values`] and everything that is learned from them are in these units.
    ///
    /// ```
    /// use smc_runtime::data::Table;
    /// let text = b"time,y\n1700000000,1\n1700000060,2\n1700000120,3\n";
    /// let data = Table::new().read_bytes("clock", text)?;
    /// assert_eq!(data.features(), [-60.0, 0.0, 60.0]);
    /// let shift = data.inputs().shifts()[0];
    /// assert_eq!((shift.column, shift.by, shift.merged), (0, 1_700_000_060.0, 0));
    /// # Ok::<(), smc_runtime::Error>(())
    /// ```
    pub fn shifts(&self) -> &[Shift] {
        &self.shifts
    }

    /// Where the rows stand in the file that they were read from, if they were.
    pub(super) fn learned_as(mut self, learned: &Arc<Learned>) -> Self {
        if let Some(origin) = &mut self.origin {
            origin.learned = Some(learned.clone());
        }
        self
    }

    /// What was learned of the table that the rows were read from.
    pub(super) fn learned(&self) -> Option<&Arc<Learned>> {
        self.origin.as_ref()?.learned.as_ref()
    }

    pub(super) fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    /// Row `i`.
    pub fn row(&self, i: usize) -> &[f32] {
        &self.values[i * self.columns..(i + 1) * self.columns]
    }

    /// All values, row after row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The number that `value`, as it is stored in a column, is in the units of its file.
    pub(crate) fn original(&self, column: usize, value: f32) -> f64 {
        f64::from(value) + shift_of(&self.shifts, column)
    }

    /// The same rows with `value` in each place of a column.
    pub(crate) fn held_at(&self, column: usize, value: f32) -> Self {
        let mut held = self.clone();
        for row in held.values.chunks_exact_mut(self.columns) {
            row[column] = value;
        }
        held
    }

    /// The same rows whose `columns` are those of the rows `order`, of which there are as many.
    pub(crate) fn with_columns_of(&self, columns: &[usize], order: &[usize]) -> Self {
        let mut shuffled = self.clone();
        for (row, &from) in shuffled.values.chunks_exact_mut(self.columns).zip(order) {
            for &column in columns {
                row[column] = self.row(from)[column];
            }
        }
        shuffled
    }

    /// The rows `order`, in that order; rows may repeat.
    ///
    /// # Errors
    /// If `order` is empty or names a row that does not exist.
    pub fn select(&self, order: &[usize]) -> Result<Self> {
        self.check_rows(order)?;
        Ok(self.chosen(order.iter().copied()))
    }

    /// Whether `order` names rows that exist, and at least one.
    pub(super) fn check_rows(&self, order: &[usize]) -> Result<()> {
        if order.is_empty() {
            return Err(Error::NoRows);
        }
        if let Some(bad) = order.iter().find(|&&i| i >= self.rows) {
            return Err(Error::shape(
                "rows of a data set",
                format!("row numbers below {}", self.rows),
                format!("row {bad}"),
            ));
        }
        Ok(())
    }

    /// The rows `order`, which exist.
    pub(super) fn chosen(&self, order: impl Iterator<Item = usize> + Clone) -> Self {
        Self {
            rows: order.clone().count(),
            columns: self.columns,
            values: order.clone().flat_map(|i| self.row(i)).copied().collect(),
            names: self.names.clone(),
            named: self.named,
            offset: self
                .offset
                .as_ref()
                .map(|offset| order.clone().map(|i| offset[i]).collect()),
            shifts: self.shifts.clone(),
            origin: self.origin.as_ref().map(|origin| origin.chosen(order)),
        }
    }

    /// The columns `order`, each once, in that order.
    pub(super) fn with_columns(&self, order: &[usize]) -> Self {
        let rows = (0..self.rows).map(|i| self.row(i));
        let of = |column: usize| self.shifts.iter().find(move |s| s.column == column);
        let shifts = order.iter().enumerate().filter_map(|(at, &column)| {
            of(column).map(|shift| Shift {
                column: at,
                ..*shift
            })
        });
        Self {
            rows: self.rows,
            columns: order.len(),
            values: rows
                .flat_map(|row| order.iter().map(|&column| row[column]))
                .collect(),
            names: order.iter().map(|&c| self.names[c].clone()).collect(),
            named: self.named,
            offset: self.offset.clone(),
            shifts: shifts.collect(),
            origin: self.origin.clone(),
        }
    }
}

impl AsRef<Features> for Features {
    fn as_ref(&self) -> &Features {
        self
    }
}
