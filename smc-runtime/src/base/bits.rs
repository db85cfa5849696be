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

/// A number that stands for others: each is mixed in by a rotation and an odd factor, and the end by the finaliser of
/// SplitMix64. Two sequences that differ have the same one by chance alone; it is no protection against malice.
pub(crate) fn fingerprint(numbers: impl IntoIterator<Item = u64>) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, x: u64| (hash.rotate_left(23) ^ x).wrapping_mul(FACTOR);
    let mut hash = numbers.into_iter().fold(FACTOR, mix);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}
