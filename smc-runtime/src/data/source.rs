//! Where readers read from: a file, compressed or not, and the errors that name it.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind};
use std::path::{Path, PathBuf};

use crate::base::error::{Error, Result};

/// The first bytes of a file in gzip's format.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The text of a file, for formats that have no reader here; one that gzip has compressed is unpacked, with the feature
/// `gzip`.
///
/// # Errors
/// If the file cannot be read, or is not in UTF-8.
///
/// ```
/// use smc_runtime::data::read_text;
/// let error = read_text("no-such-folder/splits.txt").unwrap_err().to_string();
/// assert!(error.starts_with("no-such-folder/splits.txt: "));
/// ```
pub fn read_text(path: impl AsRef<Path>) -> Result<String> {
    Source::open(path.as_ref())?.text()
}

/// An open file, or bytes in its place.
pub(super) struct Source<'a> {
    path: PathBuf,
    reader: Box<dyn BufRead + 'a>,
}

impl<'a> Source<'a> {
    /// Opens a file; one that begins as gzip does is unpacked on the way, whatever its name.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|source| Error::Io {
            path: path.to_owned(),
            source,
        })?;
        Self::new(path, Box::new(BufReader::new(file)))
    }

    fn new(path: &Path, reader: Box<dyn BufRead + 'a>) -> Result<Self> {
        let mut source = Self {
            path: path.to_owned(),
            reader,
        };
        let start = source.reader.fill_buf();
        let packed = start.map(|bytes| bytes.starts_with(&GZIP));
        if packed.map_err(|e| source.io(e))? {
            source.unpack()
        } else {
            Ok(source)
        }
    }

    #[cfg(feature = "gzip")]
    #[allow(clippy::unnecessary_wraps)] // it can fail where the feature is off
    fn unpack(self) -> Result<Self> {
        let reader = BufReader::new(flate2::bufread::MultiGzDecoder::new(self.reader));
        Ok(Self {
            reader: Box::new(reader),
            ..self
        })
    }

    #[cfg(not(feature = "gzip"))]
    fn unpack(self) -> Result<Self> {
        Err(self.wrong(
            "start",
            "a file that is not compressed, as this build is without the feature `gzip`",
            "gzip",
        ))
    }

    /// Bytes in place of a file, which errors call `name`.
    pub(super) fn named(name: &str, bytes: &'a [u8]) -> Result<Self> {
        Self::new(Path::new(name), Box::new(bytes))
    }

    fn io(&self, source: std::io::Error) -> Error {
        Error::Io {
            path: self.path.clone(),
            source,
        }
    }

    /// The error of content that is not what the format asks for.
    pub(super) fn wrong(
        &self,
        place: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Error {
        Error::Content {
            path: self.path.clone(),
            place: place.into(),
            expected: expected.into(),
            found: found.into(),
        }
    }

    /// The file's name, without its folder.
    pub(super) fn file(&self) -> String {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        name.to_string_lossy().into_owned()
    }

    /// All lines that are left.
    fn text(mut self) -> Result<String> {
        let (mut text, mut line) = (String::new(), Vec::new());
        let mut number = 0;
        while self.line(&mut line)? {
            number += 1;
            let part = std::str::from_utf8(&line);
            text += part.map_err(|_| {
                self.wrong(format!("line {number}"), "text in UTF-8", "other bytes")
            })?;
        }
        Ok(text)
    }

    /// Replaces `line` by the next line; false at the end of the file.
    pub(super) fn line(&mut self, line: &mut Vec<u8>) -> Result<bool> {
        line.clear();
        let read = self.reader.read_until(b'\n', line);
        Ok(read.map_err(|e| self.io(e))? > 0)
    }

    /// Up to `buffer.len()` bytes; 0 at the end of the file.
    pub(super) fn bytes(&mut self, buffer: &mut [u8]) -> Result<usize> {
        loop {
            match self.reader.read(buffer) {
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                read => return read.map_err(|e| self.io(e)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_as_it_is_and_other_bytes_are_named() {
        let text = "1 2\n\n3\r\n\u{fc}";
        let read = |bytes| Source::named("test", bytes)?.text();
        assert_eq!(read(text.as_bytes()).unwrap(), text);
        assert_eq!(read(b"").unwrap(), "");
        let error = read(b"1\n\xff\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "test, line 2: expected text in UTF-8, found other bytes"
        );
    }

    #[cfg(feature = "gzip")]
    #[test]
    fn compressed_files_are_unpacked_and_broken_ones_named() {
        use std::io::Write;
        let lines: Vec<String> = (0..2000).map(|i| format!("{i},{}", i * i % 97)).collect();
        let text = lines.join("\n");
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(text.as_bytes()).unwrap();
        let packed = packed.finish().unwrap();
        let of = |bytes: &[u8]| Source::named("table.gz", bytes)?.text();
        assert_eq!(of(&packed).unwrap(), of(text.as_bytes()).unwrap());
        for bytes in [
            &packed[..packed.len() / 2],
            &packed[..packed.len() - 3],
            &packed[..2],
        ] {
            let error = of(bytes).unwrap_err().to_string();
            assert!(error.starts_with("table.gz: "), "{error}");
        }
        let mut flipped = packed.clone();
        let at = flipped.len() - 6;
        flipped[at] ^= 1;
        let error = of(&flipped).unwrap_err().to_string();
        assert!(error.starts_with("table.gz: "), "{error}");
        // A name that ends in .gz makes no gzip.
        assert_eq!(of(b"1,x\n").unwrap(), "1,x\n");
    }
}
