//! What a user declares of a table: its target, and what its other columns are.

use super::column::Column;
use super::columns::{ColumnRole, Columns, Treatment};
use super::missing;
use crate::base::error::{Error, Result};
use crate::data::levels::Levels;
use crate::data::records::{Records, Separator};
use crate::data::words::called;

/// Reads tables from text files, by a declaration of their columns.
///
/// Unless declared otherwise the last column is the target and every column holds finite numbers. The first line shows what
/// separates fields: the first of comma, semicolon and tab that it has, or else white space (as where a line with tabs is
/// numbers alone). It is a header if none of its fields is a number. Fields may be quoted, as in RFC 4180, and then hold
/// separators and line ends. Blank lines are skipped. Files that gzip has compressed are unpacked on the way, with the
/// feature `gzip`. There is never more than one record in memory beside the numbers.
///
/// ```
/// use smc_runtime::data::Table;
///
/// # let folder = std::env::temp_dir().join(format!("smc-table-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// let path = folder.join("wine.csv");
/// std::fs::write(&path, "alcohol, quality, sugar\n9.4, 5, 1.9\n9.8, 6, 2.6\n").unwrap();
/// let data = Table::new().target("quality").read(&path)?;
/// assert_eq!((data.names(), data.row(1), data.target(1)), (&["alcohol".to_owned(), "sugar".to_owned()][..], &[9.8, 2.6][..], 6.0));
///
/// std::fs::write(&path, "alcohol, quality\n9.4, 5\n9.8, good\n").unwrap();
/// let error = Table::new().read(&path).unwrap_err().to_string();
/// assert!(error.ends_with("wine.csv, line 3 (row 1), column `quality`: expected a number, found `good`"));
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), smc_runtime::Error>(())
/// ```
///
/// Text is declared. A categorical column becomes one feature per level, 1 where the row has it and 0 elsewhere; labels
/// become the classes 0, 1, ..., in the order of their values if all are numbers and of their texts otherwise. Levels and
/// classes are those of the file that was learned from, and another is an error with its place:
///
/// ```
/// use smc_runtime::data::Table;
///
/// # let folder = std::env::temp_dir().join(format!("smc-table-text-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// let (train, test) = (folder.join("train.csv"), folder.join("test.csv"));
/// std::fs::write(&train, "colour,size,kind\nred,1,plum\ngreen,2,apple\nred,3,apple\n").unwrap();
/// std::fs::write(&test, "colour,size,kind\nblue,1,plum\n").unwrap();
/// let schema = Table::new().categorical(["colour"]).classes().learn(&train)?;
/// let data = schema.read(&train)?;
/// assert_eq!(data.names(), ["colour=green", "colour=red", "size"]);
/// assert_eq!((data.row(0), data.target(0)), (&[0.0, 1.0, 1.0][..], 1.0));
/// assert_eq!(data.classes(), ["apple", "plum"]);
/// let error = schema.read(&test).unwrap_err().to_string();
/// assert!(error.ends_with("test.csv, line 2 (row 0), column `colour`: expected one of `green`, `red`, found `blue`"));
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), smc_runtime::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    pub(super) target: Column,
    pub(super) separator: Option<Separator>,
    pub(super) header: Option<bool>,
    pub(super) categorical: Vec<Column>,
    pub(super) ignored: Vec<Column>,
    pub(super) offset: Option<Column>,
    pub(super) weight: Option<Column>,
    filled: Vec<Column>,
    drop_missing: bool,
    classes: bool,
    any_classes: bool,
}

impl Table {
    /// Tables of numbers whose last column is the target.
    pub fn new() -> Self {
        Self::default()
    }

    /// Another target: a column's name, or its number counted from 0.
    pub fn target(mut self, column: impl Into<Column>) -> Self {
        self.target = column.into();
        self
    }

    /// What separates fields, where the first line would mislead.
    pub fn separator(mut self, separator: Separator) -> Self {
        self.separator = Some(separator);
        self
    }

    /// Whether the first line is a header, where it would mislead: a table of texts without one.
    pub fn header(mut self, header: bool) -> Self {
        self.header = Some(header);
        self
    }

    /// Columns of texts (or of numbers that are names) that become one feature per level.
    pub fn categorical<C: Into<Column>>(mut self, columns: impl IntoIterator<Item = C>) -> Self {
        self.categorical = columns.into_iter().map(Into::into).collect();
        self
    }

    /// Columns that are neither features nor target, such as a row's number. Anything may stand in them.
    pub fn ignore<C: Into<Column>>(mut self, columns: impl IntoIterator<Item = C>) -> Self {
        self.ignored = columns.into_iter().map(Into::into).collect();
        self
    }

