//! The first line of a table: whether it names the columns.

use crate::base::error::Result;
use crate::data::records::{Records, Separator};
use crate::data::source::Source;

/// The records of a table, at its first row of fields, and the names in its header, if it has one.
pub(super) fn opened(
    source: Source<'_>,
    separator: Option<Separator>,
    header: Option<bool>,
) -> Result<(Records<'_>, Option<Vec<String>>)> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_has_no_number_unless_it_is_declared() {
        let names = |text: &str, header: Option<bool>| {
            let source = Source::named("test", text.as_bytes()).unwrap();
            opened(source, None, header).unwrap().1
        };
        let named = |names: [&str; 2]| Some(names.map(str::to_owned).to_vec());
        assert_eq!(names("a,b\n1,2\n", None), named(["a", "b"]));
        assert_eq!(names("a,2020\n1,2\n", None), None);
        assert_eq!(names("a,2020\n1,2\n", Some(true)), named(["a", "2020"]));
        assert_eq!(names("a,b\nc,d\n", Some(false)), None);
    }
}
