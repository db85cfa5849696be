//! Records of a text table: fields apart by a separator, quoted where they hold one, and the line that each begins in.

use super::source::Source;
use crate::base::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// What stands between the fields of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Separator {
    /// `,`
    Comma,
    /// `;`
    Semicolon,
    /// One tab; two have an empty field between them.
    Tab,
    /// Any run of spaces and tabs.
    WhiteSpace,
}

impl Separator {
    /// What separates the fields of a table's first line: the first of comma, semicolon and tab that it has outside quotation
    /// marks, or else white space, as where that leaves numbers alone.
    fn of(line: &str) -> Self {
        let mut quoted = false;
        let bare: Vec<char> = line
            .trim()
            .chars()
            .filter(|&c| {
                quoted ^= c == '"';
                !quoted
            })
            .collect();
        let numbers = || line.split_whitespace().all(|f| f.parse::<f32>().is_ok());
        let found = [Self::Comma, Self::Semicolon, Self::Tab]
            .into_iter()
            .find(|s| bare.contains(&char::from(s.byte())));
        match found {
            Some(Self::Tab) if numbers() => Self::WhiteSpace,
            Some(separator) => separator,
            None => Self::WhiteSpace,
        }
    }

    fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
            Self::Tab => b'\t',
            Self::WhiteSpace => b' ',
        }
    }
}

