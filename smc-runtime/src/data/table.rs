//! Tables as text: which column is what, and how a file becomes a data set.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use super::levels::{self, Levels};
use super::records::{Records, Separator};
use super::source::Source;
use super::{Dataset, Features};
use crate::base::error::{Error, Result};

/// A column of a table.
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

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Last => write!(f, "the last"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Named(name) => write!(f, "{}", quoted(name)),
        }
    }
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

/// Reads tables from text files, by a declaration of their columns.
///
/// Unless declared otherwise the last column is the target and every column holds finite numbers. The first line shows what
/// separates fields: the first of comma, semicolon and tab that it has, or else white space (as where a line with tabs is
/// numbers alone). It is a header if none of its fields is a number. Fields may be quoted, as in RFC 4180, and then hold separators and line ends. Blank lines are
/// skipped. Files that gzip has compressed are unpacked on the way, with the feature `gzip`. There is never more than one
/// record in memory beside the numbers.
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
    target: Column,
    separator: Option<Separator>,
    header: Option<bool>,
    categorical: Vec<Column>,
    ignored: Vec<Column>,
    offset: Option<Column>,
    weight: Option<Column>,
    classes: bool,
}

/// What [`Table::learn`] has learned of a file: its columns, the levels of each and the classes of the target. It reads the
/// file itself, others like it, and those that lack the target:
///
/// ```
/// use smc_runtime::data::Table;
///
/// # let folder = std::env::temp_dir().join(format!("smc-schema-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// let (train, new) = (folder.join("train.csv"), folder.join("new.csv"));
/// std::fs::write(&train, "colour,kind,size\nred,plum,1\ngreen,apple,2\n").unwrap();
/// std::fs::write(&new, "colour,size\ngreen,3\n").unwrap();
/// let schema = Table::new().target("kind").categorical(["colour"]).classes().learn(&train)?;
/// assert_eq!(schema.read_features(&new)?.row(0), [1.0, 0.0, 3.0]);
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), smc_runtime::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    separator: Option<Separator>,
    header: Option<bool>,
    names: Option<Vec<String>>,
    target: usize,
    /// One for each column.
    kinds: Vec<Kind>,
}

/// What the fields of a column are.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Number,
    Levels(Levels),
    Offset,
    Weight,
    Ignored,
}

impl Kind {
    /// Whether features come from the column, unless it is the target.
    fn is_feature(&self) -> bool {
        matches!(self, Self::Number | Self::Levels(_))
    }
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

    /// The column that holds the [offset](Dataset::with_offset) of each row; it is no feature. It enters the likelihood as it
    /// stands: of an exposure the file holds the logarithm.
    pub fn offset(mut self, column: impl Into<Column>) -> Self {
        self.offset = Some(column.into());
        self
    }

    /// The column that holds the [weight](Dataset::with_weights) of each row; it is no feature.
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
    /// is one.
    pub fn classes(mut self) -> Self {
        self.classes = true;
        self
    }

    /// The columns of the file `path` in which a field is neither a number nor empty, by name if there is a header, for
    /// [`Table::categorical`]; not the target, nor what is ignored. One `?` among numbers makes a column such a one: say
    /// aloud what is done with the result.
    ///
    /// ```
    /// use smc_runtime::data::{Column, Table};
    ///
    /// # let folder = std::env::temp_dir().join(format!("smc-table-texts-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder).unwrap();
    /// let path = folder.join("train.csv");
    /// std::fs::write(&path, "size,doors,colour,kind\n1,2,red,plum\n2,5more,green,apple\n").unwrap();
    /// let texts = Table::new().texts(&path)?;
    /// assert_eq!(texts, ["doors", "colour"].map(Column::from));
    /// assert_eq!(Table::new().classes().categorical(texts).read(&path)?.columns(), 5);
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok::<(), smc_runtime::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the file cannot be read or is empty, or has no such target or column to ignore.
    pub fn texts(&self, path: impl AsRef<Path>) -> Result<Vec<Column>> {
        self.texts_of(Source::open(path.as_ref())?)
    }

    fn texts_of(&self, source: Source) -> Result<Vec<Column>> {
        let (mut records, names) = opened(source, self.separator, self.header)?;
        let width = records.width();
        let mut text = vec![false; width];
        let others = [(&self.target, "the target")];
        let ignored = self.ignored.iter().map(|c| (c, "a column to ignore"));
        let others = others.into_iter().chain(ignored);
        let others = others.map(|(c, what)| position(&records, c, what, names.as_deref()));
        let others = others.collect::<Result<Vec<_>>>()?;
        let mut more = names.is_none() || records.advance()?;
        while more {
            for (i, text) in text.iter_mut().enumerate().take(records.width()) {
                let field = records.field(i);
                *text |= !field.is_empty() && field.parse::<f32>().is_err();
            }
            more = records.advance()?;
        }
        let found = (0..width).filter(|i| text[*i] && !others.contains(i));
        Ok(found
            .map(|i| match &names {
                Some(names) => Column::Named(names[i].clone()),
                None => Column::Number(i),
            })
            .collect())
    }

