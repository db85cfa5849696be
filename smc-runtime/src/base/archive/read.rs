//! From a file to arrays.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use safetensors::Dtype;
use safetensors::tensor::Metadata;
use serde::de::DeserializeOwned;

use super::{CHECKS, CONTENT, Check, FORMAT, KIND, VERSION, WRITER, check};
use crate::base::error::{Error, Result};

/// A file that [`archive`](super::archive()) wrote. Its header is checked when it is opened, each block when it is read; no more is allocated than the file is
/// long.
pub struct Archive {
    path: PathBuf,
    file: Mutex<File>,
    /// Where arrays begin.
    start: u64,
    bytes: u64,
    metadata: Metadata,
    checks: HashMap<String, String>,
}

/// Bytes that are read together; a multiple of 8.
const TOGETHER: usize = 1 << 18;

/// Bytes that stand before the header.
const BEFORE: u64 = 8;

impl Archive {
    /// Opens the file `path`, an archive of that `kind`.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Content`] where it is no archive, one of another kind or format, or damaged.
    pub fn open(path: impl AsRef<Path>, kind: &str) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let failed = |source| Error::Io {
            path: path.clone(),
            source,
        };
        let mut file = File::open(&path).map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        let content = |place: &str, expected: String, found: String| Error::Content {
            path: path.clone(),
            place: place.to_owned(),
            expected,
            found,
        };
        let mut length = [0; BEFORE as usize];
        let short = || {
            let expected = format!("a header and its length, {BEFORE} bytes and more");
            content("beginning", expected, format!("{bytes} bytes"))
        };
        if bytes < BEFORE {
            return Err(short());
        }
        file.read_exact(&mut length).map_err(failed)?;
        let length = u64::from_le_bytes(length);
        if length > bytes - BEFORE {
            let expected = format!(
                "a header of at most the {} bytes that follow",
                bytes - BEFORE
            );
            return Err(content(
                "beginning",
                expected,
                format!("one of {length} bytes"),
            ));
        }
        let mut header = vec![0; length as usize];
        file.read_exact(&mut header).map_err(failed)?;
        let metadata: Metadata = serde_json::from_slice(&header).map_err(|e| {
            content(
                "header",
                "that of a safetensors file".to_owned(),
                e.to_string(),
            )
        })?;
        let start = BEFORE + length;
        let end = start.checked_add(metadata.data_len() as u64);
        if end != Some(bytes) {
            let expected = format!(
                "{} bytes of arrays, as the header says",
                metadata.data_len()
            );
            return Err(content("end", expected, format!("{}", bytes - start)));
        }
        let word = |key: &str| {
            let words = metadata.metadata().as_ref();
            words
                .and_then(|m| m.get(key))
                .map_or("nothing", String::as_str)
        };
        for (key, expected) in [(KIND, kind), (VERSION, FORMAT)] {
            let found = word(key);
            if found != expected {
                let found = match word(WRITER) {
                    "nothing" => found.to_owned(),
                    writer => format!("{found}, written by {writer}"),
                };
                return Err(content(key, expected.to_owned(), found));
            }
        }
        let checks = serde_json::from_str(word(CHECKS))
            .map_err(|e| content(CHECKS, "a number for every block".to_owned(), e.to_string()))?;
        let archive = Self {
            file: Mutex::new(file),
            start,
            bytes,
            checks,
            metadata,
            path,
        };
        archive.fits("", check(archive.word(CONTENT).as_bytes()))?;
        Ok(archive)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of the file.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What wrote it.
    pub fn writer(&self) -> &str {
        self.word(WRITER)
    }

    fn word(&self, key: &str) -> &str {
        let words = self.metadata.metadata().as_ref();
        words.and_then(|m| m.get(key)).map_or("", String::as_str)
    }

