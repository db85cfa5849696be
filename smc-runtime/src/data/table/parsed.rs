//! The rows of a table as they are read: each field by the role of its column, and the data that they become.

use std::sync::Arc;

use super::columns::{ColumnRole, Columns, Treatment};
use super::exact::Exact;
use super::labels;
use super::missing::{self, Missing};
use crate::base::error::{Error, Result};
use crate::data::dataset::Dataset;
use crate::data::features::Features;
use crate::data::levels::{self, Levels};
use crate::data::origin::Origin;
use crate::data::records::Records;
use crate::data::words::{called, quoted, quoted_list};

/// What a table is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Levels, medians and centres are learned of it.
    Learn,
    /// They are known.
    Read,
    /// They are known, and each row is to be predicted.
    Predict,
}

/// A table of which some records are read.
pub(super) struct Parsed {
    /// The line of the first record.
    first: usize,
    /// Number of fields of the first record.
    width: usize,
    columns: Columns,
    purpose: Reading,
    /// The field of each column; none of one that is not looked at.
    places: Vec<Option<usize>>,
    rows: usize,
    origin: Origin,
    missing: Missing,
    /// One number for each feature column that is not ignored, row after row; a level's number where it is categorical, and
    /// NaN where a number is missing.
    features: Vec<f32>,
    /// One for each feature column, while a table is learned from.
    exact: Vec<Exact>,
    /// Empty if the table lacks the target.
    targets: Vec<f32>,
    /// Empty unless there is such a column.
    offset: Vec<f32>,
    /// Empty unless there is such a column.
    weights: Vec<f32>,
}

impl Parsed {
    /// A table that begins with the current record, with each of `columns` in the field that `places` say.
    pub(super) fn new(
        records: &Records<'_>,
        columns: Columns,
        places: Vec<Option<usize>>,
        purpose: Reading,
    ) -> Self {
        Self {
            first: records.line(),
            width: records.width(),
            purpose,
            places,
            rows: 0,
            origin: Origin {
                file: Arc::from(records.file()),
                lines: Vec::new(),
                dropped: 0,
                learned: None,
            },
            missing: Missing::new(columns.roles.len()),
            features: Vec::new(),
            exact: vec![Exact::new(); columns.stored().count()],
            targets: Vec::new(),
            offset: Vec::new(),
            weights: Vec::new(),
            columns,
        }
    }

    /// With the records that follow, the current one too unless the table is `headed` by it.
    pub(super) fn filled(mut self, mut records: Records<'_>, headed: bool) -> Result<Self> {
        let mut more = !headed || records.advance()?;
        while more {
            if self.is_left_out(&records)? {
                self.origin.dropped += 1;
            } else {
                self.row(&records)?;
            }
            more = records.advance()?;
        }
        self.end(&records)?;
        Ok(self)
    }

    /// The place of the current record in words.
    fn place(&self, records: &Records<'_>) -> String {
        let row = self.rows + self.origin.dropped;
        format!("line {} (row {row})", records.line())
    }

    /// That `field` of column `column` is not what was `expected`.
    fn wrong(&self, records: &Records<'_>, column: usize, expected: String) -> Error {
        let name = called(self.columns.names.as_deref(), column);
        let field = self.places[column].map_or("", |place| records.field(place));
        let place = format!("{}, column {name}", self.place(records));
        records.wrong(place, expected, quoted(field))
    }

    /// Whether `field` of column `column` is a missing value.
    fn is_missing(&self, column: usize, field: &str) -> bool {
        let declared = self.columns.drop_missing || self.columns.treatments[column].filled;
        match self.columns.roles[column] {
            ColumnRole::Ignored => false,
            ColumnRole::Levels(_) if !declared => field.is_empty(),
            _ => missing::is_mark(field),
        }
    }

    /// Whether the current record is to be left out. It must have as many fields as the first, and numbers where numbers are.
    fn is_left_out(&self, records: &Records<'_>) -> Result<bool> {
        if records.width() != self.width {
            return Err(records.wrong(
                self.place(records),
                format!("{} fields, as in line {}", self.width, self.first),
                records.width().to_string(),
            ));
        }
        if !self.columns.drop_missing || self.purpose == Reading::Predict {
            return Ok(false);
        }
        let fields = self.places.iter().enumerate();
        let mut fields = fields.filter_map(|(c, place)| Some((c, records.field((*place)?))));
        let unfilled = |c: usize| !self.columns.treatments[c].filled;
        if !fields
            .clone()
            .any(|(c, field)| unfilled(c) && self.is_missing(c, field))
        {
            return Ok(false);
        }
        let bad = fields.find_map(|(c, field)| {
            let number = !matches!(
                self.columns.roles[c],
                ColumnRole::Levels(_) | ColumnRole::Ignored
            );
            let read = (number && !self.is_missing(c, field)).then(|| number_of(field, 0.0))?;
            read.err().map(|expected| (c, expected))
        });
        match bad {
            None => Ok(true),
            Some((column, expected)) => Err(self.wrong(records, column, expected)),
        }
    }

