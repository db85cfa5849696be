//! Tables of numbers as text: fields apart by commas, semicolons or white space.

use std::path::Path;

use super::Dataset;
use super::source::Source;
use crate::error::{Error, Result};

/// Which column of a table is the target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Column {
    /// The last one.
    #[default]
    Last,
    /// By its number, counted from 0.
    Number(usize),
    /// By its name in the header.
    Named(String),
}

impl From<usize> for Column {
    fn from(number: usize) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Column {
    fn from(name: &str) -> Self {
        Self::Named(name.to_owned())
    }
}

impl From<String> for Column {
    fn from(name: String) -> Self {
        Self::Named(name)
    }
}

/// Reads tables of numbers from text files.
///
/// Fields are apart by commas where the first line has one, else by semicolons, else by white space. The first line is a
/// header if none of its fields is a number; its names, without quotation marks, become those of the features. A name that
/// contains the separator cannot be read. Blank lines are skipped. Files that gzip has compressed are unpacked on the way,
/// with the feature `gzip`. Lines are read one after the other; there is never more than one beside the numbers.
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    target: Column,
}

impl Table {
    /// Tables whose last column is the target.
    pub fn new() -> Self {
        Self::default()
    }

    /// Another target: a column's name, or its number counted from 0.
    pub fn target(mut self, column: impl Into<Column>) -> Self {
        self.target = column.into();
        self
    }

    /// The table in the file `path`.
    ///
    /// # Errors
    /// If the file cannot be read, is empty or has a header only; if it has no such target; if a row has more or fewer
    /// fields than the first; and if a field is no number, or none that is finite in `f32`. Lines are counted from 1, rows
    /// and columns from 0.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<Dataset> {
        self.read_from(Source::open(path.as_ref())?)
    }

    fn read_from(&self, mut source: Source) -> Result<Dataset> {
        let mut bytes = Vec::new();
        let mut number = 0;
        let mut reading: Option<Reading> = None;
        while source.line(&mut bytes)? {
            number += 1;
            let Ok(line) = std::str::from_utf8(&bytes) else {
                return Err(source.wrong(format!("line {number}"), "text in UTF-8", "other bytes"));
            };
            let line = line.trim_start_matches('\u{feff}').trim();
            if line.is_empty() {
                continue;
            }
            match &mut reading {
                Some(reading) => reading.row(&source, number, line)?,
                None => reading = Some(Reading::begin(&source, number, line, &self.target)?),
            }
        }
        let Some(reading) = reading else {
            return Err(source.wrong("line 1", "a header or a row of numbers", "an empty file"));
        };
        reading.end(&source, number)
    }
}

/// A table of which some lines are read.
struct Reading {
    separator: Option<char>,
    /// The first line that is not blank.
    first: usize,
    width: usize,
    target: usize,
    names: Option<Vec<String>>,
    features: Vec<f32>,
    targets: Vec<f32>,
}

impl Reading {
    fn begin(source: &Source, number: usize, line: &str, target: &Column) -> Result<Self> {
        let separator = [',', ';'].into_iter().find(|&c| line.contains(c));
        let fields: Vec<&str> = fields(line, separator).collect();
        let header = fields.iter().all(|field| field.parse::<f32>().is_err());
        let names = header.then(|| fields.iter().map(|&name| name.to_owned()).collect());
        let mut reading = Self {
            separator,
            first: number,
            width: fields.len(),
            target: position(source, number, target, fields.len(), names.as_deref())?,
            names,
            features: Vec::new(),
            targets: Vec::new(),
        };
        if !header {
            reading.row(source, number, line)?;
        }
        Ok(reading)
    }

