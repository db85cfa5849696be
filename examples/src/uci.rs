//! Folders of regression tables with published splits, as they go with Hernández-Lobato and Adams (2015) and with Gal and
//! Ghahramani (2016): `data.txt`, `index_features.txt`, `index_target.txt`, `splits_train.txt` and `splits_test.txt`.

use std::path::{Path, PathBuf};

use smc_runtime::data::{Separator, Table, read_text};
use smc_runtime::prelude::*;

/// A table and its splits.
#[derive(Clone, Debug)]
pub struct UciSet {
    /// All rows, in the order of the file.
    pub data: Dataset,
    /// Row numbers of the training and the test part of every split.
    pub splits: Vec<(Vec<usize>, Vec<usize>)>,
}

impl UciSet {
    /// Reads the folder `folder/name`. Every file may be packed by gzip, with `.gz` at the end of its name.
    ///
    /// Numbers in `data.txt` are separated by white space. The index files hold numbers of columns, written as floats; line i
    /// of a splits file holds the row numbers of split i. All are counted from 0.
    ///
    /// # Errors
    /// If there is no such set (the message lists those there are) or a file is missing; if a number is none, or one of a
    /// column or row that does not exist; if a line of the table has more or fewer fields than the first; if the target is a
    /// feature too; and if the two splits files do not have as many lines, or a split has a row in both parts or twice in one.
    pub fn read(folder: &Path, name: &str) -> Result<Self> {
        let set = folder.join(name);
        if name.is_empty() || !set.is_dir() {
            let known = sets(folder)?.join(", ");
            let expected = format!("one of {known} in {}", folder.display());
            return Err(Error::config("set", name, expected));
        }
        let data = table(&set)?;
        let splits = splits(&set, data.rows())?;
        Ok(Self { data, splits })
    }

    /// The training and the test rows of split `i`; the training rows in the order of the file.
    ///
    /// # Errors
    /// If there are not as many splits.
    pub fn split(&self, i: usize) -> Result<(Dataset, Dataset)> {
        let Some((train, test)) = self.splits.get(i) else {
            let expected = format!("one of the {} there are", self.splits.len());
            return Err(Error::config("split", i, expected));
        };
        Ok((self.data.select(train)?, self.data.select(test)?))
    }
}

/// Names of the folders in `folder` that hold a table.
fn sets(folder: &Path) -> Result<Vec<String>> {
    let io = |source| Error::Io {
        path: folder.to_owned(),
        source,
    };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if file(&path, "data.txt").exists()
            && let Some(name) = path.file_name().and_then(|n| n.to_str())
        {
            names.push(name.to_owned());
        }
    }
    names.sort();
    if names.is_empty() {
        return Err(wrong(
            folder,
            "its folders",
            "one with a file data.txt or data.txt.gz",
            "none",
        ));
    }
    Ok(names)
}

fn wrong(
    path: &Path,
    place: impl Into<String>,
    expected: impl Into<String>,
    found: impl Into<String>,
) -> Error {
    Error::Content {
        path: path.to_owned(),
        place: place.into(),
        expected: expected.into(),
        found: found.into(),
    }
}

fn table(set: &Path) -> Result<Dataset> {
    let path = file(set, "data.txt");
    let text = read_text(&path)?;
    let first = text.lines().find(|line| !line.trim().is_empty());
    let width = first.map_or(0, |line| line.split_whitespace().count());
    if width == 0 {
        return Err(wrong(&path, "line 1", "a row of numbers", "an empty file"));
    }
    let columns = |name: &str| {
        let path = file(set, name);
        let lines = read_text(&path)?;
        let mut columns = Vec::new();
        for (line, text) in lines.lines().enumerate() {
            columns.extend(numbers(&path, line, text, width, "column")?);
        }
        if columns.is_empty() {
            return Err(wrong(&path, "line 1", "a column number", "an empty file"));
        }
        Ok((path, columns))
    };
    let (_, features) = columns("index_features.txt")?;
    let (path_of_target, target) = columns("index_target.txt")?;
    let [target] = target[..] else {
        let found = format!("{} numbers", target.len());
        return Err(wrong(
            &path_of_target,
            "its lines",
            "one column number",
            found,
        ));
    };
    if features.contains(&target) {
        let found = format!("column {target}, which index_features names");
        return Err(wrong(
            &path_of_target,
            "line 1",
            "a column that is no feature",
            found,
        ));
    }
    let ignored = (0..width).filter(|c| *c != target && !features.contains(c));
    Table::new()
        .separator(Separator::WhiteSpace)
        .header(false)
        .target(target)
        .ignore(ignored)
        .read(&path)
}

fn splits(set: &Path, rows: usize) -> Result<Vec<(Vec<usize>, Vec<usize>)>> {
    let part = |name: &str| {
        let path = file(set, name);
        let text = read_text(&path)?;
        let lines = text.lines().enumerate();
        let lines = lines.map(|(line, text)| numbers(&path, line, text, rows, "row"));
        Ok((path.clone(), lines.collect::<Result<Vec<_>>>()?))
    };
    let (_, train) = part("splits_train.txt")?;
    let (path, test) = part("splits_test.txt")?;
    if train.len() != test.len() {
        let expected = format!("{} splits, as in splits_train", train.len());
        let found = format!("{} lines", test.len());
        return Err(wrong(&path, "its lines", expected, found));
    }
    for (split, (train, test)) in train.iter().zip(&test).enumerate() {
        if train.is_empty() || test.is_empty() {
            let place = format!("line {}", split + 1);
            let expected = "a row or more in both parts of a split";
            return Err(wrong(&path, place, expected, "none in one"));
        }
        let mut seen = vec![false; rows];
        let mut both = train.iter().chain(test);
        if let Some(row) = both.find(|&&row| std::mem::replace(&mut seen[row], true)) {
            let place = format!("line {}", split + 1);
            let expected = "every row at most once in the two parts of a split";
            return Err(wrong(&path, place, expected, format!("row {row} twice")));
        }
    }
    Ok(train.into_iter().zip(test).collect())
}

