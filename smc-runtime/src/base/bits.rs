//! Numbers as their bits: an `f64` that is saved to the last one (JSON has no infinity, and its readers may round), and a
//! fingerprint of many.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
pub(crate) fn serialize<S: Serializer>(x: &f64, to: S) -> Result<S::Ok, S::Error> {
    x.to_bits().serialize(to)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    u64::deserialize(from).map(f64::from_bits)
}

/// The same for many.
pub(crate) mod many {
    use super::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(x: &[f64], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(x.iter().map(|x| x.to_bits()))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f64>, D::Error> {
        Vec::<u64>::deserialize(from).map(|bits| bits.into_iter().map(f64::from_bits).collect())
    }
}

/// A number that stands for others: FNV-1a on their bytes. Two sequences that differ have the same one by chance alone.
pub(crate) fn fingerprint(numbers: impl IntoIterator<Item = u64>) -> u64 {
    const PRIME: u64 = 0x0100_0000_01b3;
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    let bytes = numbers.into_iter().flat_map(u64::to_le_bytes);
    bytes.fold(BASIS, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(PRIME)
    })
}