    /// The column that holds the [offset](crate::data::Dataset::with_offset) of each row; it is no feature. It enters the
    /// likelihood as it stands: of an exposure the file holds the logarithm.
    pub fn offset(mut self, column: impl Into<Column>) -> Self {
        self.offset = Some(column.into());
        self
    }

    /// The column that holds the [weight](crate::data::Dataset::with_weights) of each row; it is no feature.
    ///
    /// ```
    /// use smc_runtime::data::Table;
    /// let text = b"age,log_years,copies,claims\n30,-0.5,1,0\n50,2,3,1\n";
    /// let data = Table::new().offset("log_years").weight("copies").read_bytes("claims", text)?;
    /// assert_eq!((data.names(), data.target(1)), (&["age".to_owned()][..], 1.0));
    /// assert_eq!((data.offset(), data.weights()), (Some(&[-0.5, 2.0][..]), Some(&[1.0, 3.0][..])));
    /// # Ok::<(), smc_runtime::Error>(())
    /// ```
    pub fn weight(mut self, column: impl Into<Column>) -> Self {
        self.weight = Some(column.into());
        self
    }

    /// The target holds labels, texts or numbers, which become classes. Without it a target that is 0, 1, ..., K − 1 already
    /// is one. Labels that look as if the target were a quantity are an error: numbers that are not all whole, and more than
    /// 20 labels where there are not ten rows for each. [`Table::any_classes`] takes them.
    pub fn classes(mut self) -> Self {
        self.classes = true;
        self
    }

    /// As [`Table::classes`], whatever the labels are and however many.
    ///
    /// ```
    /// use smc_runtime::data::Table;
    /// let text = b"x,dose\n1,0.5\n2,1.5\n3,0.5\n";
    /// let error = Table::new().classes().read_bytes("trial", text).unwrap_err().to_string();
    /// assert_eq!(
    ///     error,
    ///     "trial, column `dose`: expected classes (`any_classes` takes these as such), found 2 numbers that are not all whole, as `0.5`"
    /// );
    /// assert_eq!(Table::new().any_classes().read_bytes("trial", text)?.classes(), ["0.5", "1.5"]);
    /// # Ok::<(), smc_runtime::Error>(())
    /// ```
    pub fn any_classes(mut self) -> Self {
        self.any_classes = true;
        self.classes()
    }

    /// Rows with a missing value in a column that is read, and not [filled](Table::fill), are left out;
    /// [`Findings::dropped`](crate::data::Findings::dropped) says how many were. From features to predict,
    /// [`Schema::read_features`](crate::data::Schema::read_features), no row is left out: there a missing value stays an
    /// error.
    ///
    /// ```
    /// use smc_runtime::data::Table;
    /// let text = b"size,price\n1,10\nNA,20\n3,\n4,40\n";
    /// let error = Table::new().read_bytes("houses", text).unwrap_err().to_string();
    /// assert!(error.ends_with(
    ///     "found missing values: 1 in column `size` (`NA`, first in line 3), 1 in column `price` (nothing, first in line 4)"
    /// ));
    /// let data = Table::new().drop_missing().read_bytes("houses", text)?;
    /// assert_eq!((data.features(), data.check().dropped), (&[1.0, 4.0][..], 2));
    /// # Ok::<(), smc_runtime::Error>(())
    /// ```
    pub fn drop_missing(mut self) -> Self {
        self.drop_missing = true;
        self
    }

    /// Columns whose missing values are filled. A number is filled by the median of those that are there, in the file that is
    /// learned from, and a feature `name=missing` beside the column's own is 1 where it was missing and 0 elsewhere; a text is
    /// filled by a level `missing`. Feature and level are there whether a value is missing or not.
    ///
    /// ```
    /// use smc_runtime::data::Table;
    /// let text = b"size,colour,price\n1,red,10\nNA,?,20\n3,red,30\n";
    /// let table = Table::new().categorical(["colour"]).fill(["size", "colour"]);
    /// let schema = table.learn_bytes("houses", text)?;
    /// let data = schema.read_bytes("houses", text)?;
    /// assert_eq!(data.names(), ["size", "size=missing", "colour=missing", "colour=red"]);
    /// assert_eq!(data.row(1), [2.0, 1.0, 1.0, 0.0]);
    /// let new = schema.read_features_bytes("new", b"size,colour\n,red\n7,red\n")?;
    /// assert_eq!(new.values(), [2.0, 1.0, 0.0, 1.0, 7.0, 0.0, 0.0, 1.0]);
    /// # Ok::<(), smc_runtime::Error>(())
    /// ```
    pub fn fill<C: Into<Column>>(mut self, columns: impl IntoIterator<Item = C>) -> Self {
        self.filled = columns.into_iter().map(Into::into).collect();
        self
    }