    fn row(&mut self, records: &Records<'_>) -> Result<()> {
        let stored = self.exact.len();
        let mut at = 0;
        for column in 0..self.places.len() {
            let is_target = column == self.columns.target;
            let Some(place) = self.places[column] else {
                continue;
            };
            let field = records.field(place);
            let value = if self.is_missing(column, field) {
                self.stand_in(column, records.line(), field)
            } else {
                self.value(column, field)
                    .map_err(|expected| self.wrong(records, column, expected))?
            };
            match self.columns.roles[column] {
                ColumnRole::Ignored => {}
                _ if is_target => self.targets.push(value as f32),
                ColumnRole::Offset => self.offset.push(value as f32),
                ColumnRole::Weight => self.weights.push(value as f32),
                ColumnRole::Number | ColumnRole::Levels(_) => {
                    if self.purpose == Reading::Learn
                        && self.columns.roles[column] == ColumnRole::Number
                    {
                        let exact = &mut self.exact[at];
                        if value.is_nan() {
                            exact.push_missing();
                        } else {
                            let before = self.features.iter().skip(at).step_by(stored);
                            exact.push(value, before.copied());
                        }
                    }
                    self.features.push(value as f32);
                    at += 1;
                }
            }
        }
        self.rows += 1;
        let line = u32::try_from(records.line()).unwrap_or(u32::MAX);
        self.origin.lines.push(line);
        Ok(())
    }

    /// What is stored for the `field` of column `column`, which is not missing, or what it should have been.
    fn value(&mut self, column: usize, field: &str) -> Result<f64, String> {
        let learned = self.purpose != Reading::Learn;
        match &mut self.columns.roles[column] {
            ColumnRole::Ignored => Ok(0.0),
            ColumnRole::Levels(levels) => level(levels, field, learned),
            ColumnRole::Number | ColumnRole::Offset | ColumnRole::Weight => {
                let centre = self.columns.treatments[column].centre;
                number_of(field, centre.map_or(0.0, |centre| centre.shift))
            }
        }
    }

    /// What is stored for a missing value of column `column` until it is filled; it is noted if it will not be.
    fn stand_in(&mut self, column: usize, line: usize, field: &str) -> f64 {
        if !self.columns.treatments[column].filled {
            self.missing.add(column, line, field);
        }
        match &self.columns.roles[column] {
            ColumnRole::Levels(levels) => levels.number(missing::LEVEL).map_or(0.0, |n| n as f64),
            _ => f64::NAN,
        }
    }

    /// Looks at what is missing, and learns what is to be learned.
    fn end(&mut self, records: &Records<'_>) -> Result<()> {
        let end = || format!("line {}", records.lines() + 1);
        if self.rows == 0 && self.origin.dropped > 0 {
            return Err(records.wrong(
                end(),
                "a row without a missing value (`fill` fills columns)",
                format!("{} rows left out and no other", self.origin.dropped),
            ));
        }
        if self.rows == 0 {
            return Err(records.wrong(
                end(),
                "a row of numbers under the header",
                "the end of the file",
            ));
        }
        let needed = self.purpose == Reading::Predict;
        let names = self.columns.names.as_deref();
        let fillable = |column| self.columns.stored().any(|c| c == column);
        self.missing.check(names, records, fillable, needed)?;
        if self.purpose != Reading::Learn {
            return Ok(());
        }
        let target = self.columns.target;
        if let ColumnRole::Levels(levels) = &mut self.columns.roles[target] {
            if let Some((expected, found)) =
                labels::fault(levels.texts(), self.rows, self.columns.any_classes)
            {
                let name = called(self.columns.names.as_deref(), target);
                return Err(records.wrong(format!("column {name}"), expected, found));
            }
            let new = levels.sort();
            for y in &mut self.targets {
                *y = new[*y as usize] as f32;
            }
        }
        let stored: Vec<usize> = self.columns.stored().collect();
        for (at, &column) in stored.iter().enumerate() {
            // The numbers in 64 bits go as soon as they are stored in 32.
            let exact = std::mem::replace(&mut self.exact[at], Exact::new());
            let mut values = self.features.iter_mut().skip(at).step_by(stored.len());
            let treatment = &mut self.columns.treatments[column];
            if let ColumnRole::Levels(levels) = &mut self.columns.roles[column] {
                let new = levels.sort();
                values.for_each(|x| *x = new[*x as usize] as f32);
                continue;
            }
            if treatment.filled {
                let present: Vec<f64> = match exact.wide() {
                    Some(wide) => wide.iter().copied().filter(|x| !x.is_nan()).collect(),
                    None => values
                        .by_ref()
                        .map(|x| f64::from(*x))
                        .filter(|x| !x.is_nan())
                        .collect(),
                };
                treatment.median = missing::median(present).ok_or_else(|| {
                    let name = called(self.columns.names.as_deref(), column);
                    records.wrong(
                        format!("column {name}"),
                        "a number, to fill what is missing by the median",
                        "missing values only",
                    )
                })?;
            }
            treatment.centre = exact.centre();
            if let (Some(centre), Some(wide)) = (treatment.centre, exact.wide()) {
                let values = self.features.iter_mut().skip(at).step_by(stored.len());
                for (value, x) in values.zip(wide) {
                    *value = (x - centre.shift) as f32;
                }
            }
        }
        Ok(())
    }

