//! The rows of a table as they are read: each field by the role of its column, and the data that they become.

use super::columns::{ColumnRole, Columns};
use super::words::{called, quoted, quoted_list};
use crate::base::error::{Error, Result};
use crate::data::dataset::Dataset;
use crate::data::features::Features;
use crate::data::levels::{self, Levels};
use crate::data::records::Records;

/// A table of which some records are read.
pub(super) struct Parsed {
    /// The line of the first record.
    first: usize,
    columns: Columns,
    /// Whether the levels are known beforehand.
    learned: bool,
    rows: usize,
    /// One number for each feature column that is not ignored, row after row; a level's number where it is categorical.
    features: Vec<f32>,
    /// Empty if the table lacks the target.
    targets: Vec<f32>,
    /// Empty unless there is such a column.
    offset: Vec<f32>,
    /// Empty unless there is such a column.
    weights: Vec<f32>,
}

impl Parsed {
    /// A table that begins with the current record; of `columns` the levels are known if they were `learned`.
    pub(super) fn new(records: &Records<'_>, columns: Columns, learned: bool) -> Self {
        Self {
            first: records.line(),
            columns,
            learned,
            rows: 0,
            features: Vec::new(),
            targets: Vec::new(),
            offset: Vec::new(),
            weights: Vec::new(),
        }
    }

    /// With the records that follow, the current one too unless the table is `headed` by it.
    pub(super) fn filled(mut self, mut records: Records<'_>, headed: bool) -> Result<Self> {
        let mut more = !headed || records.advance()?;
        while more {
            self.row(&records)?;
            more = records.advance()?;
        }
        self.end(&records)?;
        Ok(self)
    }

    fn row(&mut self, records: &Records<'_>) -> Result<()> {
        let row = self.rows;
        let place = || format!("line {} (row {row})", records.line());
        if records.width() != self.columns.roles.len() {
            return Err(records.wrong(
                place(),
                format!(
                    "{} fields, as in line {}",
                    self.columns.roles.len(),
                    self.first
                ),
                records.width().to_string(),
            ));
        }
        for (column, role) in self.columns.roles.iter_mut().enumerate() {
            let field = records.field(column);
            let value = match role {
                ColumnRole::Ignored => continue,
                ColumnRole::Number | ColumnRole::Offset | ColumnRole::Weight => number(field),
                ColumnRole::Levels(levels) => level(levels, field, self.learned),
            };
            match value {
                Ok(value) if column == self.columns.target => self.targets.push(value),
                Ok(value) => match role {
                    ColumnRole::Offset => self.offset.push(value),
                    ColumnRole::Weight => self.weights.push(value),
                    _ => self.features.push(value),
                },
                Err(expected) => {
                    let name = called(self.columns.names.as_deref(), column);
                    let place = format!("{}, column {name}", place());
                    return Err(records.wrong(place, expected, quoted(field)));
                }
            }
        }
        self.rows += 1;
        Ok(())
    }

    /// Brings levels into order.
    fn end(&mut self, records: &Records<'_>) -> Result<()> {
        if self.rows == 0 {
            return Err(records.wrong(
                format!("line {}", records.lines() + 1),
                "a row of numbers under the header",
                "the end of the file",
            ));
        }
        if self.learned {
            return Ok(());
        }
        if let ColumnRole::Levels(levels) = &mut self.columns.roles[self.columns.target] {
            if let [only] = levels.texts() {
                return Err(records.wrong(
                    format!(
                        "column {}",
                        called(self.columns.names.as_deref(), self.columns.target)
                    ),
                    "labels of two classes or more",
                    format!("only {}", quoted(only)),
                ));
            }
            let new = levels.sort();
            for y in &mut self.targets {
                *y = new[*y as usize] as f32;
            }
        }
        let stored: Vec<usize> = self.columns.stored().collect();
        for (at, &column) in stored.iter().enumerate() {
            if let ColumnRole::Levels(levels) = &mut self.columns.roles[column] {
                let new = levels.sort();
                for x in self.features.iter_mut().skip(at).step_by(stored.len()) {
                    *x = new[*x as usize] as f32;
                }
            }
        }
        Ok(())
    }

