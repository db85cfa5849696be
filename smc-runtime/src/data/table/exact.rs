//! The numbers of a column as they are read, in 64 bits where 32 would not tell them apart.

use serde::{Deserialize, Serialize};

/// How many times its range a column's largest magnitude must be for its numbers to be kept in 64 bits, unless all are whole:
/// seven of the 24 bits of an `f32` are then the same in all of them.
const OFF_CENTRE: f64 = 128.0;

/// The share of the distance of two neighbours that rounding may change.
const DISTORTED: f64 = 0.01;

/// The share of its rounding that a column must be left with for a centre to be worth it.
const WORTH: f64 = 0.25;

/// What a column is stored less, so that `f32` tells its numbers apart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Centre {
    pub(super) shift: f64,
    /// How many different numbers are another's equal in `f32` all the same.
    pub(super) merged: usize,
}

/// A column of numbers while it is read. Its numbers in `f32` stand elsewhere; those in `f64` are here, from the first that is
/// not exact in `f32`, and only while the column is of whole numbers or lies far from zero.
#[derive(Clone, Debug)]
pub(super) struct Exact {
    low: f64,
    high: f64,
    whole: bool,
    kept: Kept,
}

#[derive(Clone, Debug)]
enum Kept {
    /// Every number so far is exact in `f32`.
    Narrow,
    /// Some are not, and all are here; NaN where one is missing.
    Wide(Vec<f64>),
    /// Some are not, and `f32` is good enough for them, for good: neither whole numbers nor the ratio of magnitude and range
    /// come back.
    Rounded,
}

impl Exact {
    pub(super) fn new() -> Self {
        Self {
            low: f64::INFINITY,
            high: f64::NEG_INFINITY,
            whole: true,
            kept: Kept::Narrow,
        }
    }

    /// Adds the number `x`; `before` are those before it in `f32`.
    pub(super) fn push(&mut self, x: f64, before: impl Iterator<Item = f32>) {
        self.low = self.low.min(x);
        self.high = self.high.max(x);
        self.whole &= x.fract() == 0.0;
        let magnitude = self.low.abs().max(self.high.abs());
        let wide = self.whole || magnitude > OFF_CENTRE * (self.high - self.low);
        match &mut self.kept {
            Kept::Rounded => {}
            Kept::Narrow if f64::from(x as f32) == x => {}
            Kept::Wide(kept) if wide => kept.push(x),
            Kept::Narrow if wide => {
                self.kept = Kept::Wide(before.map(f64::from).chain([x]).collect());
            }
            _ => self.kept = Kept::Rounded,
        }
    }

    /// Adds a place for a missing number.
    pub(super) fn push_missing(&mut self) {
        if let Kept::Wide(kept) = &mut self.kept {
            kept.push(f64::NAN);
        }
    }

    /// The numbers, NaN where one is missing, if they had to be kept.
    pub(super) fn wide(&self) -> Option<&[f64]> {
        match &self.kept {
            Kept::Wide(kept) => Some(kept),
            _ => None,
        }
    }

