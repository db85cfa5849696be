//! What is learned of one table, to read others like it.

use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;

use super::columns::Columns;
use super::declaration::Table;
use super::header::opened;
use super::learned::Learned;
use super::parsed::{Parsed, Reading};
use super::places::places;
use crate::base::error::Result;
use crate::data::dataset::Dataset;
use crate::data::features::Features;
use crate::data::source::Source;

/// What [`Table::learn`] has learned of a file: its columns, the levels of each and the classes of the target, what fills a
/// missing number and what a column is [stored less](crate::data::Shift). It reads the file itself, others like it, and those that
/// lack the target. Where both files have a header, columns are found by name, in any order, and ignored ones are there or
/// not; otherwise by position:
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Learned", into = "Learned")]
pub struct Schema(Arc<Learned>);

impl From<Learned> for Schema {
    fn from(learned: Learned) -> Self {
        Self(Arc::new(learned))
    }
}

impl From<Schema> for Learned {
    fn from(schema: Schema) -> Self {
        Self::clone(&schema.0)
    }
}

impl Features {
    /// What was learned of the table that the rows were read from, if they were read from one: it reads others like it.
    pub fn schema(&self) -> Option<Schema> {
        self.learned().cloned().map(Schema)
    }
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
        Ok(self.schema_of(self.parse(source)?.columns().clone()))
    }

    /// What reads other tables with these columns.
    pub(super) fn schema_of(&self, columns: Columns) -> Schema {
        Schema::from(Learned {
            separator: self.separator,
            header: self.header,
            columns,
        })
    }
}

impl Schema {
    /// Rows that know what they were read by.
    pub(super) fn on(&self, data: Dataset) -> Dataset {
        data.learned_as(&self.0)
    }