    /// The columns with the levels that were found in them.
    pub(super) fn into_columns(self) -> Columns {
        self.columns
    }

    /// The features alone, with the offset.
    pub(super) fn features(mut self) -> Result<Features> {
        let offset = std::mem::take(&mut self.offset);
        let (rows, names) = (self.rows, self.columns.feature_names());
        let values = self.values(names.len())?;
        let features = Features::checked(rows, names.len(), values)?.with_names(names)?;
        if offset.is_empty() {
            Ok(features)
        } else {
            features.with_offset(offset)
        }
    }

    /// The features, the target and what stands beside them.
    pub(super) fn dataset(mut self) -> Result<Dataset> {
        let names = self.columns.feature_names();
        let targets = std::mem::take(&mut self.targets);
        let classes = match &self.columns.roles[self.columns.target] {
            ColumnRole::Levels(levels) => Some(levels.texts().to_vec()),
            _ => None,
        };
        let (offset, weights) = (
            std::mem::take(&mut self.offset),
            std::mem::take(&mut self.weights),
        );
        let (rows, columns) = (self.rows, names.len());
        let mut data = Features::checked(rows, columns, self.values(columns)?)?
            .with_names(names)?
            .with_targets(targets)?;
        if !offset.is_empty() {
            data = data.with_offset(offset)?;
        }
        if !weights.is_empty() {
            data = data.with_weights(weights)?;
        }
        match classes {
            Some(classes) => data.with_classes(classes),
            None => Ok(data),
        }
    }

    /// The features, `columns` to a row, with one number per level.
    fn values(self, columns: usize) -> Result<Vec<f32>> {
        let stored: Vec<usize> = self.columns.stored().collect();
        let levels = |&c: &usize| matches!(self.columns.roles[c], ColumnRole::Levels(_));
        if stored.iter().any(levels) {
            self.one_hot(&stored, columns)
        } else {
            Ok(self.features)
        }
    }

    /// The features with one number per level, `columns` to a row.
    fn one_hot(&self, stored: &[usize], columns: usize) -> Result<Vec<f32>> {
        let too_large = || {
            Error::shape(
                "a table with categorical columns",
                "levels that fit into memory, one number for each in every row",
                format!("{} rows of {columns} features", self.rows),
            )
        };
        let length = columns.checked_mul(self.rows);
        let mut features = Vec::new();
        let room = length.map(|length| features.try_reserve_exact(length));
        room.and_then(Result::ok).ok_or_else(too_large)?;
        for row in self.features.chunks_exact(stored.len()) {
            for (&x, &column) in row.iter().zip(stored) {
                match &self.columns.roles[column] {
                    ColumnRole::Levels(levels) => {
                        let one = x as usize;
                        features.extend((0..levels.len()).map(|l| f32::from(u8::from(l == one))));
                    }
                    _ => features.push(x),
                }
            }
        }
        Ok(features)
    }
}

/// The number that `field` is, or what it should have been.
fn number(field: &str) -> Result<f32, String> {
    match field.parse::<f32>() {
        Ok(value) if value.is_finite() => Ok(value),
        Ok(_) => Err("a finite number, in 32 bits".to_owned()),
        Err(_) => Err("a number".to_owned()),
    }
}