    /// What the numbers are to be stored less; none if `f32` keeps them apart as far as they are.
    pub(super) fn centre(&self) -> Option<Centre> {
        let mut sorted: Vec<f64> = self.wide()?.to_vec();
        sorted.retain(|x| !x.is_nan());
        sorted.sort_unstable_by(f64::total_cmp);
        let merged = |shift: f64| {
            let pairs = sorted.windows(2).filter(|pair| pair[0] != pair[1]);
            let same = |pair: &&[f64]| (pair[0] - shift) as f32 == (pair[1] - shift) as f32;
            pairs.filter(same).count()
        };
        let gaps = sorted.windows(2).map(|pair| pair[1] - pair[0]);
        let gap = gaps.filter(|gap| *gap > 0.0).min_by(f64::total_cmp)?;
        // Half a unit in the last place of the largest, now and about the middle.
        let rounded = |largest: f64| largest * 0.5 * f64::from(f32::EPSILON);
        let now = rounded(self.low.abs().max(self.high.abs()));
        let then = rounded(0.5 * (self.high - self.low));
        let distorted = now > DISTORTED * gap && then < WORTH * now;
        if merged(0.0) == 0 && !distorted {
            return None;
        }
        let middle = self.low.midpoint(self.high);
        let shift = if self.whole { middle.round() } else { middle };
        Some(Centre {
            shift,
            merged: merged(shift),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(numbers: &[f64]) -> Exact {
        let mut column = Exact::new();
        for (i, &x) in numbers.iter().enumerate() {
            column.push(x, numbers[..i].iter().map(|&x| x as f32));
        }
        column
    }

    fn different(numbers: impl Iterator<Item = f64>) -> usize {
        let mut sorted: Vec<f64> = numbers.collect();
        sorted.sort_by(f64::total_cmp);
        sorted.dedup();
        sorted.len()
    }

    proptest! {
        #[test]
        fn whole_numbers_within_2_to_the_24_are_stored_exactly(
            base in -(1i64 << 40)..1i64 << 40, apart in prop::collection::vec(0i64..1 << 24, 1..40),
        ) {
            let numbers: Vec<f64> = apart.iter().map(|d| (base + d) as f64).collect();
            let centre = read(&numbers).centre();
            let shift = centre.map_or(0.0, |c| c.shift);
            let stored = |x: &f64| f64::from((x - shift) as f32) + shift;
            if centre.is_some() {
                prop_assert_eq!(numbers.iter().map(stored).collect::<Vec<_>>(), numbers.clone());
            }
            prop_assert_eq!(centre.map_or(0, |c| c.merged), 0);
            // Distances are what they were, to 2 %, where a centre would do better.
            let largest = numbers.iter().map(|x| x.abs()).fold(0.0, f64::max);
            let least = numbers.iter().copied().fold(f64::INFINITY, f64::min);
            let range = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max) - least;
            for pair in numbers.windows(2).filter(|_| largest > 4.0 * range) {
                let (is, was) = (stored(&pair[1]) - stored(&pair[0]), pair[1] - pair[0]);
                prop_assert!((is - was).abs() <= 0.02 * was.abs(), "{} {}", is, was);
            }
        }

        #[test]
        fn what_is_merged_is_what_is_no_longer_told_apart(
            numbers in prop::collection::vec(prop_oneof![-1e9f64..1e9, (0i64..1 << 34).prop_map(|x| x as f64), 1e6..1e6 + 1.0], 1..40),
            whole in any::<bool>(),
        ) {
            let numbers: Vec<f64> = numbers.iter().map(|x| if whole { x.round() } else { *x }).collect();
            let column = read(&numbers);
            if let Some(kept) = column.wide() {
                prop_assert_eq!(kept, &numbers[..]);
                let shift = column.centre().map_or(0.0, |c| c.shift);
                let told_apart = different(numbers.iter().map(|x| f64::from((x - shift) as f32)));
                let merged = column.centre().map_or(0, |c| c.merged);
                prop_assert_eq!(different(numbers.iter().copied()) - told_apart, merged);
            } else {
                let exact = numbers.iter().all(|&x| f64::from(x as f32) == x);
                prop_assert!(exact || numbers.iter().any(|x| x.fract() != 0.0));
            }
        }

        #[test]
        fn a_column_about_zero_costs_32_bits(numbers in prop::collection::vec(-1.0f64..1.0, 2..40)) {
            let column = read(&[&[-0.7, 0.6], &numbers[..]].concat());
            prop_assert!(column.wide().is_none());
        }
    }

    #[test]
    fn a_column_is_narrowed_for_good_once_its_range_is_wide() {
        let mut numbers = vec![1e6 + 0.1, 1e6 + 0.2];
        assert!(read(&numbers).wide().is_some());
        numbers.extend([0.5, 1e6 + 0.3, 1e6 + 0.4]);
        assert!(read(&numbers).wide().is_none());
        // Whole numbers until one is not.
        let mut ids = vec![1.0, 16_777_217.0];
        assert!(read(&ids).wide().is_some());
        ids.extend([0.5, 16_777_219.0]);
        assert!(read(&ids).wide().is_none());
    }
}
