//! From a file to a data set, by a declaration of its columns.

use std::path::Path;

use super::declaration::Table;
use super::header::opened;
use super::parsed::{Parsed, Reading};
use crate::base::error::Result;
use crate::data::dataset::Dataset;
use crate::data::source::Source;

impl Table {
    /// The table in the file `path`.
    ///
    /// # Errors
    /// If the file cannot be read, is empty or has a header only; if it has no such column; if a row has more or fewer fields
    /// than the first; if a number is none, or none that is finite in `f32`; if values are missing that are neither filled nor
    /// in a row left out, or no row is left; if a column has more than 4096 levels; if the labels are all the same, or no
    /// classes by the rule of [`Table::classes`]; and if two columns have one name and none of them is ignored. Lines are
    /// counted from 1, rows and columns from 0.
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

    fn read_from(&self, source: Source<'_>) -> Result<Dataset> {
        let parsed = self.parse(source)?;
        let schema = self.schema_of(parsed.columns().clone());
        Ok(schema.on(parsed.dataset()?))
    }

    /// The table in `source`, with its levels in order.
    pub(super) fn parse(&self, source: Source<'_>) -> Result<Parsed> {
        let (records, names) = opened(source, self.separator, self.header)?;
        let headed = names.is_some();
        let columns = self.columns(&records, names)?;
        let places = (0..records.width()).map(Some).collect();
        Parsed::new(&records, columns, places, Reading::Learn).filled(records, headed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::finite::any_finite;
    use crate::data::records::Separator;
    use crate::data::table::column::Column;
    use proptest::prelude::*;

    fn read_with(table: &Table, text: &str) -> Result<Dataset, String> {
        let read = table.read_bytes("test", text.as_bytes());
        read.map_err(|e| e.to_string())
    }

    fn read(text: &str) -> Result<Dataset, String> {
        read_with(&Table::new(), text)
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
        let read = |column: Column| {
            let table = Table::new().target(column);
            let data = read_with(&table, "a,b,c\n1,2,3\n").unwrap();
            (data.names().concat(), data.row(0).to_vec(), data.target(0))
        };
        assert_eq!(read("a".into()), ("bc".to_owned(), vec![2.0, 3.0], 1.0));
        assert_eq!(read(1.into()), ("ac".to_owned(), vec![1.0, 3.0], 2.0));
        assert_eq!(read(Column::Last), ("ab".to_owned(), vec![1.0, 2.0], 3.0));
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
            assert_eq!(read(text).unwrap_err(), format!("test, {error}"));
        }
        let years = read_with(&Table::new().header(true), "a,2020\n1,2\n").unwrap();
        assert_eq!((years.rows(), years.names()), (1, &["a".to_owned()][..]));
    }

    #[test]
    fn missing_values_are_counted_and_named() {
        let place = "test, line 3: expected a value in every field";
        let text = "a,b,y\n1,2,3\nNA,?,3\n1,nan,3\n1,2,None\n";
        assert_eq!(
            read(text).unwrap_err(),
            format!(
                "{place} (`drop_missing` leaves out rows that lack one, `fill` fills columns of features only), found missing values: 1 in column `a` (`NA`, first in line 3), 2 in column `b` (`?`, first in line 3), 1 in column `y` (`None`, first in line 5)"
            )
        );
        let dropped = Table::new().drop_missing();
        let all = "a,y\n1,\n,2\n";
        assert_eq!(
            read_with(&dropped, all).unwrap_err(),
            "test, line 4: expected a row without a missing value (`fill` fills columns), found 2 rows left out and no other"
        );
        // What is no number is an error in a row that is left out, too.
        assert_eq!(
            read_with(&dropped, "a,y\n1,2\nabc,\n").unwrap_err(),
            "test, line 3 (row 1), column `a`: expected a number, found `abc`"
        );
        let empty = Table::new().fill(["a"]);
        assert_eq!(
            read_with(&empty, "a,y\nNA,1\n,2\n").unwrap_err(),
            "test, column `a`: expected a number, to fill what is missing by the median, found missing values only"
        );
        // The marks are labels and levels unless it is declared what becomes of missing values.
        let texts = Table::new().categorical(["c"]).classes();
        let text = "c,y\nNA,None\nb,no\n,no\n";
        let error = read_with(&texts, text).unwrap_err();
        assert!(
            error.ends_with("found missing values: 1 in column `c` (nothing, first in line 4)"),
            "{error}"
        );
        let data = read_with(&texts, &text[..17]).unwrap();
        assert_eq!(
            (data.names().concat(), data.classes().concat()),
            ("c=NAc=b".to_owned(), "Noneno".to_owned())
        );
        let dropped = texts.drop_missing();
        let data = read_with(&dropped, "c,y\nNA,no\nb,no\nb,None\na,yes\n").unwrap();
        assert_eq!(
            (data.rows(), data.names().concat()),
            (2, "c=ac=b".to_owned())
        );
    }

    #[test]
    fn one_bad_cell_makes_no_texts_of_a_column() {
        let text = "size,y\n1,2\nabc,3\n4,5\n";
        let path = std::env::temp_dir().join(format!("smc-bad-cell-{}.csv", std::process::id()));
        std::fs::write(&path, text).unwrap();
        let texts = Table::new().texts(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(
            read_with(&Table::new().categorical(texts), text).unwrap_err(),
            "test, line 3 (row 1), column `size`: expected a number, found `abc`"
        );
    }

    proptest! {
        #[test]
        fn a_table_without_its_incomplete_rows_is_the_table_that_never_had_them(
            rows in prop::collection::vec((prop::option::weighted(0.8, -9i32..9), prop::option::weighted(0.8, "[a-c]"), prop::option::weighted(0.8, -9i32..9)), 1..20),
            mark in prop::sample::select(vec!["", "NA", "N/A", "NaN", "nan", "?", "null", "NULL", "None"]),
        ) {
            let line = |row: &(Option<i32>, Option<String>, Option<i32>)| {
                let number = |x: &Option<i32>| x.map_or(mark.to_owned(), |x| x.to_string());
                format!("{},{},{}\n", number(&row.0), row.1.as_deref().unwrap_or(mark), number(&row.2))
            };
            let text = |rows: &[&(Option<i32>, Option<String>, Option<i32>)]| {
                "a,b,y\n".to_owned() + &rows.iter().map(|row| line(row)).collect::<String>()
            };
            let all: Vec<_> = rows.iter().collect();
            let whole: Vec<_> = rows.iter().filter(|r| r.0.is_some() && r.1.is_some() && r.2.is_some()).collect();
            let table = Table::new().categorical(["b"]).drop_missing();
            let found = read_with(&table, &text(&all));
            if whole.is_empty() {
                prop_assert!(found.unwrap_err().contains("rows left out and no other"));
                return Ok(());
            }
            let found = found.unwrap();
            prop_assert_eq!(&found, &read_with(&table, &text(&whole)).unwrap());
            prop_assert_eq!(found.check().dropped, rows.len() - whole.len());
            // Filling leaves out those alone whose target is missing, and keeps what was there.
            let filled = table.fill(["a", "b"]);
            let targets: Vec<f32> = rows.iter().filter_map(|r| r.2.map(|y| y as f32)).collect();
            let Ok(data) = read_with(&filled, &text(&all)) else {
                prop_assert!(rows.iter().all(|r| r.0.is_none() || r.2.is_none()));
                return Ok(());
            };
            prop_assert_eq!(data.targets(), &targets[..]);
            let mut present: Vec<f32> = rows.iter().filter(|r| r.2.is_some()).filter_map(|r| r.0.map(|x| x as f32)).collect();
            present.sort_by(f32::total_cmp);
            let median = present[(present.len() - 1) / 2].midpoint(present[present.len() / 2]);
            for (i, row) in rows.iter().filter(|r| r.2.is_some()).enumerate() {
                let expected = row.0.map_or([median, 1.0], |x| [x as f32, 0.0]);
                prop_assert_eq!(&data.row(i)[..2], &expected[..]);
                let level = data.names().iter().position(|n| *n == format!("b={}", row.1.as_deref().unwrap_or("missing")));
                prop_assert_eq!(data.row(i)[level.unwrap()], 1.0);
                prop_assert_eq!(data.row(i)[2..].iter().sum::<f32>(), 1.0);
            }
        }

        #[test]
        fn what_is_written_is_read_back(
            columns in 1usize..6,
            values in prop::collection::vec(any_finite(), 6..60),
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
            let found = table.read_bytes("test", text.as_bytes());
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
        fn any_bytes_are_read_or_refused(
            bytes in prop::collection::vec(any::<u8>(), 0..60),
            text in "[0-9,;. \\-einaf\n\"x]{0,60}",
            column in 0usize..4,
        ) {
            for target in [Column::Last, Column::Number(column), Column::Named("x".to_owned())] {
                let table = Table::new().target(target);
                let categorical = table.clone().categorical([0]);
                for table in [
                    table.clone(), table.clone().classes(), table.fill([0]).drop_missing(), categorical.clone().ignore([1]),
                    categorical.fill([0, 2]).any_classes(),
                ] {
                    for bytes in [&bytes, text.as_bytes()] {
                        let _ = table.read_bytes("test", bytes);
                        if let Ok(schema) = table.learn_bytes("test", bytes) {
                            prop_assert!(schema.read_bytes("test", bytes).is_ok());
                            let _ = schema.read_features_bytes("test", text.as_bytes());
                        }
                    }
                }
            }
        }
    }
}