    /// What is wrong at a place of the file.
    pub fn wrong(
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

    /// Whether the checksum of a block, or of the content, is `found`.
    fn fits(&self, name: &str, found: u64) -> Result<()> {
        let found = format!("{found:016x}");
        if self.checks.get(name) == Some(&found) {
            return Ok(());
        }
        let place = if name.is_empty() { "content" } else { name };
        Err(self.wrong(
            place,
            "the bytes that were written",
            "others: the checksum does not fit",
        ))
    }

    /// The content of the header.
    ///
    /// # Errors
    /// If it is not that of a `T`.
    pub fn content<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(self.word(CONTENT))
            .map_err(|e| self.wrong("content", "what this version writes", e.to_string()))
    }

    /// Names, sizes and numbers of bytes of the blocks, in the order of the file.
    pub fn blocks(&self) -> Vec<(String, Vec<usize>, usize)> {
        let names = self.metadata.offset_keys().into_iter();
        let of = |name: String| {
            let info = self.metadata.info(&name)?;
            let (from, to) = info.data_offsets;
            Some((name, info.shape.clone(), to - from))
        };
        names.filter_map(of).collect()
    }

    /// Whether there is such a block.
    pub fn has(&self, name: &str) -> bool {
        self.metadata.info(name).is_some()
    }

    /// The sizes of a block.
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn shape(&self, name: &str) -> Result<&[usize]> {
        match self.metadata.info(name) {
            Some(info) => Ok(&info.shape),
            None => Err(self.wrong(name, "a block of that name", "none")),
        }
    }

    /// The numbers of a block, each of `N` bytes, read some at a time; an error if its checksum does not fit in the end.
    fn read<T, const N: usize>(
        &self,
        name: &str,
        dtype: Dtype,
        number: impl Fn([u8; N]) -> T,
    ) -> Result<Vec<T>> {
        let info = self.metadata.info(name);
        let info = info.ok_or_else(|| self.wrong(name, "a block of that name", "none"))?;
        if info.dtype != dtype {
            return Err(self.wrong(name, format!("{dtype:?}"), format!("{:?}", info.dtype)));
        }
        let (from, to) = info.data_offsets;
        let mut numbers = Vec::with_capacity((to - from) / N);
        let mut sum = Check::default();
        let mut part = vec![0; TOGETHER.min(to - from)];
        let mut read = || {
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            file.seek(SeekFrom::Start(self.start + from as u64))?;
            let mut left = to - from;
            while left > 0 {
                let part = &mut part[..TOGETHER.min(left)];
                file.read_exact(part)?;
                sum.add(part);
                numbers.extend(part.as_chunks::<N>().0.iter().map(|bytes| number(*bytes)));
                left -= part.len();
            }
            Ok(())
        };
        read().map_err(|source| Error::Io {
            path: self.path.clone(),
            source,
        })?;
        self.fits(name, sum.number())?;
        Ok(numbers)
    }

    /// The 32-bit floats of a block; those of which half were kept have zeros in the other.
    ///
    /// # Errors
    /// If there is none of that name, if it has others, or if it is damaged.
    pub fn f32s(&self, name: &str) -> Result<Vec<f32>> {
        let info = self.metadata.info(name);
        if info.is_some_and(|i| i.dtype == Dtype::BF16) {
            let wide = |x| f32::from_bits(u32::from(u16::from_le_bytes(x)) << 16);
            return self.read(name, Dtype::BF16, wide);
        }
        self.read(name, Dtype::F32, f32::from_le_bytes)
    }

    /// The 64-bit floats of a block.
    ///
    /// # Errors
    /// As [`Archive::f32s`].
    pub fn f64s(&self, name: &str) -> Result<Vec<f64>> {
        self.read(name, Dtype::F64, f64::from_le_bytes)
    }

    /// The whole numbers of a block.
    ///
    /// # Errors
    /// As [`Archive::f32s`].
    pub fn u64s(&self, name: &str) -> Result<Vec<u64>> {
        self.read(name, Dtype::U64, u64::from_le_bytes)
    }

    /// The bytes of a block.
    ///
    /// # Errors
    /// As [`Archive::f32s`].
    pub fn u8s(&self, name: &str) -> Result<Vec<u8>> {
        self.read(name, Dtype::U8, |[byte]: [u8; 1]| byte)
    }
}