    /// The columns, levels and classes of the file `path`, to read the file itself and others like it.
    ///
    /// # Errors
    /// As [`Table::read`].
    pub fn learn(&self, path: impl AsRef<Path>) -> Result<Schema> {
        self.learn_from(Source::open(path.as_ref())?)
    }

    /// As [`Table::learn`], of a table's content; errors call it `name`.
    ///
    /// # Errors
    /// As [`Table::read`].
    pub fn learn_bytes(&self, name: &str, bytes: &[u8]) -> Result<Schema> {
        self.learn_from(Source::named(name, bytes)?)
    }

    fn learn_from(&self, source: Source) -> Result<Schema> {
        let parsed = self.parse(source)?;
        Ok(Schema {
            separator: self.separator,
            header: self.header,
            names: parsed.names,
            target: parsed.target,
            kinds: parsed.kinds,
        })
    }

    /// The table in the file `path`.
    ///
    /// # Errors
    /// If the file cannot be read, is empty or has a header only; if it has no such column; if a row has more or fewer fields
    /// than the first; if a number is none, or none that is finite in `f32`; if a text is missing; if a column has more than 4096 levels, or the labels are all the same; and if two columns have one name and none
    /// of them is ignored. Lines are counted from 1, rows and columns from 0.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<Dataset> {
        self.read_from(Source::open(path.as_ref())?)
    }

    /// As [`Table::read`], of a table's content; errors call it `name`.
    ///
    /// # Errors
    /// As [`Table::read`].
    pub fn read_bytes(&self, name: &str, bytes: &[u8]) -> Result<Dataset> {
        self.read_from(Source::named(name, bytes)?)
    }

    fn read_from(&self, source: Source) -> Result<Dataset> {
        self.parse(source)?.dataset()
    }

    fn parse(&self, source: Source) -> Result<Parsed> {
        let (records, names) = opened(source, self.separator, self.header)?;
        let headed = names.is_some();
        self.begin(&records, names)?.filled(records, headed)
    }

    /// What the declaration makes of a table's first record.
    fn begin(&self, records: &Records, names: Option<Vec<String>>) -> Result<Parsed> {
        let width = records.width();
        let find = |column: &Column, what: &str| position(records, column, what, names.as_deref());
        let target = find(&self.target, "the target")?;
        let mut kinds = vec![Kind::Number; width];
        for column in &self.categorical {
            kinds[find(column, "a categorical feature")?] = Kind::Levels(Levels::default());
        }
        for column in &self.ignored {
            kinds[find(column, "a column to ignore")?] = Kind::Ignored;
        }
        for (column, what, kind) in [
            (&self.offset, "the offset", Kind::Offset),
            (&self.weight, "the weight", Kind::Weight),
        ] {
            let Some(column) = column else { continue };
            let place = find(column, what)?;
            if place == target || kinds[place] != Kind::Number {
                return Err(Error::config(
                    what,
                    called(names.as_deref(), place),
                    "a column of numbers that is nothing else",
                ));
            }
            kinds[place] = kind;
        }
        if kinds[target] != Kind::Number {
            return Err(Error::config(
                "target",
                called(names.as_deref(), target),
                "a column that is neither categorical nor ignored; `classes` declares its labels",
            ));
        }
        if self.classes {
            kinds[target] = Kind::Levels(Levels::default());
        }
        unique(records, names.as_deref(), &kinds)?;
        Ok(Parsed {
            first: records.line(),
            width,
            target,
            names,
            kinds,
            learned: false,
            rows: 0,
            features: Vec::new(),
            targets: Vec::new(),
            offset: Vec::new(),
            weights: Vec::new(),
        })
    }
}