    /// The table in the file `path`.
    ///
    /// # Errors
    /// As [`Table::read`], if the columns are not those learned, and if a text is none of the levels learned. The labels need
    /// not be of two classes here.
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
    /// is not looked at. There is a row for each of the file.
    ///
    /// # Errors
    /// As [`Schema::read`], and if a value is missing that is not filled: [`Table::drop_missing`] leaves no row out here.
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
        let data = self.parsed(source, Reading::Read)?.dataset()?;
        Ok(data.learned_as(&self.0))
    }

    fn features_from(&self, source: Source<'_>) -> Result<Features> {
        self.parsed(source, Reading::Predict)?.features()
    }

    fn parsed(&self, source: Source<'_>, purpose: Reading) -> Result<Parsed> {
        let (records, names) = opened(source, self.0.separator, self.0.header)?;
        let wanted = purpose != Reading::Predict;
        let places = places(&self.0.columns, &records, names.as_deref(), wanted)?;
        let parsed = Parsed::new(&records, self.0.columns.clone(), places, purpose);
        parsed.filled(records, names.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::finite::any_finite;
    use crate::data::records::Separator;
    use crate::data::shift::Shift;
    use crate::data::standardise::Standardise;
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
        let missing = "test, line 3: expected a value in every field (`drop_missing` leaves out rows that lack one, `fill` fills columns), found missing values:";
        let columns =
            "test, line 1: expected the columns of the table learned from, in any order, found";
        for (text, expected) in [
            (
                "colour,kind\nred,plum\nblue,apple\n",
                format!("{place} `colour`: expected one of `green`, `red`, found `blue`"),
            ),
            (
                "colour,kind\nred,plum\nred,pear\n",
                format!("{place} `kind`: expected one of `apple`, `plum`, found `pear`"),
            ),
            (
                "colour,kind\nred,plum\n,plum\n",
                format!("{missing} 1 in column `colour` (nothing, first in line 3)"),
            ),
            (
                "kind,tint\nplum,red\n",
                format!("{columns} missing: `colour`; new: `tint`"),
            ),
            ("colour,kind,x\nred,plum,1\n", format!("{columns} new: `x`")),
            (
                "red,plum,1\nred,plum,1\n",
                "test, line 1: expected 2 fields, as in the table learned from, found 3".to_owned(),
            ),
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
                "line 1: expected the columns of the table learned from, in any order, found missing: `size`",
            ),
            (
                "7,green\n",
                "line 1: expected 4 fields, as in the table learned from, found 2",
            ),
            (
                "id,colour,size\n7,blue,3\n",
                "line 2 (row 0), column `colour`: expected one of `green`, `red`, found `blue`",
            ),
            (
                "id,colour,size\n7,red,3\n8,red,inf\n",
                "line 3 (row 1), column `size`: expected a finite number, in 32 bits, found `inf`",
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
    fn columns_are_found_by_name_where_both_have_one() {
        let declared = Table::new().target("kind").ignore(["id"]).classes();
        let schema = learned(&declared, "id,a,kind,b\n1,2,plum,3\n2,4,apple,5\n");
        // Ignored columns are there or not, and so is the target of features.
        let text = "b,kind,a\n3,plum,2\n5,apple,4\n";
        let data = reread(&schema, text).unwrap();
        assert_eq!(
            (data.names().concat(), data.row(0)),
            ("ab".to_owned(), &[2.0, 3.0][..])
        );
        assert_eq!(data.targets(), [1.0, 0.0]);
        for text in [text, "b,id,a\n3,x,2\n5,y,4\n", "b,a\n3,2\n5,4\n"] {
            assert_eq!(&features(&schema, text).unwrap(), data.inputs(), "{text:?}");
        }
        for (text, found) in [
            ("b,a\n3,2\n", "missing: `kind`"),
            ("b,kind,c\n3,plum,2\n", "missing: `a`; new: `c`"),
        ] {
            let place =
                "test, line 1: expected the columns of the table learned from, in any order";
            let error = reread(&schema, text).unwrap_err();
            assert_eq!(error, format!("{place}, found {found}"));
        }
        assert_eq!(
            features(&schema, "b,a,b\n3,2,3\n").unwrap_err(),
            "test, line 1: expected one column `b`, as the others are in another order, found `b`, `a`, `b`"
        );
        // Without a header on either side columns go by their places.
        let unnamed = learned(&Table::new(), "1,2,3\n");
        let data = reread(&unnamed, "b,a,y\n4,5,6\n").unwrap();
        assert_eq!(
            (data.row(0), data.inputs().is_named()),
            (&[4.0, 5.0][..], false)
        );
        assert!(features(&schema, "7,2,3\n").unwrap().is_named());
    }

    #[test]
    fn a_missing_value_of_features_to_predict_is_an_error_unless_filled() {
        let table = Table::new().drop_missing();
        let text = "a,b,y\n1,2,3\n,3,4\n3,9,\n3,5,6\n";
        let schema = learned(&table, text);
        let data = reread(&schema, text).unwrap();
        assert_eq!(
            (data.features(), data.check().dropped),
            (&[1.0, 2.0, 3.0, 5.0][..], 2)
        );
        assert_eq!(
            features(&schema, "a,b\n1,2\n1,?\n").unwrap_err(),
            "test, line 3: expected a value in every field, as each row is to be predicted and none is left out (`fill` fills columns, if it was declared when the table was learned), found missing values: 1 in column `b` (`?`, first in line 3)"
        );
        let filled = learned(&table.fill(["b"]), text);
        // The median is that of the rows learned from.
        let found = features(&filled, "a,b\n1,2\n1,?\n").unwrap();
        assert_eq!(found.values(), [1.0, 2.0, 0.0, 1.0, 3.5, 1.0]);
    }

    #[test]
    fn centres_and_medians_are_those_of_the_file_learned_from() {
        let table = Table::new().categorical(["c"]).fill(["c", "t"]);
        let train = "c,t,y\nu,1700000000,1\nv,,2\nu,1700000060,3\nv,1700000020,4\n";
        let schema = learned(&table, train);
        let data = reread(&schema, train).unwrap();
        assert_eq!(data, table.read_bytes("test", train.as_bytes()).unwrap());
        assert_eq!(data.names(), ["c=missing", "c=u", "c=v", "t", "t=missing"]);
        let shift = data.inputs().shifts()[0];
        assert_eq!((shift.column, shift.by), (3, 1_700_000_030.0));
        assert_eq!(data.row(0), [0.0, 1.0, 0.0, -30.0, 0.0]);
        assert_eq!(data.row(1), [0.0, 0.0, 1.0, -10.0, 1.0]);
        let new = features(&schema, "t,c\n1700000061,\n?,u\n").unwrap();
        assert_eq!(
            new.values(),
            [1.0, 0.0, 0.0, 31.0, 0.0, 0.0, 1.0, 0.0, -10.0, 1.0]
        );
        assert_eq!(new.shifts(), data.inputs().shifts());
    }

    #[test]
    fn a_centre_is_of_its_column_and_goes_with_the_rows() {
        let table = Table::new().categorical(["c"]).fill(["t"]);
        let text =
            "t,c,id,y\n1700000000,u,16777217,1\n1700000060,v,16777216,2\n1700000020,u,16777219,3\n";
        let data = table.read_bytes("test", text.as_bytes()).unwrap();
        assert_eq!(data.names().concat(), "tt=missingc=uc=vid");
        let shift = |column, by| Shift {
            column,
            by,
            merged: 0,
        };
        let shifts = [shift(0, 1_700_000_030.0), shift(4, 16_777_218.0)];
        assert_eq!(data.inputs().shifts(), shifts);
        assert_eq!(data.row(2), [-10.0, 0.0, 1.0, 0.0, 1.0]);
        let (train, test) = data.split(0.4, 1).unwrap();
        let scaled = Standardise::fit(&train).apply(&train).unwrap();
        let renamed = test.clone().with_names(["1", "2", "3", "4", "5"]).unwrap();
        for part in [train, test, scaled, renamed] {
            assert_eq!(part.inputs().shifts(), shifts);
        }
    }

    proptest! {
        #[test]
        fn the_order_of_named_columns_does_not_matter(
            numbers in prop::collection::vec(-99i32..99, 8..40), order in Just(vec![0usize, 1, 2, 3]).prop_shuffle(),
        ) {
            let names = ["id", "a", "b", "y"];
            let text = |order: &[usize]| {
                let line = |cells: Vec<String>| cells.join(",") + "\n";
                let rows = numbers.chunks_exact(4);
                let rows = rows.map(|row| line(order.iter().map(|&c| row[c].to_string()).collect()));
                line(order.iter().map(|&c| names[c].to_owned()).collect()) + &rows.collect::<String>()
            };
            let (plain, turned) = (text(&[0, 1, 2, 3]), text(&order));
            let schema = learned(&Table::new().ignore(["id"]), &plain);
            let data = reread(&schema, &plain).unwrap();
            prop_assert_eq!(reread(&schema, &turned).unwrap(), data.clone());
            prop_assert_eq!(&features(&schema, &turned).unwrap(), data.inputs());
        }

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