    /// The columns of a table with these `names`, as they are declared; `records` are at its first record.
    pub(super) fn columns(
        &self,
        records: &Records<'_>,
        names: Option<Vec<String>>,
    ) -> Result<Columns> {
        let width = records.width();
        let find = |column: &Column, what: &str| column.position(what, records, names.as_deref());
        let target = find(&self.target, "the target")?;
        let mut roles = vec![ColumnRole::Number; width];
        for column in &self.categorical {
            roles[find(column, "a categorical feature")?] = ColumnRole::Levels(Levels::default());
        }
        for column in &self.ignored {
            roles[find(column, "a column to ignore")?] = ColumnRole::Ignored;
        }
        for (column, what, role) in [
            (&self.offset, "the offset", ColumnRole::Offset),
            (&self.weight, "the weight", ColumnRole::Weight),
        ] {
            let Some(column) = column else { continue };
            let place = find(column, what)?;
            if place == target || roles[place] != ColumnRole::Number {
                return Err(Error::config(
                    what,
                    called(names.as_deref(), place),
                    "a column of numbers that is nothing else",
                ));
            }
            roles[place] = role;
        }
        if roles[target] != ColumnRole::Number {
            return Err(Error::config(
                "target",
                called(names.as_deref(), target),
                "a column that is neither categorical nor ignored; `classes` declares its labels",
            ));
        }
        let mut treatments = vec![Treatment::default(); width];
        for column in &self.filled {
            let place = find(column, "a column to fill")?;
            let filled = &mut treatments[place];
            match &mut roles[place] {
                _ if place == target => {
                    return Err(Error::config(
                        "fill",
                        called(names.as_deref(), place),
                        "a column of features; a missing target is not filled, and `drop_missing` leaves its row out",
                    ));
                }
                ColumnRole::Number => filled.filled = true,
                ColumnRole::Levels(levels) => {
                    levels.number_or_new(missing::LEVEL);
                    filled.filled = true;
                }
                ColumnRole::Offset | ColumnRole::Weight | ColumnRole::Ignored => {
                    return Err(Error::config(
                        "fill",
                        called(names.as_deref(), place),
                        "a column of features",
                    ));
                }
            }
        }
        if self.classes {
            roles[target] = ColumnRole::Levels(Levels::default());
        }
        let columns = Columns {
            names,
            target,
            roles,
            treatments,
            drop_missing: self.drop_missing,
            any_classes: self.any_classes,
        };
        columns.check_names(records)?;
        Ok(columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::source::Source;
    use crate::data::table::header::opened;

    fn declared(table: &Table, text: &str) -> Result<Columns> {
        let (records, names) = opened(Source::named("test", text.as_bytes())?, None, None)?;
        table.columns(&records, names)
    }

    fn message(table: &Table, text: &str) -> String {
        declared(table, text).unwrap_err().to_string()
    }

    #[test]
    fn declarations_must_be_possible() {
        let text = "a,b\nx,y\nx,y\n";
        let no_feature =
            "a column that is neither categorical nor ignored; `classes` declares its labels";
        for table in [Table::new().categorical(["b"]), Table::new().ignore([1])] {
            assert_eq!(message(&table, text), format!("target = `b`: {no_feature}"));
        }
        assert_eq!(
            message(&Table::new().ignore(["c"]), text),
            "test, line 1: expected a column `c` for a column to ignore, found `a`, `b`"
        );
        assert_eq!(
            message(&Table::new().fill(["b"]), text),
            "fill = `b`: a column of features; a missing target is not filled, and `drop_missing` leaves its row out"
        );
        for table in [Table::new().weight("a"), Table::new().ignore(["a"])] {
            assert_eq!(
                message(&table.fill(["a"]), text),
                "fill = `a`: a column of features"
            );
        }
        let twice = Table::new().categorical(["a"]).weight("a");
        assert_eq!(
            message(&twice, text),
            "the weight = `a`: a column of numbers that is nothing else"
        );
    }

    #[test]
    fn two_columns_of_one_name_are_refused_unless_ignored() {
        let text = "a,b,a,,,y\n1,2,3,4,5,6\n";
        assert_eq!(
            message(&Table::new(), text),
            "test, line 1: expected a name of its own for every column that is not ignored, found `a` for the columns 0 and 2"
        );
        let ignored = declared(&Table::new().ignore([2]), text).unwrap();
        assert_eq!(ignored.feature_names(), ["a", "b", "", ""]);
    }
}
