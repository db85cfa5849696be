//! Where readers read from: a file, compressed or not, and the errors that name it.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The first bytes of a file in gzip's format.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// An open file.
pub(super) struct Source {
    path: PathBuf,
    reader: Box<dyn BufRead>,
}

impl Source {
    /// Opens a file; one that begins as gzip does is unpacked on the way, whatever its name.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|source| Error::Io {
            path: path.to_owned(),
            source,
        })?;
        Self::new(path, Box::new(BufReader::new(file)))
    }

    fn new(path: &Path, reader: Box<dyn BufRead>) -> Result<Self> {
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
    pub(super) fn named(name: &str, bytes: &[u8]) -> Result<Self> {
        Self::new(
            Path::new(name),
            Box::new(std::io::Cursor::new(bytes.to_vec())),
        )
    }

    /// Bytes in place of a file.
    #[cfg(test)]
    pub(super) fn of(bytes: impl AsRef<[u8]> + 'static) -> Result<Self> {
        Self::new(Path::new("test"), Box::new(std::io::Cursor::new(bytes)))
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
