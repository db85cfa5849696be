//! From a file to a data set, by a declaration of its columns.

use std::path::Path;

use super::declaration::Table;
use super::header::opened;
use super::parsed::Parsed;
use crate::base::error::Result;
use crate::data::dataset::Dataset;
use crate::data::source::Source;

impl Table {
    /// The table in the file `path`.
    ///
    /// # Errors
    /// If the file cannot be read, is empty or has a header only; if it has no such column; if a row has more or fewer fields
    /// than the first; if a number is none, or none that is finite in `f32`; if a text is missing; if a column has more than
    /// 4096 levels, or the labels are all the same; and if two columns have one name and none of them is ignored. Lines are
    /// counted from 1, rows and columns from 0.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<Dataset> {
        self.parse(Source::open(path.as_ref())?)?.dataset()
    }

    /// As [`Table::read`], of a table's content; errors call it `name`.
    ///
    /// # Errors
    /// As [`Table::read`].
    pub fn read_bytes(&self, name: &str, bytes: &[u8]) -> Result<Dataset> {
        self.parse(Source::named(name, bytes)?)?.dataset()
    }

    /// The table in `source`, with its levels in order.
    pub(super) fn parse(&self, source: Source<'_>) -> Result<Parsed> {
        let (records, names) = opened(source, self.separator, self.header)?;
        let headed = names.is_some();
        let columns = self.columns(&records, names)?;
        Parsed::new(&records, columns, false).filled(records, headed)
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

    proptest! {
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
                for table in [table.clone(), table.clone().classes(), table.categorical([0]).ignore([1])] {
                    let _ = table.read_bytes("test", &bytes);
                    let _ = table.read_bytes("test", text.as_bytes());
                }
            }
        }
    }
}
