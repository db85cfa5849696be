//! The data in panels, and segments of rows cut at the borders of tiles.

use std::ops::Range;

use crate::data::{Dataset, Features};
use crate::numerics::panel::{PANEL, into_panels};
use crate::problem::{Part, Segment};

/// Features and targets in panels, and what else the data say of each row.
pub(super) struct Panels {
    rows: usize,
    columns: usize,
    features: Vec<f32>,
    targets: Vec<f32>,
    /// Empty if there is none.
    offset: Vec<f32>,
    /// Empty if all rows count once.
    weights: Vec<f32>,
    /// What a likelihood's formula leaves out of log p(y), which depends on y alone; empty if that is nothing.
    base: Vec<f64>,
}

/// One number for each row, with zeros up to the end of the last panel.
fn padded<T: Copy + Default>(values: &[T]) -> Vec<T> {
    let mut values = values.to_vec();
    values.resize(values.len().next_multiple_of(PANEL), T::default());
    values
}

/// The numbers of some panels, if there are any numbers.
fn of_panels<T>(values: &[T], panels: Range<usize>) -> &[T] {
    if values.is_empty() {
        return values;
    }
    &values[panels.start * PANEL..panels.end * PANEL]
}

impl Panels {
    pub(super) fn new(data: &Dataset) -> Self {
        let mut panels = Self::of_features(data.inputs());
        panels.targets[..data.rows()].copy_from_slice(data.targets());
        panels.weights = padded(data.weights().unwrap_or_default());
        panels
    }

    /// Features with targets of zero.
    pub(super) fn of_features(data: &Features) -> Self {
        let (rows, columns) = (data.rows(), data.columns());
        let mut features = vec![0.0; rows.div_ceil(PANEL) * columns * PANEL];
        for i in 0..rows {
            into_panels(&mut features, columns, i, data.row(i));
        }
        Self {
            rows,
            columns,
            features,
            targets: vec![0.0; rows.next_multiple_of(PANEL)],
            offset: padded(data.offset().unwrap_or_default()),
            weights: Vec::new(),
            base: Vec::new(),
        }
    }

    /// With `base` of every target, for a likelihood that leaves it out.
    pub(super) fn with_base(mut self, base: impl Fn(f64) -> f64) -> Self {
        let targets = &self.targets[..self.rows];
        let values: Vec<f64> = targets.iter().map(|&y| base(f64::from(y))).collect();
        if values.iter().any(|&x| x != 0.0) {
            self.base = padded(&values);
        }
        self
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    /// The features of some panels.
    pub(super) fn features(&self, panels: Range<usize>) -> &[f32] {
        let one = self.columns * PANEL;
        &self.features[panels.start * one..panels.end * one]
    }

    /// The targets of some panels.
    pub(super) fn targets(&self, panels: Range<usize>) -> &[f32] {
        of_panels(&self.targets, panels)
    }

    /// The offsets of some panels; empty if there are none.
    pub(super) fn offset(&self, panels: Range<usize>) -> &[f32] {
        of_panels(&self.offset, panels)
    }

    /// The weights of the rows of some panels; empty if all count once.
    pub(super) fn weights(&self, panels: Range<usize>) -> &[f32] {
        of_panels(&self.weights, panels)
    }

    /// What the likelihood's formula leaves out at the targets of some panels; empty if that is nothing.
    pub(super) fn base(&self, panels: Range<usize>) -> &[f64] {
        of_panels(&self.base, panels)
    }
}

/// Rows of a segment within one tile.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Piece {
    pub(super) rows: Range<usize>,
    pub(super) weight: f64,
    pub(super) part: Part,
}

impl Piece {
    /// The panels that hold the rows.
    pub(super) fn panels(&self) -> Range<usize> {
        self.rows.start / PANEL..self.rows.end.div_ceil(PANEL)
    }

    /// The rows, counted from the start of the first panel.
    pub(super) fn live(&self) -> Range<usize> {
        let first = self.rows.start / PANEL * PANEL;
        self.rows.start - first..self.rows.end - first
    }
}

/// Cuts segments at the borders of tiles of `tile` panels, which lie on a fixed grid of rows.
pub(super) fn pieces(segments: &[Segment], tile: usize) -> impl Iterator<Item = Piece> + '_ {
    let tile = tile * PANEL;
    segments.iter().flat_map(move |segment| {
        let Range { start, end } = segment.rows;
        let tiles = start / tile..end.div_ceil(tile).max(start / tile);
        tiles.filter_map(move |t| {
            let rows = start.max(t * tile)..end.min((t + 1) * tile);
            (!rows.is_empty()).then_some(Piece {
                rows,
                weight: segment.weight,
                part: segment.part,
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_segments_once() {
        let segment = |rows: Range<usize>| Segment {
            rows,
            weight: 0.5,
            part: Part::Full,
        };
        let segments = [
            segment(0..0),
            segment(0..70),
            segment(70..71),
            segment(71..300),
        ];
        let all: Vec<Piece> = pieces(&segments, 2).collect();
        let rows: Vec<usize> = all.iter().flat_map(|p| p.rows.clone()).collect();
        assert_eq!(rows, (0..300).collect::<Vec<_>>());
        for piece in &all {
            assert_eq!(piece.rows.start / 64, (piece.rows.end - 1) / 64);
            assert_eq!(
                piece.panels().start * PANEL + piece.live().start,
                piece.rows.start
            );
            assert!(piece.live().end <= piece.panels().len() * PANEL);
        }
    }

    #[test]
    fn panels_hold_the_rows() {
        let features: Vec<f32> = (0..70 * 3).map(|i| i as f32).collect();
        let data = Dataset::new(3, features, vec![7.0; 70]).expect("finite");
        let panels = Panels::new(&data);
        let all = panels.features(0..3);
        for i in 0..70 {
            for c in 0..3 {
                assert_eq!(all[(i / PANEL * 3 + c) * PANEL + i % PANEL], data.row(i)[c]);
            }
        }
        assert_eq!(panels.targets(2..3)[5], 7.0);
        assert_eq!(panels.targets(2..3)[6], 0.0);
    }
}