/// The number of the level `field`, or what it should have been.
fn level(levels: &mut Levels, field: &str, learned: bool) -> Result<f32, String> {
    let number = if field.is_empty() {
        return Err("a label".to_owned());
    } else if learned {
        levels.number(field)
    } else {
        levels.number_or_new(field)
    };
    number.map(|n| n as f32).ok_or_else(|| {
        if learned {
            format!("one of {}", quoted_list(levels.texts()))
        } else {
            format!("one of at most {} different labels", levels::MOST)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::source::Source;
    use crate::data::table::header::opened;

    /// The table `text` with some roles changed; all columns are numbers unless they are, and the last one is the target.
    fn read_as(text: impl AsRef<[u8]>, change: impl FnOnce(&mut Columns)) -> Result<Dataset> {
        let (records, names) = opened(Source::named("test", text.as_ref())?, None, None)?;
        let headed = names.is_some();
        let mut columns = Columns {
            names,
            target: records.width() - 1,
            roles: vec![ColumnRole::Number; records.width()],
        };
        change(&mut columns);
        let parsed = Parsed::new(&records, columns, false);
        parsed.filled(records, headed)?.dataset()
    }

    fn message(text: impl AsRef<[u8]>) -> String {
        read_as(text, |_| ()).unwrap_err().to_string()
    }

    #[test]
    fn a_bad_field_is_named_with_its_place() {
        let finite = "expected a finite number, in 32 bits, found";
        for (text, expected) in [
            (
                "1,2\nNaN,4\n",
                format!("test, line 2 (row 1), column 0: {finite} `NaN`"),
            ),
            (
                "x,y\n\n1,inf\n",
                format!("test, line 3 (row 0), column `y`: {finite} `inf`"),
            ),
            (
                "1 1e39\n",
                format!("test, line 1 (row 0), column 1: {finite} `1e39`"),
            ),
            (
                "1,2\n3,\n",
                "test, line 2 (row 1), column 1: expected a number, found nothing".to_owned(),
            ),
            (
                "1,two\n",
                "test, line 1 (row 0), column 1: expected a number, found `two`".to_owned(),
            ),
            (
                "1,2\n3,4\n5,6,7\n",
                "test, line 3 (row 2): expected 2 fields, as in line 1, found 3".to_owned(),
            ),
            (
                "a,b\n3\n",
                "test, line 2 (row 0): expected 2 fields, as in line 1, found 1".to_owned(),
            ),
        ] {
            assert_eq!(message(text), expected);
        }
        let long = message(format!("1,{}\n", "x".repeat(99)));
        assert!(
            long.ends_with(&format!("found `{}...`", "x".repeat(40))),
            "{long}"
        );
    }

    #[test]
    fn a_table_without_rows_is_refused() {
        for empty in ["", "\n \n"] {
            assert_eq!(
                message(empty),
                "test, line 1: expected a header or a row of numbers, found an empty file"
            );
        }
        assert_eq!(
            message("a,b\n"),
            "test, line 2: expected a row of numbers under the header, found the end of the file"
        );
        assert_eq!(
            message(b"1,2\n\xff,3\n"),
            "test, line 2: expected text in UTF-8, found other bytes"
        );
    }

    #[test]
    fn categorical_columns_are_one_hot_and_labels_are_classes() {
        let texts = |columns: &mut Columns| {
            columns.target = 0;
            columns.roles[..2].fill(ColumnRole::Levels(Levels::default()));
        };
        let data = read_as("yes,b,1\nno,a,2\nyes,c,3\n", texts).unwrap();
        assert_eq!(data.names(), ["1=a", "1=b", "1=c", "2"]);
        assert_eq!(data.row(0), [0.0, 1.0, 0.0, 1.0]);
        assert_eq!(data.row(2), [0.0, 0.0, 1.0, 3.0]);
        assert_eq!(
            (data.targets(), data.classes().len()),
            (&[1.0, 0.0, 1.0][..], 2)
        );
        // Numbers are in the order of their values.
        let labels =
            |columns: &mut Columns| columns.roles[1] = ColumnRole::Levels(Levels::default());
        let data = read_as("1,10\n1,9\n1,-1\n", labels).unwrap();
        assert_eq!(
            (data.targets(), data.classes()[0].as_str()),
            (&[2.0, 1.0, 0.0][..], "-1")
        );
    }

    #[test]
    fn labels_must_differ_and_levels_must_be_few() {
        let texts = |column: usize| {
            move |columns: &mut Columns| {
                columns.roles[column] = ColumnRole::Levels(Levels::default());
            }
        };
        let error =
            |text: &str, column: usize| read_as(text, texts(column)).unwrap_err().to_string();
        assert_eq!(
            error("a,b\n1,y\n1,y\n", 1),
            "test, column `b`: expected labels of two classes or more, found only `y`"
        );
        let ids: Vec<String> = (0..=levels::MOST).map(|i| format!("n{i},1\n")).collect();
        assert_eq!(
            error(&(String::from("id,y\n") + &ids.concat()), 0),
            "test, line 4098 (row 4096), column `id`: expected one of at most 4096 different labels, found `n4096`"
        );
    }
}
