//! A column as a user names it, and where a table has it.

use std::fmt;

use crate::base::error::{Error, Result};
use crate::data::records::Records;
use crate::data::words::{quoted, quoted_list};

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

impl Column {
    /// The number of the column in a table with these `names`; an error calls it `what`, which it is declared as.
    ///
    /// # Errors
    /// If there is no such column, or more than one.
    pub(super) fn position(
        &self,
        what: &str,
        records: &Records<'_>,
        names: Option<&[String]>,
    ) -> Result<usize> {
        let width = records.width();
        let wrong = |expected: String, found: String| -> Result<usize, Error> {
            Err(records.wrong(format!("line {}", records.line()), expected, found))
        };
        match (self, names) {
            (Self::Last, _) => Ok(width - 1),
            (Self::Number(number), _) if *number < width => Ok(*number),
            (Self::Number(number), _) => wrong(
                format!("a column {number}, counted from 0, for {what}"),
                format!("{width} columns"),
            ),
            (Self::Named(name), None) => wrong(
                format!("a header that names the column `{name}` for {what}"),
                "a row".to_owned(),
            ),
            (Self::Named(name), Some(names)) => {
                let mut places = (0..width).filter(|&i| names[i] == *name);
                match (places.next(), places.next()) {
                    (Some(place), None) => Ok(place),
                    (None, _) => {
                        let near = near(name, names)
                            .map(|near| format!("; did you mean {}?", quoted(near)));
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
    use crate::data::source::Source;
    use crate::data::table::header::opened;

    fn place(column: impl Into<Column>, text: &str) -> Result<usize, String> {
        let source = Source::named("test", text.as_bytes()).unwrap();
        let (records, names) = opened(source, None, None).unwrap();
        let place = column
            .into()
            .position("the target", &records, names.as_deref());
        place.map_err(|e| e.to_string())
    }

    #[test]
    fn a_column_is_the_last_or_has_a_number_or_a_name() {
        let text = "a,b,c\n1,2,3\n";
        assert_eq!(place("a", text), Ok(0));
        assert_eq!(place(1, text), Ok(1));
        assert_eq!(place(Column::Last, text), Ok(2));
        assert_eq!(
            place("d", text).unwrap_err(),
            "test, line 1: expected a column `d` for the target, found `a`, `b`, `c`"
        );
        assert_eq!(
            place("a", "a,b,a\n1,2,3\n").unwrap_err(),
            "test, line 1: expected one column `a` for the target, found `a`, `b`, `a`"
        );
        assert_eq!(
            place(3, text).unwrap_err(),
            "test, line 1: expected a column 3, counted from 0, for the target, found 3 columns"
        );
        assert_eq!(
            place("a", "1,2,3\n").unwrap_err(),
            "test, line 1: expected a header that names the column `a` for the target, found a row"
        );
    }

    #[test]
    fn a_name_that_is_almost_there_is_suggested() {
        let of = |name: &str| place(name, "pH,quality\n1,2\n").unwrap_err();
        assert_eq!(
            of("qualty"),
            "test, line 1: expected a column `qualty` for the target; did you mean `quality`?, found `pH`, `quality`"
        );
        assert!(of("PH").contains("did you mean `pH`?"));
        assert!(!of("sugar").contains("did you mean"));
    }
}
