//! How errors write the columns and fields of a table.

/// A column as an error names it.
pub(super) fn called(names: Option<&[String]>, column: usize) -> String {
    names.map_or_else(
        || column.to_string(),
        |names| format!("`{}`", names[column]),
    )
}

/// A field as an error shows it.
pub(super) fn quoted(field: &str) -> String {
    const MOST: usize = 40;
    if field.is_empty() {
        return "nothing".to_owned();
    }
    let start: String = field.chars().take(MOST).collect();
    let more = if start.len() < field.len() { "..." } else { "" };
    format!("`{}{more}`", start.escape_debug())
}

/// Fields as an error lists them.
pub(super) fn quoted_list(names: &[String]) -> String {
    const MOST: usize = 20;
    let shown: Vec<String> = names.iter().take(MOST).map(|name| quoted(name)).collect();
    match names.len().checked_sub(MOST) {
        Some(more @ 1..) => format!("{} and {more} more", shown.join(", ")),
        _ => shown.join(", "),
    }
}