    fn row(&mut self, source: &Source, number: usize, line: &str) -> Result<()> {
        let place = || format!("line {number} (row {})", self.targets.len());
        let width = fields(line, self.separator).count();
        if width != self.width {
            return Err(source.wrong(
                place(),
                format!("{} fields, as in line {}", self.width, self.first),
                format!("{width}"),
            ));
        }
        let mut target = 0.0;
        for (column, field) in fields(line, self.separator).enumerate() {
            let value = field.parse::<f32>();
            let expected = match value {
                Ok(value) if value.is_finite() => {
                    if column == self.target {
                        target = value;
                    } else {
                        self.features.push(value);
                    }
                    continue;
                }
                Ok(_) => "a finite number, in 32 bits",
                Err(_) => "a number",
            };
            let name = self
                .names
                .as_ref()
                .map(|names| format!("`{}`", names[column]));
            let name = name.unwrap_or_else(|| column.to_string());
            return Err(source.wrong(
                format!("{}, column {name}", place()),
                expected,
                quoted(field),
            ));
        }
        self.targets.push(target);
        Ok(())
    }

    fn end(self, source: &Source, lines: usize) -> Result<Dataset> {
        if self.targets.is_empty() {
            return Err(source.wrong(
                format!("line {}", lines + 1),
                "a row of numbers under the header",
                "the end of the file",
            ));
        }
        let data = Dataset::new(self.width - 1, self.features, self.targets)?;
        match self.names {
            Some(mut names) => {
                names.remove(self.target);
                data.with_names(names)
            }
            None => Ok(data),
        }
    }
}

/// The fields of a line; there is at least one.
fn fields(line: &str, separator: Option<char>) -> impl Iterator<Item = &str> {
    let split: Box<dyn Iterator<Item = &str>> = match separator {
        Some(separator) => Box::new(line.split(separator)),
        None => Box::new(line.split_whitespace()),
    };
    split.map(|field| field.trim().trim_matches('"'))
}

/// A field as an error shows it.
fn quoted(field: &str) -> String {
    const MOST: usize = 40;
    if field.is_empty() {
        "nothing".to_owned()
    } else if field.chars().count() > MOST {
        format!("`{}...`", field.chars().take(MOST).collect::<String>())
    } else {
        format!("`{field}`")
    }
}

/// The number of the column `target` among `width` columns.
fn position(
    source: &Source,
    line: usize,
    target: &Column,
    width: usize,
    names: Option<&[String]>,
) -> Result<usize> {
    let wrong = |expected: String, found: String| -> Result<usize, Error> {
        Err(source.wrong(format!("line {line}"), expected, found))
    };
    match (target, names) {
        (Column::Last, _) => Ok(width - 1),
        (Column::Number(number), _) if *number < width => Ok(*number),
        (Column::Number(number), _) => wrong(
            format!("a target in column {number}, counted from 0"),
            format!("{width} columns"),
        ),
        (Column::Named(name), None) => wrong(
            format!("a header that names the target `{name}`"),
            "numbers".to_owned(),
        ),
        (Column::Named(name), Some(names)) => {
            let mut places = (0..width).filter(|&i| names[i] == *name);
            match (places.next(), places.next()) {
                (Some(place), None) => Ok(place),
                (None, _) => wrong(
                    format!("a column `{name}` for the target"),
                    quoted_list(names),
                ),
                (Some(_), Some(_)) => wrong(
                    format!("one column `{name}` for the target"),
                    quoted_list(names),
                ),
            }
        }
    }
}