impl Schema {
    /// The table in the file `path`.
    ///
    /// # Errors
    /// As [`Table::read`], if the columns are not those learned, and if a text is none of the levels learned.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<Dataset> {
        self.parse(Source::open(path.as_ref())?)?.dataset()
    }

    /// As [`Schema::read`], of a table's content; errors call it `name`.
    ///
    /// # Errors
    /// As [`Schema::read`].
    pub fn read_bytes(&self, name: &str, bytes: &[u8]) -> Result<Dataset> {
        self.parse(Source::named(name, bytes)?)?.dataset()
    }

    /// The features in the file `path`, which has the columns learned, with the target's or without; whatever stands there
    /// is not looked at.
    ///
    /// # Errors
    /// As [`Schema::read`].
    pub fn read_features(&self, path: impl AsRef<Path>) -> Result<Features> {
        self.features_from(Source::open(path.as_ref())?)
    }

    /// As [`Schema::read_features`], of a table's content; errors call it `name`.
    ///
    /// # Errors
    /// As [`Schema::read`].
    pub fn read_features_bytes(&self, name: &str, bytes: &[u8]) -> Result<Features> {
        self.features_from(Source::named(name, bytes)?)
    }

    fn parse(&self, source: Source) -> Result<Parsed> {
        let (records, names) = opened(source, self.separator, self.header)?;
        self.check(&records, names.as_deref())?;
        self.begin(&records).filled(records, names.is_some())
    }

    fn features_from(&self, source: Source) -> Result<Features> {
        let (records, names) = opened(source, self.separator, self.header)?;
        let schema = if records.width() + 1 == self.kinds.len() {
            self.without_target()
        } else {
            let mut schema = self.clone();
            schema.kinds[self.target] = Kind::Ignored;
            schema
        };
        schema.check(&records, names.as_deref())?;
        let mut parsed = schema.begin(&records).filled(records, names.is_some())?;
        let offset = std::mem::take(&mut parsed.offset);
        let names = parsed.feature_names();
        let rows = parsed.rows;
        let values = parsed.values(names.len())?;
        let features = Features::checked(rows, names.len(), values)?.with_names(names)?;
        if offset.is_empty() {
            Ok(features)
        } else {
            features.with_offset(offset)
        }
    }

    /// The same table without the column of the target.
    fn without_target(&self) -> Self {
        let mut schema = self.clone();
        schema.kinds.remove(self.target);
        if let Some(names) = &mut schema.names {
            names.remove(self.target);
        }
        schema.target = schema.kinds.len();
        schema
    }

    fn begin(&self, records: &Records) -> Parsed {
        Parsed {
            first: records.line(),
            width: self.kinds.len(),
            target: self.target,
            names: self.names.clone(),
            kinds: self.kinds.clone(),
            learned: true,
            rows: 0,
            offset: Vec::new(),
            weights: Vec::new(),
            features: Vec::new(),
            targets: Vec::new(),
        }
    }

    /// Whether a table that begins with the current record is like the one learned from.
    fn check(&self, records: &Records, names: Option<&[String]>) -> Result<()> {
        let width = records.width();
        let wrong = |expected: String, found: String| {
            Err(records.wrong(format!("line {}", records.line()), expected, found))
        };
        if width != self.kinds.len() {
            let expected = format!("{} fields, as in the table learned from", self.kinds.len());
            return wrong(expected, width.to_string());
        }
        match (&self.names, names) {
            (Some(learned), Some(names)) => match (0..width).find(|&i| learned[i] != names[i]) {
                Some(i) => wrong(
                    format!(
                        "{} for column {i}, as in the table learned from",
                        quoted(&learned[i])
                    ),
                    quoted(&names[i]),
                ),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

/// The records of a table, at its first row of fields, and the names in its header, if it has one.
fn opened(
    source: Source,
    separator: Option<Separator>,
    header: Option<bool>,
) -> Result<(Records, Option<Vec<String>>)> {
    let mut records = Records::new(source, separator);
    if !records.advance()? {
        return Err(records.wrong("line 1", "a header or a row of numbers", "an empty file"));
    }
    let fields: Vec<&str> = (0..records.width()).map(|i| records.field(i)).collect();
    let numberless = || fields.iter().all(|field| field.parse::<f32>().is_err());
    let names = header
        .unwrap_or_else(numberless)
        .then(|| fields.iter().map(|&name| name.to_owned()).collect());
    Ok((records, names))
}

/// Whether no two columns that are read have one name.
fn unique(records: &Records, names: Option<&[String]>, kinds: &[Kind]) -> Result<()> {
    let mut seen = HashMap::new();
    let read = names.into_iter().flatten().zip(kinds).enumerate();
    for (column, (name, _)) in
        read.filter(|(_, (name, k))| **k != Kind::Ignored && !name.is_empty())
    {
        if let Some(first) = seen.insert(name, column) {
            return Err(records.wrong(
                format!("line {}", records.line()),
                "a name of its own for every column that is not ignored",
                format!("{} for the columns {first} and {column}", quoted(name)),
            ));
        }
    }
    Ok(())
}

/// A table of which some records are read.
struct Parsed {
    /// The line of the first record.
    first: usize,
    width: usize,
    target: usize,
    names: Option<Vec<String>>,
    kinds: Vec<Kind>,
    /// Whether the levels are known beforehand.
    learned: bool,
    rows: usize,
    /// One number for each feature column that is not ignored, row after row; a level's number where it is categorical.
    features: Vec<f32>,
    targets: Vec<f32>,
    /// Empty unless there is such a column.
    offset: Vec<f32>,
    /// Empty unless there is such a column.
    weights: Vec<f32>,
}

impl Parsed {
    /// With the records that follow, the current one too unless the table is `headed` by it.
    fn filled(mut self, mut records: Records, headed: bool) -> Result<Self> {
        let mut more = !headed || records.advance()?;
        while more {
            self.row(&records)?;
            more = records.advance()?;
        }
        self.end(&records)?;
        Ok(self)
    }

    fn row(&mut self, records: &Records) -> Result<()> {
        let row = self.rows;
        let place = || format!("line {} (row {row})", records.line());
        if records.width() != self.width {
            return Err(records.wrong(
                place(),
                format!("{} fields, as in line {}", self.width, self.first),
                records.width().to_string(),
            ));
        }
        for (column, kind) in self.kinds.iter_mut().enumerate() {
            let field = records.field(column);
            let value = match kind {
                Kind::Ignored => continue,
                Kind::Number | Kind::Offset | Kind::Weight => number(field),
                Kind::Levels(levels) => level(levels, field, self.learned),
            };
            match value {
                Ok(value) if column == self.target => self.targets.push(value),
                Ok(value) => match kind {
                    Kind::Offset => self.offset.push(value),
                    Kind::Weight => self.weights.push(value),
                    _ => self.features.push(value),
                },
                Err(expected) => {
                    let name = called(self.names.as_deref(), column);
                    let place = format!("{}, column {name}", place());
                    return Err(records.wrong(place, expected, quoted(field)));
                }
            }
        }
        self.rows += 1;
        Ok(())
    }

    /// Brings levels into order.
    fn end(&mut self, records: &Records) -> Result<()> {
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
        if let Kind::Levels(levels) = &mut self.kinds[self.target] {
            if let [only] = levels.texts() {
                return Err(records.wrong(
                    format!("column {}", called(self.names.as_deref(), self.target)),
                    "labels of two classes or more",
                    format!("only {}", quoted(only)),
                ));
            }
            let new = levels.sort();
            for y in &mut self.targets {
                *y = new[*y as usize] as f32;
            }
        }
        let stored: Vec<usize> = self.stored().collect();
        for (at, &column) in stored.iter().enumerate() {
            if let Kind::Levels(levels) = &mut self.kinds[column] {
                let new = levels.sort();
                for x in self.features.iter_mut().skip(at).step_by(stored.len()) {
                    *x = new[*x as usize] as f32;
                }
            }
        }
        Ok(())
    }

    /// The columns that features come from, in order.
    fn stored(&self) -> impl Iterator<Item = usize> {
        let kinds = self.kinds.iter().enumerate();
        kinds
            .filter(|(column, kind)| *column != self.target && kind.is_feature())
            .map(|(column, _)| column)
    }

    /// The names of the features: a column's own, or one for each of its levels.
    fn feature_names(&self) -> Vec<String> {
        let mut all = Vec::new();
        for column in self.stored() {
            let name = match &self.names {
                Some(names) => names[column].clone(),
                None => column.to_string(),
            };
            match &self.kinds[column] {
                Kind::Levels(levels) => {
                    all.extend(levels.texts().iter().map(|level| format!("{name}={level}")));
                }
                _ => all.push(name),
            }
        }
        all
    }

    /// The features, `columns` to a row, with one number per level.
    fn values(self, columns: usize) -> Result<Vec<f32>> {
        let stored: Vec<usize> = self.stored().collect();
        let levels = |&c: &usize| matches!(self.kinds[c], Kind::Levels(_));
        if stored.iter().any(levels) {
            self.one_hot(&stored, columns)
        } else {
            Ok(self.features)
        }
    }

    fn dataset(mut self) -> Result<Dataset> {
        let names = self.feature_names();
        let targets = std::mem::take(&mut self.targets);
        let classes = match &self.kinds[self.target] {
            Kind::Levels(levels) => Some(levels.texts().to_vec()),
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
                match &self.kinds[column] {
                    Kind::Levels(levels) => {
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

/// A column as an error names it.
fn called(names: Option<&[String]>, column: usize) -> String {
    names.map_or_else(
        || column.to_string(),
        |names| format!("`{}`", names[column]),
    )
}

/// A field as an error shows it.
fn quoted(field: &str) -> String {
    const MOST: usize = 40;
    if field.is_empty() {
        return "nothing".to_owned();
    }
    let start: String = field.chars().take(MOST).collect();
    let more = if start.len() < field.len() { "..." } else { "" };
    format!("`{}{more}`", start.escape_debug())
}

fn quoted_list(names: &[String]) -> String {
    const MOST: usize = 20;
    let shown: Vec<String> = names.iter().take(MOST).map(|name| quoted(name)).collect();
    match names.len().checked_sub(MOST) {
        Some(more @ 1..) => format!("{} and {more} more", shown.join(", ")),
        _ => shown.join(", "),
    }
}

/// The number of `column`, which is declared as `what`.
fn position(
    records: &Records,
    column: &Column,
    what: &str,
    names: Option<&[String]>,
) -> Result<usize> {
    let width = records.width();
    let wrong = |expected: String, found: String| -> Result<usize, Error> {
        Err(records.wrong(format!("line {}", records.line()), expected, found))
    };
    match (column, names) {
        (Column::Last, _) => Ok(width - 1),
        (Column::Number(number), _) if *number < width => Ok(*number),
        (Column::Number(number), _) => wrong(
            format!("a column {number}, counted from 0, for {what}"),
            format!("{width} columns"),
        ),
        (Column::Named(name), None) => wrong(
            format!("a header that names the column `{name}` for {what}"),
            "a row".to_owned(),
        ),
        (Column::Named(name), Some(names)) => {
            let mut places = (0..width).filter(|&i| names[i] == *name);
            match (places.next(), places.next()) {
                (Some(place), None) => Ok(place),
                (None, _) => {
                    let near =
                        near(name, names).map(|near| format!("; did you mean {}?", quoted(near)));
                    wrong(
                        format!("a column `{name}` for {what}{}", near.unwrap_or_default()),
                        quoted_list(names),
                    )
                }
                (Some(_), Some(_)) => wrong(
                    format!("one column `{name}` for {what}"),
                    quoted_list(names),
                ),
            }
        }
    }
}

/// The name that is nearest to `name`, if one is near.
fn near<'a>(name: &str, names: &'a [String]) -> Option<&'a str> {
    let apart = |other: &str| strsim::levenshtein(&name.to_lowercase(), &other.to_lowercase());
    let (edits, near) = names.iter().map(|other| (apart(other), other)).min()?;
    (edits <= 2 && edits < name.chars().count()).then_some(near)
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
            "test, line 1: expected a column 3, counted from 0, for the target, found 3 columns"
        );
        assert_eq!(
            read("a".into(), "1,2,3\n").unwrap_err(),
            "test, line 1: expected a header that names the column `a` for the target, found a row"
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

    fn read_with(table: &Table, text: &str) -> Result<Dataset, String> {
        let source = Source::of(String::from(text)).unwrap();
        table.read_from(source).map_err(|e| e.to_string())
    }

    fn learned(table: &Table, text: &str) -> Schema {
        table.learn_bytes("test", text.as_bytes()).unwrap()
    }

    fn reread(schema: &Schema, text: &str) -> Result<Dataset, String> {
        let read = schema.read_bytes("test", text.as_bytes());
        read.map_err(|e| e.to_string())
    }

    fn features(schema: &Schema, text: &str) -> Result<Features, String> {
        let read = schema.read_features_bytes("test", text.as_bytes());
        read.map_err(|e| e.to_string())
    }

    #[test]
    fn quoted_fields_hold_separators_and_line_ends() {
        let table = Table::new().classes();
        let text = "\"a,b\",\"c \"\"d\"\"\",kind\r\n\r\n\"1\",2,\"x, \ny\"\r\n3,4,z\r\n";
        let data = read_with(&table, text).unwrap();
        assert_eq!(data.names(), ["a,b", "c \"d\""]);
        assert_eq!(
            (data.row(0), data.targets()),
            (&[1.0, 2.0][..], &[0.0, 1.0][..])
        );
        assert_eq!(data.classes(), ["x, \ny", "z"]);
        // A record of two lines is counted as two.
        assert_eq!(
            read_with(&Table::new().ignore([2]), "1,0,\"x\ny\",5\n3,4,z,q\n").unwrap_err(),
            "test, line 3 (row 1), column 3: expected a number, found `q`"
        );
        assert_eq!(
            read_with(&table, "a,b\n1,x\n2,\"y\n3,z\n").unwrap_err(),
            "test, line 3: expected a closing quotation mark, found the end of the file"
        );
        let spaced = read_with(&Table::new(), " \"fixed  acidity\"   pH\n 1   2\n").unwrap();
        assert_eq!(
            (spaced.names(), spaced.target(0)),
            (&["fixed  acidity".to_owned()][..], 2.0)
        );
    }

    #[test]
    fn tabs_hold_their_places_and_names_with_spaces() {
        let data = read_with(&Table::new(), "fixed acidity\tpH\n1\t2\n").unwrap();
        assert_eq!(data.names(), ["fixed acidity"]);
        let tabs = Table::new().separator(Separator::Tab);
        assert_eq!(
            read_with(&tabs, "1\t2\t3\n4\t\t6\n").unwrap_err(),
            "test, line 2 (row 1), column 1: expected a number, found nothing"
        );
    }

    #[test]
    fn categorical_columns_are_one_hot_and_labels_are_classes() {
        let table = Table::new()
            .target(0)
            .categorical([1])
            .header(false)
            .classes();
        let data = read_with(&table, "yes,b,1\nno,a,2\nyes,c,3\n").unwrap();
        assert_eq!(data.names(), ["1=a", "1=b", "1=c", "2"]);
        assert_eq!(data.row(0), [0.0, 1.0, 0.0, 1.0]);
        assert_eq!(data.row(2), [0.0, 0.0, 1.0, 3.0]);
        assert_eq!(
            (data.targets(), data.classes().len()),
            (&[1.0, 0.0, 1.0][..], 2)
        );
        // Numbers are in the order of their values.
        let data = read_with(&Table::new().classes(), "1,10\n1,9\n1,-1\n").unwrap();
        assert_eq!(
            (data.targets(), data.classes()[0].as_str()),
            (&[2.0, 1.0, 0.0][..], "-1")
        );
    }

    #[test]
    fn what_was_learned_holds_for_other_files() {
        let declared = Table::new().categorical(["colour"]).classes();
        let table = learned(&declared, "colour,kind\nred,plum\ngreen,apple\n");
        let place = "test, line 3 (row 1), column";
        for (text, expected) in [
            ("colour,kind\nred,plum\nblue,apple\n", format!("{place} `colour`: expected one of `green`, `red`, found `blue`")),
            ("colour,kind\nred,plum\nred,pear\n", format!("{place} `kind`: expected one of `apple`, `plum`, found `pear`")),
            ("colour,kind\nred,plum\n,plum\n", format!("{place} `colour`: expected a label, found nothing")),
            ("kind,colour\nplum,red\n", "test, line 1: expected `colour` for column 0, as in the table learned from, found `kind`".to_owned()),
            ("colour,kind,x\nred,plum,1\n", "test, line 1: expected 2 fields, as in the table learned from, found 3".to_owned()),
        ] {
            let found = reread(&table, text).unwrap_err();
            assert_eq!(found, expected);
        }
        // One class is enough in a file that is not learned from.
        let one = reread(&table, "colour,kind\ngreen,plum\n").unwrap();
        assert_eq!((one.row(0), one.target(0)), (&[1.0, 0.0][..], 1.0));
    }

    #[test]
    fn columns_of_texts_are_found_and_nothing_else_is() {
        let texts = |table: Table, text: &str| {
            let source = Source::of(String::from(text)).unwrap();
            table.texts_of(source).map_err(|e| e.to_string())
        };
        let text = "id,a,b,c,d,y\nr1,1,x,2,,no\nr2,,y,?,nan,yes\n";
        let named = ["b", "c"].map(Column::from).to_vec();
        assert_eq!(texts(Table::new().ignore(["id"]), text), Ok(named));
        let numbered = vec![Column::Number(0), Column::Number(2)];
        assert_eq!(texts(Table::new(), "r1,1,x,2\nr2,2,y,1\n"), Ok(numbered));
        assert_eq!(texts(Table::new(), "a,b\n1,2\n"), Ok(vec![]));
        assert_eq!(
            texts(Table::new().target("z"), "a,b\n1,2\n").unwrap_err(),
            "test, line 1: expected a column `z` for the target, found `a`, `b`"
        );
    }

    #[test]
    fn declarations_must_be_possible() {
        let text = "a,b\nx,y\nx,y\n";
        assert_eq!(
            read_with(&Table::new().classes().categorical(["a"]), text).unwrap_err(),
            "test, column `b`: expected labels of two classes or more, found only `y`"
        );
        assert_eq!(
            read_with(&Table::new().categorical(["b"]), text).unwrap_err(),
            "target = `b`: a column that is neither categorical nor ignored; `classes` declares its labels"
        );
        assert_eq!(
            read_with(&Table::new().ignore(["c"]), text).unwrap_err(),
            "test, line 1: expected a column `c` for a column to ignore, found `a`, `b`"
        );
        let ids: Vec<String> = (0..=levels::MOST).map(|i| format!("n{i},1\n")).collect();
        let many = String::from("id,y\n") + &ids.concat();
        assert_eq!(
            read_with(&Table::new().categorical(["id"]), &many).unwrap_err(),
            "test, line 4098 (row 4096), column `id`: expected one of at most 4096 different labels, found `n4096`"
        );
    }

    #[test]
    fn features_are_read_with_the_target_or_without() {
        let declared = Table::new()
            .target("kind")
            .categorical(["colour"])
            .ignore(["id"])
            .classes();
        let schema = learned(
            &declared,
            "id,colour,kind,size\n1,red,plum,1\n2,green,apple,2\n",
        );
        let expected = Features::new(3, vec![1.0, 0.0, 3.0, 0.0, 1.0, 4.0]).unwrap();
        let expected = expected
            .with_names(["colour=green", "colour=red", "size"])
            .unwrap();
        for text in [
            "id,colour,size\n7,green,3\n8,red,4\n",
            "id,colour,kind,size\n7,green,,3\n8,red,who knows,4\n",
            "7,green,3\n8,red,4",
        ] {
            assert_eq!(features(&schema, text).unwrap(), expected, "{text:?}");
        }
        for (text, error) in [
            (
                "id,colour,kind\n7,green,plum\n",
                "line 1: expected `size` for column 2, as in the table learned from, found `kind`",
            ),
            (
                "id,colour\n7,green\n",
                "line 1: expected 4 fields, as in the table learned from, found 2",
            ),
            (
                "id,colour,size\n7,blue,3\n",
                "line 2 (row 0), column `colour`: expected one of `green`, `red`, found `blue`",
            ),
            (
                "id,colour,size\n7,red,3\n8,red,NaN\n",
                "line 3 (row 1), column `size`: expected a finite number, in 32 bits, found `NaN`",
            ),
            (
                "id,colour,size\n",
                "line 2: expected a row of numbers under the header, found the end of the file",
            ),
            (
                "",
                "line 1: expected a header or a row of numbers, found an empty file",
            ),
        ] {
            assert_eq!(
                features(&schema, text).unwrap_err(),
                format!("test, {error}")
            );
        }
    }

    #[test]
    fn a_name_that_is_almost_there_is_suggested() {
        let of =
            |name: &str| read_with(&Table::new().target(name), "pH,quality\n1,2\n").unwrap_err();
        assert_eq!(
            of("qualty"),
            "test, line 1: expected a column `qualty` for the target; did you mean `quality`?, found `pH`, `quality`"
        );
        assert!(of("PH").contains("did you mean `pH`?"));
        assert!(!of("sugar").contains("did you mean"));
    }

    #[test]
    fn two_columns_of_one_name_are_refused_unless_ignored() {
        let text = "a,b,a,,,y\n1,2,3,4,5,6\n";
        assert_eq!(
            message(text),
            "test, line 1: expected a name of its own for every column that is not ignored, found `a` for the columns 0 and 2"
        );
        let data = read_with(&Table::new().ignore([2]), text).unwrap();
        assert_eq!(
            (data.names().len(), data.row(0)),
            (4, &[1.0, 2.0, 4.0, 5.0][..])
        );
    }

    #[test]
    fn lines_before_the_table_are_named() {
        for (text, error) in [
            (
                "length,width\nmm,mm\n1,2\n",
                "line 2 (row 0), column `length`: expected a number, found `mm`",
            ),
            (
                "# measured in May\na,b\n1,2\n",
                "line 2 (row 0): expected 4 fields, as in line 1, found 1",
            ),
            (
                "a,b\n1,2\na,b\n3,4\n",
                "line 3 (row 1), column `a`: expected a number, found `a`",
            ),
            // A header of which one name is a number is a row with a text.
            (
                "a,2020\n1,2\n",
                "line 1 (row 0), column 0: expected a number, found `a`",
            ),
        ] {
            assert_eq!(message(text), format!("test, {error}"));
        }
        let years = read_with(&Table::new().header(true), "a,2020\n1,2\n").unwrap();
        assert_eq!((years.rows(), years.names()), (1, &["a".to_owned()][..]));
    }

    #[cfg(feature = "gzip")]
    #[test]
    fn compressed_tables_are_unpacked_and_broken_ones_named() {
        use std::io::Write;
        let lines: Vec<String> = (0..2000).map(|i| format!("{i},{}", i * i % 97)).collect();
        let text = lines.join("\n");
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(text.as_bytes()).unwrap();
        let packed = packed.finish().unwrap();
        let of = |bytes: &[u8]| Table::new().read_bytes("table.gz", bytes);
        assert_eq!(of(&packed).unwrap(), of(text.as_bytes()).unwrap());
        for bytes in [
            &packed[..packed.len() / 2],
            &packed[..packed.len() - 3],
            &packed[..2],
        ] {
            let error = of(bytes).unwrap_err().to_string();
            assert!(error.starts_with("table.gz: "), "{error}");
        }
        let mut flipped = packed.clone();
        let at = flipped.len() - 6;
        flipped[at] ^= 1;
        let error = of(&flipped).unwrap_err().to_string();
        assert!(error.starts_with("table.gz: "), "{error}");
        // A name that ends in .gz makes no gzip.
        assert_eq!(
            of(b"1,x\n").unwrap_err().to_string(),
            "table.gz, line 1 (row 0), column 1: expected a number, found `x`"
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
        fn quoted_labels_are_read_back(
            rows in prop::collection::vec("[a-c \",;\n\t]{0,6}[a-z]", 2..20),
            separator in prop::sample::select(vec![
                (Separator::Comma, ","), (Separator::Semicolon, ";"), (Separator::Tab, "\t"), (Separator::WhiteSpace, "   "),
            ]),
        ) {
            let line = |row: &String| format!("1{}\"{}\"\r\n", separator.1, row.replace('"', "\"\""));
            let text: String = rows.iter().map(line).collect();
            let table = Table::new().separator(separator.0).classes();
            let found = table.read_from(Source::of(text).unwrap());
            let labels: Vec<&str> = rows.iter().map(|row| row.trim()).collect();
            if labels.iter().all(|label| *label == labels[0]) {
                prop_assert!(found.is_err());
            } else {
                let data = found.unwrap();
                let found: Vec<&str> = data.targets().iter().map(|&y| data.classes()[y as usize].as_str()).collect();
                prop_assert_eq!(found, labels);
            }
        }

        #[test]
        fn how_a_table_is_written_does_not_matter(
            names in prop::collection::vec("[a-z][a-z ,;\t\"\n]{0,5}[a-z]", 3),
            rows in prop::collection::vec((finite(), "[a-z][a-d ,;\t\"\n]{0,5}[a-z]", prop::sample::select(vec!["yes", "no"])), 2..12),
            quoting in prop::collection::vec(any::<bool>(), 40),
            separator in prop::sample::select(vec![
                (Separator::Comma, ","), (Separator::Semicolon, ";"), (Separator::Tab, "\t"), (Separator::WhiteSpace, " \t "),
            ]),
            (header, bom, trailing) in any::<(bool, bool, bool)>(),
            end in prop::sample::select(vec!["\n", "\r\n"]),
        ) {
            let mut quoting = quoting.into_iter().cycle();
            let mut line = |fields: [&str; 3]| {
                let special = |c: char| c.is_whitespace() || ",;\"".contains(c);
                let fields = fields.map(|field| {
                    let quote = quoting.next() == Some(true) || field.contains(special);
                    if quote { format!("\"{}\"", field.replace('"', "\"\"")) } else { field.to_owned() }
                });
                fields.join(separator.1)
            };
            let names: Vec<String> = names.iter().enumerate().map(|(i, name)| format!("c{i}{name}")).collect();
            let mut lines = Vec::new();
            if header {
                lines.push(line([&names[0], &names[1], &names[2]]));
            }
            lines.extend(rows.iter().map(|(x, level, label)| line([&x.to_string(), level, label])));
            let text = (if bom { "\u{feff}" } else { "" }).to_owned() + &lines.join(end) + if trailing { end } else { "" };
            let table = Table::new().separator(separator.0).header(header).categorical([1]).classes();
            let found = table.read_bytes("test", text.as_bytes());
            if rows.iter().all(|row| row.2 == rows[0].2) {
                prop_assert!(found.unwrap_err().to_string().contains("labels of two classes or more"));
                return Ok(());
            }
            let data = found.unwrap();
            let mut levels: Vec<&str> = rows.iter().map(|row| row.1.as_str()).collect();
            levels.sort_unstable();
            levels.dedup();
            let name = |i: usize| if header { names[i].clone() } else { i.to_string() };
            let mut expected = vec![name(0)];
            expected.extend(levels.iter().map(|level| format!("{}={level}", name(1))));
            prop_assert_eq!(data.names(), expected);
            prop_assert_eq!(data.rows(), rows.len());
            for (i, (x, level, label)) in rows.iter().enumerate() {
                prop_assert_eq!(data.row(i)[0].to_bits(), x.to_bits());
                let hot: Vec<bool> = levels.iter().map(|l| l == level).collect();
                let found: Vec<bool> = data.row(i)[1..].iter().map(|&x| x == 1.0).collect();
                prop_assert_eq!(found, hot);
                prop_assert_eq!(data.classes()[data.target(i) as usize].as_str(), *label);
            }
            // What was learned reads it again, and the features alone.
            let schema = table.learn_bytes("test", text.as_bytes()).unwrap();
            prop_assert_eq!(&schema.read_bytes("test", text.as_bytes()).unwrap(), &data);
            let features = schema.read_features_bytes("test", text.as_bytes()).unwrap();
            prop_assert_eq!(&features, data.inputs());
        }

        #[test]
        fn any_bytes_are_read_or_refused(
            bytes in prop::collection::vec(any::<u8>(), 0..60),
            text in "[0-9,;. \\-einaf\n\"x]{0,60}",
            column in 0usize..4,
        ) {
            for target in [Column::Last, Column::Number(column), Column::Named("x".to_owned())] {
                let table = Table::new().target(target);
                for table in [table.clone(), table.clone().classes(), table.categorical([0]).ignore([1])] {
                    let _ = Source::of(bytes.clone()).and_then(|source| table.read_from(source));
                    let _ = Source::of(text.clone()).and_then(|source| table.read_from(source));
                }
            }
        }
    }
}
