//! Values as bytes that bring back every bit of a number.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::base::error::{Error, Result};
use crate::base::fingerprint::fingerprint;

/// A value as bytes, in the format of the crate `postcard` with a checksum at the end: what goes through it comes back bit for
/// bit, whatever the format that the bytes themselves are kept in, or not at all. The checksum finds accidents, not malice.
///
/// ```
/// use smc_runtime::base::saved::Saved;
/// let saved = Saved::of(&(1u64, vec![f64::NEG_INFINITY, 0.1]))?;
/// let json = serde_json::to_string(&saved).unwrap();
/// let again: Saved = serde_json::from_str(&json).unwrap();
/// assert_eq!(again.read::<(u64, Vec<f64>)>()?, (1, vec![f64::NEG_INFINITY, 0.1]));
/// assert!(again.read::<Vec<String>>().is_err());
/// # Ok::<(), smc_runtime::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved(Vec<u8>);

impl Saved {
    /// `value` as bytes.
    ///
    /// # Errors
    /// If its own `Serialize` refuses.
    pub fn of<T: Serialize>(value: &T) -> Result<Self> {
        let bytes = postcard::to_allocvec(value);
        let mut bytes = bytes.map_err(|e| damaged(&e.to_string()))?;
        let check = check(&bytes);
        bytes.extend(check.to_le_bytes());
        Ok(Self(bytes))
    }

    /// The bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Of bytes that [`bytes`](Self::bytes) gave; [`read`](Self::read) sees whether they are.
    pub(crate) fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The value again.
    ///
    /// # Errors
    /// If the bytes are not those of a `T`.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        let Some((bytes, found)) = self.0.split_last_chunk() else {
            return Err(damaged("nothing"));
        };
        if check(bytes) != u64::from_le_bytes(*found) {
            return Err(damaged("others: the checksum does not fit"));
        }
        match postcard::take_from_bytes(bytes) {
            Ok((value, [])) => Ok(value),
            Ok((_, rest)) => Err(damaged(&format!(
                "those of another type, {} too many",
                rest.len()
            ))),
            Err(error) => Err(damaged(&format!("those of another type: {error}"))),
        }
    }
}

fn check(bytes: &[u8]) -> u64 {
    fingerprint(bytes.iter().map(|&byte| u64::from(byte)))
}

fn damaged(why: &str) -> Error {
    Error::shape("a saved value", "the bytes that were written", why)
}