fn quoted_list(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<Dataset> {
        Table::new().read_from(Source::of(String::from(text))?)
    }

    fn message(text: &str) -> String {
        read(text).unwrap_err().to_string()
    }

    #[test]
    fn every_separator_and_a_header_are_understood() {
        let expected = Dataset::new(2, vec![1.0, 2.0, -4.0, 5e3], vec![3.0, 6.0]).unwrap();
        for text in [
            "1,2,3\n-4, 5e3 ,6\n",
            "1;2;3\r\n-4;5000;6",
            "  1 2\t3\n\n -4  5e3 6.0\n\n",
            "\u{feff}1,2,3\n-4,5e3,6",
        ] {
            assert_eq!(read(text).unwrap(), expected, "{text:?}");
        }
        let named = expected.with_names(["fixed acidity", "pH"]).unwrap();
        let text = "\"fixed acidity\";\"pH\";\"quality\"\n1;2;3\n-4;5e3;6\n";
        assert_eq!(read(text).unwrap(), named);
    }

    #[test]
    fn the_target_is_any_column() {
        let read = |column: Column, text: &str| {
            let data = Table::new()
                .target(column)
                .read_from(Source::of(String::from(text)).unwrap());
            data.map(|d| (d.names().to_vec(), d.row(0).to_vec(), d.target(0)))
                .map_err(|e| e.to_string())
        };
        let named = |names: [&str; 2], row: [f32; 2], y: f32| {
            Ok((names.map(str::to_owned).to_vec(), row.to_vec(), y))
        };
        let text = "a,b,c\n1,2,3\n";
        assert_eq!(read("a".into(), text), named(["b", "c"], [2.0, 3.0], 1.0));
        assert_eq!(read(1.into(), text), named(["a", "c"], [1.0, 3.0], 2.0));
        assert_eq!(read(Column::Last, text), named(["a", "b"], [1.0, 2.0], 3.0));
        assert_eq!(
            read("d".into(), text).unwrap_err(),
            "test, line 1: expected a column `d` for the target, found `a`, `b`, `c`"
        );
        assert_eq!(
            read("a".into(), "a,b,a\n1,2,3\n").unwrap_err(),
            "test, line 1: expected one column `a` for the target, found `a`, `b`, `a`"
        );
        assert_eq!(
            read(3.into(), text).unwrap_err(),
            "test, line 1: expected a target in column 3, counted from 0, found 3 columns"
        );
        assert_eq!(
            read("a".into(), "1,2,3\n").unwrap_err(),
            "test, line 1: expected a header that names the target `a`, found numbers"
        );
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
        let long = message(&format!("1,{}\n", "x".repeat(99)));
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
        let error = Table::new().read_from(Source::of(b"1,2\n\xff,3\n").unwrap());
        assert_eq!(
            error.unwrap_err().to_string(),
            "test, line 2: expected text in UTF-8, found other bytes"
        );
    }

    fn finite() -> impl Strategy<Value = f32> {
        use prop::num::f32::{NEGATIVE, NORMAL, POSITIVE, SUBNORMAL, ZERO};
        POSITIVE | NEGATIVE | NORMAL | SUBNORMAL | ZERO
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            columns in 1usize..6,
            values in prop::collection::vec(finite(), 6..60),
            separator in prop::sample::select(vec![",", ";", " ", "\t", " , "]),
            header in any::<bool>(),
        ) {
            let rows: Vec<&[f32]> = values.chunks_exact(columns).collect();
            let mut text = String::new();
            if header {
                let names: Vec<String> = (0..columns).map(|c| format!("c{c}")).collect();
                text += &(names.join(separator) + "\n");
            }
            for row in &rows {
                let fields: Vec<String> = row.iter().map(f32::to_string).collect();
                text += &(fields.join(separator) + "\n");
            }
            let data = read(&text).unwrap();
            prop_assert_eq!((data.rows(), data.columns()), (rows.len(), columns - 1));
            for (i, row) in rows.iter().enumerate() {
                let found: Vec<u32> = data.row(i).iter().chain([&data.target(i)]).map(|x| x.to_bits()).collect();
                let written: Vec<u32> = row.iter().map(|x| x.to_bits()).collect();
                prop_assert_eq!(found, written);
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(
            bytes in prop::collection::vec(any::<u8>(), 0..60),
            text in "[0-9,;. \\-einaf\n\"x]{0,60}",
            column in 0usize..4,
        ) {
            for target in [Column::Last, Column::Number(column), Column::Named("x".to_owned())] {
                let table = Table::new().target(target);
                let _ = Source::of(bytes.clone()).and_then(|source| table.read_from(source));
                let _ = Source::of(text.clone()).and_then(|source| table.read_from(source));
            }
        }
    }
}
