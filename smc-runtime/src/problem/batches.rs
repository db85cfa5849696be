//! Mini-batches: the one place where random subsets of rows are cut. Rows were permuted when the model was bound to its data,
//! so a run of them is a random set; every epoch cuts at other places and takes the batches in another order.

use std::ops::Range;

use super::rows::RowSet;
use super::segment::Segment;
use crate::base::rng::{Purpose, Streams};

/// The capability of a problem whose log-likelihood is a sum over rows in random order: any run of them, scaled up, stands
/// for all.
pub trait RowSampled: Send + Sync {
    /// Rows that the engine works on together: large batches that begin at a multiple of it cost least.
    fn grain(&self) -> usize;

    /// Some rows in batches of about `batch`.
    fn batches(&self, rows: Ring, batch: usize) -> Batches {
        Batches::new(rows, batch, self.grain())
    }
}

const _: fn(&dyn RowSampled) = |_| ();

/// `rows` cut into `count` blocks, equal but for one row.
pub fn blocks(rows: Range<usize>, count: usize) -> impl Iterator<Item = Range<usize>> + Clone {
    let cut = move |b: usize| rows.start + b * rows.len() / count;
    (0..count).map(move |b| cut(b)..cut(b + 1))
}

/// `len` of `all` rows in bound order, from row `first` on and after the last row again from the first: all but those that are
/// held out, say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ring {
    /// Number of all rows.
    pub all: usize,
    /// The first row.
    pub first: usize,
    /// Number of rows.
    pub len: usize,
}

impl Ring {
    /// The first `len` of `all` rows.
    pub fn first(len: usize, all: usize) -> Self {
        Self { all, first: 0, len }
    }

    /// All of `all` rows but some.
    ///
    /// ```
    /// use smc_runtime::problem::Ring;
    /// assert_eq!(Ring::without(3..5, 10), Ring { all: 10, first: 5, len: 8 });
    /// ```
    pub fn without(rows: Range<usize>, all: usize) -> Self {
        Self {
            all,
            first: if rows.end == all { 0 } else { rows.end },
            len: all - rows.len(),
        }
    }

    /// The rows of some places on the ring.
    fn rows(self, places: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let (from, to) = (self.first + places.start, self.first + places.end);
        let before = from.min(self.all)..to.min(self.all);
        let again = from.max(self.all) - self.all..to.max(self.all) - self.all;
        [before, again].into_iter().filter(|rows| !rows.is_empty())
    }
}

/// How rows are cut into `count` batches, equal but for one grain.
#[derive(Clone, Debug, PartialEq)]
pub struct Batches {
    rows: Ring,
    count: usize,
    /// Rows that are never parted.
    grain: usize,
}

impl Batches {
    /// About `batch` rows each, for an engine of that [grain](RowSampled::grain).
    pub fn new(rows: Ring, batch: usize, grain: usize) -> Self {
        // Large batches begin where an engine's grains do; for small ones other neighbours matter more than speed.
        let grain = if batch >= 4 * grain { grain.max(1) } else { 1 };
        let count = (rows.len + batch / 2) / batch.max(1);
        Self {
            count: count.clamp(1, rows.len.div_ceil(grain).max(1)),
            rows,
            grain,
        }
    }

    /// Batches per epoch.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The batches of an epoch, counted from 1, in the order in which they are taken; each stands for all rows. Those who cut
    /// rows at the same time for other vectors have different `partition`s.
    pub fn epoch(
        &self,
        streams: Streams,
        partition: usize,
        epoch: usize,
    ) -> impl Iterator<Item = Vec<Segment>> {
        let grains = self.rows.len.div_ceil(self.grain);
        let mut stream = streams.stream(Purpose::Rows, epoch, partition, 0);
        let shift = match self.count {
            1 => 0,
            _ => (stream.uniform() * grains as f64) as usize,
        };
        let order = stream.permutation(self.count);
        let cut = move |k: usize| shift + k * grains / self.count;
        order
            .into_iter()
            .map(move |k| self.segments(cut(k)..cut(k + 1), grains))
    }

    /// The grains of a range that may go past the end and on from the start.
    fn segments(&self, range: Range<usize>, grains: usize) -> Vec<Segment> {
        let Ring { all, len, .. } = self.rows;
        let places = |from: usize, to: usize| {
            let to = (to * self.grain).min(len);
            (from * self.grain).min(to)..to
        };
        let parts = [
            places(range.start.min(grains), range.end.min(grains)),
            places(
                range.start.saturating_sub(grains),
                range.end.saturating_sub(grains),
            ),
        ];
        let rows = RowSet::new(parts.into_iter().flat_map(|part| self.rows.rows(part)));
        rows.segments(all as f64 / rows.len() as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRAIN: usize = 32;

    fn rows(batches: &Batches, epoch: usize) -> Vec<Vec<usize>> {
        let all = batches.rows.all as f64;
        let batches = batches.epoch(Streams::new(3), 0, epoch);
        batches
            .map(|segments| {
                let rows: Vec<usize> = segments.iter().flat_map(|s| s.rows.clone()).collect();
                assert!(segments.iter().all(|s| s.weight == all / rows.len() as f64));
                rows
            })
            .collect()
    }

    #[test]
    fn an_epoch_has_every_row_once_in_batches_of_like_size() {
        for (n, batch) in [
            (1, 1),
            (7, 3),
            (60, 10),
            (600, 32),
            (1000, 128),
            (5003, 200),
            (90, 4000),
        ] {
            let held_out = n / 3..n / 2;
            let ring = Ring::without(held_out.clone(), n);
            let batches = Batches::new(ring, batch, GRAIN);
            for epoch in 1..20 {
                let cut = rows(&batches, epoch);
                let (small, large) = cut
                    .iter()
                    .fold((n, 0), |(s, l), b| (s.min(b.len()), l.max(b.len())));
                assert!(
                    large - small < 2 * GRAIN && small > 0,
                    "{n}/{batch}: {small} to {large}"
                );
                let mut all: Vec<usize> = cut.into_iter().flatten().collect();
                all.sort_unstable();
                let rest: Vec<usize> = (0..n).filter(|i| !held_out.contains(i)).collect();
                assert_eq!(all, rest, "{n}/{batch}");
            }
        }
    }

    #[test]
    fn epochs_cut_and_order_differently() {
        for batch in [32, 128] {
            let batches = Batches::new(Ring::first(1024, 1024), batch, GRAIN);
            let sets = |epoch| {
                let mut sets = rows(&batches, epoch);
                for set in &mut sets {
                    set.sort_unstable();
                }
                sets
            };
            let (first, others) = (sets(1), (2..42).map(sets));
            let shared = others.filter(|o| o.iter().any(|b| first.contains(b)));
            let shared = shared.count();
            // Large batches begin at one of four places within a run: 10 ± 3.
            assert!(
                shared < 20,
                "{shared} of 40 epochs have the first one's batches of {batch}"
            );
        }
    }
}
