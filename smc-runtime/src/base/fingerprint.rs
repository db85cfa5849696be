//! A number that stands for many.

/// A number that stands for others: each is mixed in by a rotation and an odd factor, and the end by the finaliser of
/// SplitMix64. Two sequences that differ have the same one by chance alone; it is no protection against malice.
pub(crate) fn fingerprint(numbers: impl IntoIterator<Item = u64>) -> u64 {
    let mut mixed = Mixed::default();
    for number in numbers {
        mixed.add(number);
    }
    mixed.number()
}

const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// The same of numbers that come one by one.
pub(crate) struct Mixed(u64);

impl Default for Mixed {
    fn default() -> Self {
        Self(FACTOR)
    }
}

impl Mixed {
    pub(crate) fn add(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(23) ^ number).wrapping_mul(FACTOR);
    }

    pub(crate) fn number(self) -> u64 {
        let mut hash = self.0;
        hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        hash ^ (hash >> 31)
    }
}