    /// The columns with what was learned of them.
    pub(super) fn columns(&self) -> &Columns {
        &self.columns
    }

    /// The features alone, with the offset.
    pub(super) fn features(mut self) -> Result<Features> {
        let (rows, names) = (self.rows, self.columns.feature_names());
        let features = Features::checked(rows, names.len(), self.values(names.len())?)?;
        let mut features = features
            .with_names(names)?
            .with_shifts(self.columns.shifts())
            .with_origin(self.origin);
        if self.columns.names.is_none() {
            features = features.unnamed();
        }
        if self.offset.is_empty() {
            Ok(features)
        } else {
            features.with_offset(self.offset)
        }
    }

    /// The features, the target and what stands beside them.
    pub(super) fn dataset(mut self) -> Result<Dataset> {
        let targets = std::mem::take(&mut self.targets);
        let weights = std::mem::take(&mut self.weights);
        let classes = match &self.columns.roles[self.columns.target] {
            ColumnRole::Levels(levels) => Some(levels.texts().to_vec()),
            _ => None,
        };
        let mut data = self.features()?.with_targets(targets)?;
        if !weights.is_empty() {
            data = data.with_weights(weights)?;
        }
        match classes {
            Some(classes) => data.with_classes(classes),
            None => Ok(data),
        }
    }

    /// The features, `columns` to a row, with one number per level and two per number that is filled.
    fn values(&mut self, columns: usize) -> Result<Vec<f32>> {
        let read = std::mem::take(&mut self.features);
        if self.columns.plain() {
            return Ok(read);
        }
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
        let stored: Vec<usize> = self.columns.stored().collect();
        for row in read.chunks_exact(stored.len()) {
            for (&x, &column) in row.iter().zip(&stored) {
                let treatment = &self.columns.treatments[column];
                match &self.columns.roles[column] {
                    ColumnRole::Levels(levels) => {
                        let one = x as usize;
                        features.extend((0..levels.len()).map(|l| f32::from(u8::from(l == one))));
                    }
                    _ if treatment.filled && x.is_nan() => features.extend([fill(treatment), 1.0]),
                    _ if treatment.filled => features.extend([x, 0.0]),
                    _ => features.push(x),
                }
            }
        }
        Ok(features)
    }
}

/// What is stored for a missing number of a column that is filled.
fn fill(treatment: &Treatment) -> f32 {
    (treatment.median - treatment.centre.map_or(0.0, |centre| centre.shift)) as f32
}

/// The number that `field` is, less `shift`, or what it should have been. It is in 64 bits, and finite in 32.
fn number_of(field: &str, shift: f64) -> Result<f64, String> {
    match field.parse::<f64>() {
        Ok(value) if (value as f32).is_finite() && ((value - shift) as f32).is_finite() => {
            Ok(value - shift)
        }
        Ok(_) => Err("a finite number, in 32 bits".to_owned()),
        Err(_) => Err("a number".to_owned()),
    }
}

/// The number of the level `field`, or what it should have been.
fn level(levels: &mut Levels, field: &str, learned: bool) -> Result<f64, String> {
    let number = if learned {
        levels.number(field)
    } else {
        levels.number_or_new(field)
    };
    number.map(|n| n as f64).ok_or_else(|| {
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
            treatments: vec![Treatment::default(); records.width()],
            drop_missing: false,
            any_classes: false,
        };
        change(&mut columns);
        let places = (0..records.width()).map(Some).collect();
        let parsed = Parsed::new(&records, columns, places, Reading::Learn);
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
                "1,2\nNAN,4\n",
                format!("test, line 2 (row 1), column 0: {finite} `NAN`"),
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
                "1,2\n-,4\n",
                "test, line 2 (row 1), column 0: expected a number, found `-`".to_owned(),
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
