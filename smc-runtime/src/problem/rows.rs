//! Sets of bound rows.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::segment::Segment;

/// A set of rows: sorted, disjoint, non-adjacent ranges.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RowSet(Vec<Range<usize>>);

impl RowSet {
    /// No rows.
    pub fn none() -> Self {
        Self::default()
    }

    /// The rows of some ranges, in any order, which may touch or overlap.
    ///
    /// ```
    /// use smc_runtime::problem::rows::RowSet;
    /// let rows = RowSet::new([5..9, 0..2, 2..3]);
    /// assert_eq!(rows.ranges(), [0..3, 5..9]);
    /// assert_eq!(rows.len(), 7);
    /// ```
    pub fn new(ranges: impl IntoIterator<Item = Range<usize>>) -> Self {
        let mut ranges: Vec<_> = ranges.into_iter().filter(|r| !r.is_empty()).collect();
        ranges.sort_by_key(|r| r.start);
        let mut merged: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match merged.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => merged.push(range),
            }
        }
        Self(merged)
    }

    /// The ranges.
    pub fn ranges(&self) -> &[Range<usize>] {
        &self.0
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.0.iter().map(Range::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every row of `other` is here.
    pub fn contains(&self, other: &Self) -> bool {
        other
            .0
            .iter()
            .all(|o| self.0.iter().any(|s| s.start <= o.start && o.end <= s.end))
    }

    /// Whether no row is in both.
    pub fn is_disjoint(&self, other: &Self) -> bool {
        !self
            .0
            .iter()
            .any(|s| other.0.iter().any(|o| s.start < o.end && o.start < s.end))
    }

    /// The rows that are here and not in `other`.
    pub fn without(&self, other: &Self) -> Self {
        let mut left = self.0.clone();
        for o in &other.0 {
            left = left
                .into_iter()
                .flat_map(|s| {
                    [
                        s.start..s.end.min(o.start.max(s.start)),
                        s.start.max(o.end.min(s.end))..s.end,
                    ]
                })
                .filter(|r| !r.is_empty())
                .collect();
        }
        Self::new(left)
    }

    /// `n` of the rows, one after the other from number `start` among them on, beginning again after the last: as rows are in
    /// random order, a random subset where `start` is random.
    pub fn window(&self, start: usize, n: usize) -> Self {
        let all = self.len();
        let end = start + n.min(all);
        self.at([start..end.min(all), 0..end.saturating_sub(all)])
    }

    /// The rows at some places, counted among these rows from 0; places past the last are none.
    ///
    /// ```
    /// use smc_runtime::problem::rows::RowSet;
    /// let rows = RowSet::new([10..20, 50..60]);
    /// assert_eq!(rows.at([8..13]), RowSet::new([18..20, 50..53]));
    /// ```
    pub fn at(&self, places: impl IntoIterator<Item = Range<usize>>) -> Self {
        let mut taken = Vec::new();
        for place in places {
            let mut before = 0;
            for range in &self.0 {
                let (a, b) = (place.start.max(before), place.end.min(before + range.len()));
                if a < b {
                    taken.push(range.start + a - before..range.start + b - before);
                }
                before += range.len();
            }
        }
        Self::new(taken)
    }

    /// A segment for each range.
    pub fn segments(&self, weight: f64) -> Vec<Segment> {
        let segment = |rows: &Range<usize>| Segment {
            rows: rows.clone(),
            weight,
        };
        self.0.iter().map(segment).collect()
    }

    /// The largest row number plus one.
    pub fn end(&self) -> usize {
        self.0.last().map_or(0, |r| r.end)
    }
}

impl From<Range<usize>> for RowSet {
    fn from(range: Range<usize>) -> Self {
        Self::new([range])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows() -> impl Strategy<Value = RowSet> {
        prop::collection::vec((0usize..40, 0usize..10), 0..4)
            .prop_map(|v| RowSet::new(v.into_iter().map(|(a, n)| a..a + n)))
    }

    fn members(rows: &RowSet) -> std::collections::BTreeSet<usize> {
        rows.ranges().iter().cloned().flatten().collect()
    }

    proptest! {
        #[test]
        fn row_sets_behave_like_sets(a in rows(), b in rows()) {
            let (x, y) = (members(&a), members(&b));
            prop_assert_eq!(members(&a.without(&b)), &x - &y);
            prop_assert_eq!(a.contains(&b), y.is_subset(&x));
            prop_assert_eq!(a.is_disjoint(&b), x.is_disjoint(&y));
            prop_assert_eq!(a.len(), x.len());
        }
    }
}
