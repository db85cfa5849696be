//! The data in panels, and segments of rows cut at the borders of tiles.

use std::ops::Range;

use crate::data::{DataView, Features};
use crate::numerics::panel::{PANEL, into_panels};
use crate::problem::Segment;

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
fn padded<T: Copy + Default>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut values: Vec<T> = values.collect();
    values.resize(values.len().next_multiple_of(PANEL), T::default());
    values
}

/// Rows of `columns` numbers in panels; `read(i, put)` hands row i to `put`.
fn in_panels(
    rows: usize,
    columns: usize,
    mut read: impl FnMut(usize, &mut dyn FnMut(&[f32])),
) -> Vec<f32> {
    let mut panels = vec![0.0; rows.div_ceil(PANEL) * columns * PANEL];
    for i in 0..rows {
        read(i, &mut |row| into_panels(&mut panels, columns, i, row));
    }
    panels
}

/// The numbers of some panels, if there are any numbers.
fn of_panels<T>(values: &[T], panels: Range<usize>) -> &[T] {
    if values.is_empty() {
        return values;
    }
    &values[panels.start * PANEL..panels.end * PANEL]
}

impl Panels {
    /// The rows of a view, one after the other.
    pub(super) fn new(view: &DataView<'_>) -> Self {
        let rows = view.rows();
        let each = |number: &dyn Fn(usize) -> Option<f32>| padded((0..rows).map_while(number));
        let mut row = vec![0.0; view.columns()];
        Self {
            rows,
            columns: view.columns(),
            features: in_panels(rows, view.columns(), |i, put| {
                view.row_into(i, &mut row);
                put(&row);
            }),
            targets: each(&|i| Some(view.target(i))),
            offset: each(&|i| view.offset(i)),
            weights: each(&|i| view.weight(i)),
            base: Vec::new(),
        }
    }

    /// Features with targets of zero.
    pub(super) fn of_features(data: &Features) -> Self {
        let rows = data.rows();
        Self {
            rows,
            columns: data.columns(),
            features: in_panels(rows, data.columns(), |i, put| put(data.row(i))),
            targets: padded((0..rows).map(|_| 0.0)),
            offset: padded(data.offset().unwrap_or_default().iter().copied()),
            weights: Vec::new(),
            base: Vec::new(),
        }
    }

    /// With `base` of every target, for a likelihood that leaves it out.
    pub(super) fn with_base(mut self, base: impl Fn(f64) -> f64) -> Self {
        let targets = &self.targets[..self.rows];
        let values: Vec<f64> = targets.iter().map(|&y| base(f64::from(y))).collect();
        if values.iter().any(|&x| x != 0.0) {
            self.base = padded(values.into_iter());
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
    /// Number of the segment.
    pub(super) segment: usize,
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
    segments
        .iter()
        .enumerate()
        .flat_map(move |(number, segment)| {
            let Range { start, end } = segment.rows;
            let tiles = start / tile..end.div_ceil(tile).max(start / tile);
            tiles.filter_map(move |t| {
                let rows = start.max(t * tile)..end.min((t + 1) * tile);
                (!rows.is_empty()).then_some(Piece {
                    rows,
                    weight: segment.weight,
                    segment: number,
                })
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dataset;

    #[test]
    fn pieces_cover_segments_once() {
        let segment = |rows: Range<usize>| Segment { rows, weight: 0.5 };
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
        let order: Vec<usize> = (0..70).collect();
        let panels = Panels::new(&DataView::new(&data, &order, None).expect("its rows"));
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
