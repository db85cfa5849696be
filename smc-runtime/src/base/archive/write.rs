//! From arrays to a file.

use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{CHECKS, CONTENT, Check, FORMAT, KIND, VERSION, WRITER, check, write_whole};
use crate::base::error::{Error, Result};

/// The numbers of an array.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Values<'a> {
    /// 32-bit floats.
    F32(&'a [f32]),
    /// 64-bit floats.
    F64(&'a [f64]),
    /// Whole numbers.
    U64(&'a [u64]),
    /// The upper halves of 32-bit floats.
    Bf16(&'a [u16]),
    /// Bytes.
    U8(&'a [u8]),
}

impl Values<'_> {
    fn dtype(self) -> &'static str {
        match self {
            Self::F32(_) => "F32",
            Self::F64(_) => "F64",
            Self::U64(_) => "U64",
            Self::Bf16(_) => "BF16",
            Self::U8(_) => "U8",
        }
    }

    fn len(self) -> usize {
        match self {
            Self::F32(values) => 4 * values.len(),
            Self::F64(values) => 8 * values.len(),
            Self::U64(values) => 8 * values.len(),
            Self::Bf16(values) => 2 * values.len(),
            Self::U8(values) => values.len(),
        }
    }

    /// Its bytes, some at a time.
    fn each<E>(self, mut f: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        fn parts<T: Copy, const N: usize, E>(
            values: &[T],
            bytes: impl Fn(T) -> [u8; N],
            f: &mut impl FnMut(&[u8]) -> Result<(), E>,
        ) -> Result<(), E> {
            let mut part = Vec::with_capacity(N * TOGETHER);
            for values in values.chunks(TOGETHER) {
                part.clear();
                part.extend(values.iter().flat_map(|x| bytes(*x)));
                f(&part)?;
            }
            Ok(())
        }
        match self {
            Self::F32(values) => parts(values, f32::to_le_bytes, &mut f),
            Self::F64(values) => parts(values, f64::to_le_bytes, &mut f),
            Self::U64(values) => parts(values, u64::to_le_bytes, &mut f),
            Self::Bf16(values) => parts(values, u16::to_le_bytes, &mut f),
            Self::U8(values) => values.chunks(TOGETHER).try_for_each(f),
        }
    }

    fn check(self) -> u64 {
        let mut check = Check::default();
        let all = self.each(|part| {
            check.add(part);
            Ok::<(), std::convert::Infallible>(())
        });
        match all {
            Ok(()) => check.number(),
        }
    }
}

/// Numbers that become bytes together; a multiple of 8.
const TOGETHER: usize = 1 << 15;

/// An array with its name and sizes.
#[derive(Clone, Debug, PartialEq)]
pub struct Block<'a> {
    /// Its name, which no other has.
    pub name: String,
    /// Sizes, the last one running fastest.
    pub shape: Vec<usize>,
    /// As many numbers as the product of the sizes.
    pub values: Values<'a>,
}

impl<'a> Block<'a> {
    /// An array of that name.
    pub fn new(name: impl Into<String>, shape: &[usize], values: Values<'a>) -> Self {
        Self {
            name: name.into(),
            shape: shape.to_vec(),
            values,
        }
    }
}

/// Writes an archive of that `kind` with `content` in its header and `blocks` behind it; bytes written. The same content gives the same bytes.
///
/// ```
/// use smc_runtime::base::archive::{Archive, Block, Values, archive};
/// let path = std::env::temp_dir().join(format!("smc-archive-{}", std::process::id()));
/// let draws = [1.0f32, -2.0];
/// archive(&path, "example", &"two draws", &[Block::new("draws", &[2, 1], Values::F32(&draws))])?;
/// let again = Archive::open(&path, "example")?;
/// assert_eq!(again.content::<String>()?, "two draws");
/// assert_eq!(again.f32s("draws")?, draws);
/// # std::fs::remove_file(&path).unwrap();
/// # Ok::<(), smc_runtime::Error>(())
/// ```
///
/// # Errors
/// [`Error::Io`], and if `content` cannot be written as JSON.
pub fn archive<T: Serialize>(
    path: &Path,
    kind: &str,
    content: &T,
    blocks: &[Block<'_>],
) -> Result<u64> {
    let text = serde_json::to_string(content);
    let text = text.map_err(|e| Error::shape("the content of a file", "JSON", e.to_string()))?;
    let (mut header, mut checks) = (Map::new(), Map::new());
    checks.insert(String::new(), hex(check(text.as_bytes())));
    let mut end = 0;
    for block in blocks {
        let from = end;
        end += block.values.len();
        let info = json!({
            "dtype": block.values.dtype(), "shape": block.shape, "data_offsets": [from, end],
        });
        header.insert(block.name.clone(), info);
        checks.insert(block.name.clone(), hex(block.values.check()));
    }
    let metadata = json!({
        KIND: kind,
        VERSION: FORMAT,
        WRITER: concat!("smc-runtime ", env!("CARGO_PKG_VERSION")),
        CONTENT: text,
        CHECKS: Value::Object(checks).to_string(),
    });
    header.insert("__metadata__".to_owned(), metadata);
    let mut header = Value::Object(header).to_string().into_bytes();
    // Arrays begin at a multiple of 8, as the format wants it.
    header.resize(header.len().next_multiple_of(8), b' ');
    write_whole(path, |file| {
        file.write_all(&(header.len() as u64).to_le_bytes())?;
        file.write_all(&header)?;
        (blocks.iter()).try_for_each(|block| block.values.each(|part| file.write_all(part)))
    })
}

fn hex(number: u64) -> Value {
    format!("{number:016x}").into()
}
