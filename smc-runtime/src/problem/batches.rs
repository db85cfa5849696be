//! Mini-batches: the one place where random subsets of rows are cut. Rows were permuted when the model was bound to its data,
//! so a run of them is a random set; every epoch cuts at other places and takes the batches in another order.

use std::ops::Range;

use super::segment::Segment;
use crate::base::rng::{Purpose, Streams};

/// The capability of a problem whose log-likelihood is a sum over rows in random order: any run of them, scaled up, stands
/// for all.
pub trait RowSampled: Send + Sync {
    /// Rows that the engine works on together: large batches that begin at a multiple of it cost least.
    fn grain(&self) -> usize;

    /// The first `rows` rows in batches of about `batch`.
    fn batches(&self, rows: usize, batch: usize) -> Batches {
        Batches::new(rows, batch, self.grain())
    }
}

const _: fn(&dyn RowSampled) = |_| ();

/// `rows` cut into `count` blocks, equal but for one row.
pub fn blocks(rows: Range<usize>, count: usize) -> impl Iterator<Item = Range<usize>> + Clone {
    let cut = move |b: usize| rows.start + b * rows.len() / count;
    (0..count).map(move |b| cut(b)..cut(b + 1))
}

/// How `rows` rows are cut into `count` batches, equal but for one grain.
#[derive(Clone, Debug, PartialEq)]
pub struct Batches {
    rows: usize,
    count: usize,
    /// Rows that are never parted.
    grain: usize,
}

impl Batches {
    /// About `batch` rows each, for an engine of that [grain](RowSampled::grain).
    pub fn new(rows: usize, batch: usize, grain: usize) -> Self {
        // Large batches begin where an engine's grains do; for small ones other neighbours matter more than speed.
        let grain = if batch >= 4 * grain { grain.max(1) } else { 1 };
        let count = (rows + batch / 2) / batch.max(1);
        Self {
            rows,
            count: count.clamp(1, rows.div_ceil(grain).max(1)),
            grain,
        }
    }

    /// Batches per epoch.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The batches of an epoch, counted from 1, in the order in which they are taken. `all` is the number of rows that a
    /// batch stands for.
    pub fn epoch(
        &self,
        streams: Streams,
        epoch: usize,
        all: usize,
    ) -> impl Iterator<Item = Vec<Segment>> {
        let grains = self.rows.div_ceil(self.grain);
        let mut stream = streams.stream(Purpose::Rows, epoch, 0, 0);
        let shift = match self.count {
            1 => 0,
            _ => (stream.uniform() * grains as f64) as usize,
        };
        let order = stream.permutation(self.count);
        let cut = move |k: usize| shift + k * grains / self.count;
        order
            .into_iter()
            .map(move |k| self.segments(cut(k)..cut(k + 1), grains, all))
    }

    /// The grains of a range that may go past the end and on from the start.
    fn segments(&self, range: Range<usize>, grains: usize, all: usize) -> Vec<Segment> {
        let rows = |from: usize, to: usize| from * self.grain..(to * self.grain).min(self.rows);
        let parts = [
            rows(range.start.min(grains), range.end.min(grains)),
            rows(
                range.start.saturating_sub(grains),
                range.end.saturating_sub(grains),
            ),
        ];
        let parts = parts.into_iter().filter(|rows| !rows.is_empty());
        let n: usize = parts.clone().map(|rows| rows.len()).sum();
        let segment = |rows| Segment {
            rows,
            weight: all as f64 / n as f64,
        };
        parts.map(segment).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRAIN: usize = 32;

    fn rows(batches: &Batches, epoch: usize) -> Vec<Vec<usize>> {
        let batches = batches.epoch(Streams::new(3), epoch, 1000);
        batches
            .map(|segments| {
                let rows: Vec<usize> = segments.iter().flat_map(|s| s.rows.clone()).collect();
                assert!(
                    segments
                        .iter()
                        .all(|s| s.weight == 1000.0 / rows.len() as f64)
                );
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
            let batches = Batches::new(n, batch, GRAIN);
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
                assert_eq!(all, (0..n).collect::<Vec<_>>(), "{n}/{batch}");
            }
        }
    }

    #[test]
    fn epochs_cut_and_order_differently() {
        for batch in [32, 128] {
            let batches = Batches::new(1024, batch, GRAIN);
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
