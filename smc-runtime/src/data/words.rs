//! How errors and notes write the columns, fields and numbers of a table.

/// A column as an error names it.
pub(in crate::data) fn called(names: Option<&[String]>, column: usize) -> String {
    names.map_or_else(
        || column.to_string(),
        |names| format!("`{}`", names[column]),
    )
}

/// A field as an error shows it.
pub(in crate::data) fn quoted(field: &str) -> String {
    const MOST: usize = 40;
    if field.is_empty() {
        return "nothing".to_owned();
    }
    let start: String = field.chars().take(MOST).collect();
    let more = if start.len() < field.len() { "..." } else { "" };
    format!("`{}{more}`", start.escape_debug())
}

/// Fields as an error lists them.
pub(in crate::data) fn quoted_list(names: &[String]) -> String {
    const MOST: usize = 20;
    let shown: Vec<String> = names.iter().take(MOST).map(|name| quoted(name)).collect();
    match names.len().checked_sub(MOST) {
        Some(more @ 1..) => format!("{} and {more} more", shown.join(", ")),
        _ => shown.join(", "),
    }
}

/// How the columns of a table differ from those that were expected, by name.
pub(in crate::data) fn differences(missing: &[String], new: &[String]) -> String {
    let part = |what: &str, names: &[String]| {
        (!names.is_empty()).then(|| format!("{what}: {}", quoted_list(names)))
    };
    let parts = [part("missing", missing), part("new", new)];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// A number as a note shows it: with a power of ten where its digits would be zeros.
pub(in crate::data) fn shown(x: f64) -> String {
    // What has the precision of `f32` is shown by the digits that it needs there; a whole number needs all of its own.
    let narrow = x as f32;
    let plain_whole = x.fract() == 0.0 && x.abs() < 1e16;
    let same = f64::from(narrow) == x && !plain_whole;
    let plain = x == 0.0 || (1e-5..1e16).contains(&x.abs());
    match (plain, same) {
        (true, true) => narrow.to_string(),
        (true, false) => x.to_string(),
        (false, true) => format!("{narrow:e}"),
        (false, false) => format!("{x:e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_by_the_digits_that_they_need() {
        for (x, text) in [
            (f64::from(9.003_711_f32), "9.003711"),
            (-1e4, "-10000"),
            (f64::from(1e30_f32), "1e30"),
            (f64::from(-1e-7_f32), "-1e-7"),
            (1_700_000_060.0, "1700000060"),
            (268_435_456.0, "268435456"),
            (0.0, "0"),
        ] {
            assert_eq!(shown(x), text);
        }
    }

    #[test]
    fn differences_name_what_is_missing_and_what_is_new() {
        let names = |n: &[&str]| n.iter().map(|&n| n.to_owned()).collect::<Vec<_>>();
        let both = differences(&names(&["a", "b"]), &names(&["c"]));
        assert_eq!(both, "missing: `a`, `b`; new: `c`");
        assert_eq!(differences(&[], &names(&["c"])), "new: `c`");
    }
}
