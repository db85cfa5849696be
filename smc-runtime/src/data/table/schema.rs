//! What is learned of one table, to read others like it.

use std::path::Path;

use super::columns::Columns;
use super::declaration::Table;
use super::header::opened;
use super::parsed::Parsed;
use super::words::quoted;
use crate::base::error::Result;
use crate::data::dataset::Dataset;
use crate::data::features::Features;
use crate::data::records::{Records, Separator};
use crate::data::source::Source;

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
    columns: Columns,
}

impl Table {
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

    fn learn_from(&self, source: Source<'_>) -> Result<Schema> {
        Ok(Schema {
            separator: self.separator,
            header: self.header,
            columns: self.parse(source)?.into_columns(),
        })
    }
}

impl Schema {
    /// The table in the file `path`.
    ///
    /// # Errors
    /// As [`Table::read`], if the columns are not those learned, and if a text is none of the levels learned.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<Dataset> {
        self.dataset_from(Source::open(path.as_ref())?)
    }

    /// As [`Schema::read`], of a table's content; errors call it `name`.
    ///
    /// # Errors
    /// As [`Schema::read`].
    pub fn read_bytes(&self, name: &str, bytes: &[u8]) -> Result<Dataset> {
        self.dataset_from(Source::named(name, bytes)?)
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

    fn dataset_from(&self, source: Source<'_>) -> Result<Dataset> {
        let (records, names) = opened(source, self.separator, self.header)?;
        let columns = self.columns.clone();
        parse(columns, records, names.as_deref())?.dataset()
    }

    fn features_from(&self, source: Source<'_>) -> Result<Features> {
        let (records, names) = opened(source, self.separator, self.header)?;
        let columns = self.columns.clone();
        let columns = if records.width() + 1 == columns.roles.len() {
            columns.without_target()
        } else {
            columns.with_target_ignored()
        };
        parse(columns, records, names.as_deref())?.features()
    }
}

/// The rows of a table with these `names`, which must have the `columns` learned.
fn parse(columns: Columns, records: Records<'_>, names: Option<&[String]>) -> Result<Parsed> {
    check(&columns, &records, names)?;
    Parsed::new(&records, columns, true).filled(records, names.is_some())
}

/// Whether a table that begins with the current record is like the one learned from.
fn check(columns: &Columns, records: &Records<'_>, names: Option<&[String]>) -> Result<()> {
    let width = records.width();
    let wrong = |expected: String, found: String| {
        Err(records.wrong(format!("line {}", records.line()), expected, found))
    };
    if width != columns.roles.len() {
        let expected = format!(
            "{} fields, as in the table learned from",
            columns.roles.len()
        );
        return wrong(expected, width.to_string());
    }
    match (&columns.names, names) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::finite::any_finite;
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn how_a_table_is_written_does_not_matter(
            names in prop::collection::vec("[a-z][a-z ,;\t\"\n]{0,5}[a-z]", 3),
            rows in prop::collection::vec((any_finite(), "[a-z][a-d ,;\t\"\n]{0,5}[a-z]", prop::sample::select(vec!["yes", "no"])), 2..12),
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
    }
}