/// The numbers in a line, all below `end`.
fn numbers(path: &Path, line: usize, text: &str, end: usize, what: &str) -> Result<Vec<usize>> {
    let number = |(place, field): (usize, &str)| match field.parse::<f64>() {
        Ok(x) if x >= 0.0 && x.fract() == 0.0 && x < end as f64 => Ok(x as usize),
        _ => {
            let expected = format!("the number of a {what}, 0 to {}", end - 1);
            let place = format!("line {}, field {place}", line + 1);
            Err(wrong(path, place, expected, format!("`{field}`")))
        }
    };
    text.split_whitespace().enumerate().map(number).collect()
}

/// `name`, or `name.gz` where that is what there is.
pub fn file(folder: &Path, name: &str) -> PathBuf {
    let (plain, packed) = (folder.join(name), folder.join(format!("{name}.gz")));
    if !plain.exists() && packed.exists() {
        packed
    } else {
        plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of this process with one set `small`, which goes when the test ends.
    struct Folder(PathBuf);

    impl Folder {
        fn new(test: &str) -> Self {
            let name = format!("uci-{test}-{}", std::process::id());
            let folder = Self(std::env::temp_dir().join(name));
            std::fs::create_dir_all(folder.0.join("small")).unwrap();
            for (name, text) in [
                ("data.txt", "1 2.5\t9 10\n3 4 9 20 \n5 6 9 30\n7 8 9 40\n"),
                ("index_features.txt", "0.000e+00\n1.000e+00\n"),
                ("index_target.txt", "3.000000000000000000e+00\n"),
                ("splits_train.txt", "2 0 1\n3 1 2\n"),
                ("splits_test.txt", "3\n0\n"),
            ] {
                folder.write(name, text);
            }
            folder
        }

        fn write(&self, name: &str, text: &str) {
            std::fs::write(self.0.join("small").join(name), text).unwrap();
        }

        fn read(&self, set: &str) -> Result<UciSet, String> {
            let read = UciSet::read(&self.0, set);
            let root = format!("{}/small/", self.0.display());
            read.map_err(|e| e.to_string().replace(&root, ""))
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_split_holds_the_rows_that_its_line_names() {
        let set = Folder::new("split").read("small").unwrap();
        assert_eq!((set.data.columns(), set.splits.len()), (2, 2));
        let (train, test) = set.split(0).unwrap();
        assert_eq!(train.targets(), [30.0, 10.0, 20.0]);
        assert_eq!(
            (test.row(0), test.targets()),
            (&[7.0, 8.0][..], &[40.0][..])
        );
        assert_eq!(set.split(1).unwrap().1.row(0), [1.0, 2.5]);
        assert!(set.split(2).unwrap_err().to_string().contains("the 2"));
    }

    #[test]
    fn what_is_wrong_is_named_with_file_and_place() {
        for (name, text, expected) in [
            (
                "data.txt",
                "1 2 9 10\n3 4 20\n",
                "data.txt, line 2 (row 1): expected 4 fields, as in line 1, found 3",
            ),
            (
                "data.txt",
                "1 2 9 10\n3 x 9 20\n",
                "data.txt, line 2 (row 1), column 1: expected a number, found `x`",
            ),
            (
                "data.txt",
                "\n",
                "data.txt, line 1: expected a row of numbers, found an empty file",
            ),
            (
                "index_features.txt",
                "0\n4\n",
                "index_features.txt, line 2, field 0: expected the number of a column, 0 to 3, found `4`",
            ),
            (
                "index_features.txt",
                "0.5\n",
                "index_features.txt, line 1, field 0: expected the number of a column, 0 to 3, found `0.5`",
            ),
            (
                "index_features.txt",
                "",
                "index_features.txt, line 1: expected a column number, found an empty file",
            ),
            (
                "index_target.txt",
                "1\n",
                "index_target.txt, line 1: expected a column that is no feature, found column 1, which index_features names",
            ),
            (
                "index_target.txt",
                "3 2\n",
                "index_target.txt, its lines: expected one column number, found 2 numbers",
            ),
            (
                "splits_train.txt",
                "0 1 2\n",
                "splits_test.txt, its lines: expected 1 splits, as in splits_train, found 2 lines",
            ),
            (
                "splits_train.txt",
                "0 1\n2 4\n",
                "splits_train.txt, line 2, field 1: expected the number of a row, 0 to 3, found `4`",
            ),
            (
                "splits_train.txt",
                "0 1\n-1\n",
                "splits_train.txt, line 2, field 0: expected the number of a row, 0 to 3, found `-1`",
            ),
            (
                "splits_test.txt",
                "3\n1\n",
                "splits_test.txt, line 2: expected every row at most once in the two parts of a split, found row 1 twice",
            ),
            (
                "splits_test.txt",
                "3\n\n",
                "splits_test.txt, line 2: expected a row or more in both parts of a split, found none in one",
            ),
        ] {
            let folder = Folder::new("wrong");
            folder.write(name, text);
            assert_eq!(folder.read("small").unwrap_err(), expected);
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let folder = Folder::new("missing");
        let error = folder.read("large").unwrap_err();
        assert!(
            error.starts_with("set = large: one of small in "),
            "{error}"
        );
        std::fs::remove_file(folder.0.join("small/splits_test.txt")).unwrap();
        let error = folder.read("small").unwrap_err();
        assert!(error.starts_with("splits_test.txt: "), "{error}");
    }
}