/// The records of a file, one at a time.
pub(super) struct Records<'a> {
    source: Source<'a>,
    separator: Option<Separator>,
    parser: Option<csv_core::Reader>,
    /// Lines read so far.
    lines: usize,
    /// The line in which the current record begins, counted from 1.
    line: usize,
    buffer: Vec<u8>,
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl<'a> Records<'a> {
    /// Records of `source`; without a `separator` the first line shows it.
    pub(super) fn new(source: Source<'a>, separator: Option<Separator>) -> Self {
        Self {
            source,
            separator,
            parser: None,
            lines: 0,
            line: 0,
            buffer: Vec::new(),
            text: Vec::new(),
            ends: Vec::new(),
        }
    }

    /// Goes to the next record; false at the end of the file. Blank lines are skipped.
    pub(super) fn advance(&mut self) -> Result<bool> {
        let mut begun = false;
        self.text.clear();
        self.ends.clear();
        while self.source.line(&mut self.buffer)? {
            self.lines += 1;
            let Ok(line) = std::str::from_utf8(&self.buffer) else {
                return Err(self.source.wrong(
                    format!("line {}", self.lines),
                    "text in UTF-8",
                    "other bytes",
                ));
            };
            let line = line.trim_end_matches(['\n', '\r']);
            let line = match self.lines {
                1 => line.trim_start_matches('\u{feff}'),
                _ => line,
            };
            if !begun && line.trim().is_empty() {
                continue;
            }
            if !begun {
                self.line = self.lines;
            }
            let separator = *self.separator.get_or_insert_with(|| Separator::of(line));
            let mut line = match separator {
                Separator::WhiteSpace => squeezed(line, begun),
                _ => line.to_owned(),
            };
            line.push('\n');
            begun = true;
            let parser = self.parser.get_or_insert_with(|| {
                csv_core::ReaderBuilder::new()
                    .delimiter(separator.byte())
                    .terminator(csv_core::Terminator::Any(b'\n'))
                    .build()
            });
            if whole(parser, line.as_bytes(), &mut self.text, &mut self.ends) {
                return Ok(true);
            }
        }
        if begun {
            return Err(self.source.wrong(
                format!("line {}", self.line),
                "a closing quotation mark",
                "the end of the file",
            ));
        }
        Ok(false)
    }

    /// Number of fields of the current record; at least 1.
    pub(super) fn width(&self) -> usize {
        self.ends.len()
    }

    /// Field number `i` of the current record, without quotation marks and outer white space.
    pub(super) fn field(&self, i: usize) -> &str {
        let start = i.checked_sub(1).map_or(0, |before| self.ends[before]);
        // Lines are UTF-8 and separators are ASCII, so that fields are UTF-8.
        std::str::from_utf8(&self.text[start..self.ends[i]])
            .unwrap_or_default()
            .trim()
    }

    /// The line in which the current record begins, counted from 1.
    pub(super) fn line(&self) -> usize {
        self.line
    }

    /// The file's name, without its folder.
    pub(super) fn file(&self) -> String {
        self.source.file()
    }

    /// Lines read so far.
    pub(super) fn lines(&self) -> usize {
        self.lines
    }

    /// The error of content that is not what was expected.
    pub(super) fn wrong(
        &self,
        place: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Error {
        self.source.wrong(place, expected, found)
    }
}

/// Adds the fields of `line` to `text` and `ends`; false if the record goes on in the next line, within quotation marks.
fn whole(
    parser: &mut csv_core::Reader,
    line: &[u8],
    text: &mut Vec<u8>,
    ends: &mut Vec<usize>,
) -> bool {
    let (mut read, mut written, mut fields) = (0, text.len(), ends.len());
    // What a line adds is never longer than the line.
    text.resize(written + line.len(), 0);
    ends.resize(fields + line.len(), 0);
    let done = loop {
        let (result, took, wrote, ended) =
            parser.read_record(&line[read..], &mut text[written..], &mut ends[fields..]);
        read += took;
        written += wrote;
        fields += ended;
        match result {
            csv_core::ReadRecordResult::InputEmpty => break false,
            csv_core::ReadRecordResult::Record | csv_core::ReadRecordResult::End => break true,
            csv_core::ReadRecordResult::OutputFull => text.resize(2 * text.len() + 1, 0),
            csv_core::ReadRecordResult::OutputEndsFull => ends.resize(2 * ends.len() + 1, 0),
        }
    };
    text.truncate(written);
    ends.truncate(fields);
    done
}

/// `line` with one space for every run of white space outside quotation marks and none at its ends; `quoted` if it begins
/// inside them.
fn squeezed(line: &str, mut quoted: bool) -> String {
    let mut out = String::with_capacity(line.len() + 1);
    let (mut gap, mut closed) = (false, false);
    for c in line.chars() {
        if !quoted && c.is_whitespace() {
            gap = true;
            continue;
        }
        let begins = gap || out.is_empty();
        if gap && !out.is_empty() {
            out.push(' ');
        }
        gap = false;
        let was = quoted;
        if c == '"' {
            // A field may begin with a quotation mark, and two within it stand for one.
            quoted = !was && (begins || closed);
        }
        closed = was && !quoted;
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each record with the line that it begins in.
    fn records(
        text: &str,
        separator: Option<Separator>,
    ) -> Result<Vec<(usize, Vec<String>)>, String> {
        let read = || -> Result<_> {
            let source = Source::named("test", text.as_bytes())?;
            let mut records = Records::new(source, separator);
            let mut all = Vec::new();
            while records.advance()? {
                let fields = (0..records.width()).map(|i| records.field(i).to_owned());
                all.push((records.line(), fields.collect()));
            }
            Ok(all)
        };
        read().map_err(|e| e.to_string())
    }

    fn owned(records: &[(usize, &[&str])]) -> Vec<(usize, Vec<String>)> {
        let owned = |fields: &[&str]| fields.iter().map(|&field| field.to_owned()).collect();
        records.iter().map(|&(line, f)| (line, owned(f))).collect()
    }

    #[test]
    fn quoted_fields_hold_separators_and_line_ends() {
        let text = "\"a,b\",\"c \"\"d\"\"\",kind\r\n\r\n\"1\",2,\"x, \ny\"\r\n3,4,z\r\n";
        // A record of two lines is counted as two.
        let found = Ok(owned(&[
            (1, &["a,b", "c \"d\"", "kind"]),
            (3, &["1", "2", "x, \ny"]),
            (5, &["3", "4", "z"]),
        ]));
        assert_eq!(records(text, None), found);
        assert_eq!(
            records("a,b\n1,x\n2,\"y\n3,z\n", None).unwrap_err(),
            "test, line 3: expected a closing quotation mark, found the end of the file"
        );
        assert_eq!(
            records(" \"fixed  acidity\"   pH\n 1   2\n", None),
            Ok(owned(&[(1, &["fixed  acidity", "pH"]), (2, &["1", "2"])]))
        );
    }

    #[test]
    fn tabs_hold_their_places_and_names_with_spaces() {
        assert_eq!(
            records("fixed acidity\tpH\n1\t2\n", None),
            Ok(owned(&[(1, &["fixed acidity", "pH"]), (2, &["1", "2"])]))
        );
        // Among numbers alone a tab is white space, unless it is declared.
        let text = "1\t2\t3\n4\t\t6\n";
        assert_eq!(
            records(text, None),
            Ok(owned(&[(1, &["1", "2", "3"]), (2, &["4", "6"])]))
        );
        assert_eq!(
            records(text, Some(Separator::Tab)),
            Ok(owned(&[(1, &["1", "2", "3"]), (2, &["4", "", "6"])]))
        );
    }
}
