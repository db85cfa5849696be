//! Where a table has the columns that were learned of another: by name if both have a header, by position otherwise.

use super::columns::{ColumnRole, Columns};
use crate::base::error::Result;
use crate::data::records::Records;
use crate::data::words::{differences, quoted, quoted_list};

/// The number of the field of each of `columns` in a table with these `names` that begins with the current record; none of
/// a column that is not looked at: an ignored one, or the target unless it is `wanted`.
///
/// # Errors
/// If both have names and a name is on one side alone, or twice in the table; otherwise if the table has more or fewer
/// columns. Ignored columns may be there or not, and so may a target that is not wanted.
pub(super) fn places(
    columns: &Columns,
    records: &Records<'_>,
    names: Option<&[String]>,
    wanted: bool,
) -> Result<Vec<Option<usize>>> {
    let by_position = match (&columns.names, names) {
        (Some(learned), Some(names)) => {
            let mut without = learned.clone();
            without.remove(columns.target);
            learned == names || !wanted && without == names
        }
        _ => true,
    };
    match (&columns.names, names) {
        (Some(learned), Some(names)) if !by_position => {
            by_name(columns, learned, records, names, wanted)
        }
        _ => in_order(columns, records, wanted),
    }
}

/// Whether column number `column` is read; the target unless it is `wanted` is not.
fn is_read(columns: &Columns, column: usize, wanted: bool) -> bool {
    columns.roles[column] != ColumnRole::Ignored && (wanted || column != columns.target)
}

fn in_order(columns: &Columns, records: &Records<'_>, wanted: bool) -> Result<Vec<Option<usize>>> {
    let (width, learned) = (records.width(), columns.roles.len());
    let without = !wanted && width + 1 == learned;
    if width != learned && !without {
        return Err(records.wrong(
            format!("line {}", records.line()),
            format!("{learned} fields, as in the table learned from"),
            width.to_string(),
        ));
    }
    let place = |column: usize| column - usize::from(without && column > columns.target);
    Ok((0..learned)
        .map(|c| is_read(columns, c, wanted).then(|| place(c)))
        .collect())
}

fn by_name(
    columns: &Columns,
    learned: &[String],
    records: &Records<'_>,
    names: &[String],
    wanted: bool,
) -> Result<Vec<Option<usize>>> {
    let wrong = |expected: String, found: String| {
        Err(records.wrong(format!("line {}", records.line()), expected, found))
    };
    let read: Vec<usize> = (0..learned.len())
        .filter(|&c| is_read(columns, c, wanted))
        .collect();
    let mut missing = Vec::new();
    let mut places = vec![None; learned.len()];
    for &column in &read {
        let name = &learned[column];
        let mut found = (0..names.len()).filter(|&i| names[i] == *name);
        places[column] = found.next();
        let twice =
            found.next().is_some() || read.iter().any(|&c| c != column && learned[c] == *name);
        if places[column].is_none() {
            missing.push(name.clone());
        } else if twice {
            return wrong(
                format!(
                    "one column {}, as the others are in another order",
                    quoted(name)
                ),
                quoted_list(names),
            );
        }
    }
    let new = names.iter().filter(|name| !learned.contains(name));
    let new: Vec<String> = new.cloned().collect();
    if missing.is_empty() && new.is_empty() {
        return Ok(places);
    }
    wrong(
        "the columns of the table learned from, in any order".to_owned(),
        differences(&missing, &new),
    )
}
