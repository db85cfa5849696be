//! Rows in panels: 32 rows stored feature by feature, one panel after the other.
//!
//! The same layout holds the data and every activation, so that a product reads it in one stream and every elementwise
//! loop is over contiguous memory. What lies behind the last row is zero.

use std::ops::Range;

/// Rows of a panel. Feature i of row t among n features is at `(t / 32 · n + i) · 32 + t % 32`.
pub const PANEL: usize = 32;

/// Puts row number `row`, of `columns` features, in its place.
pub(crate) fn into_panels(panels: &mut [f32], columns: usize, row: usize, features: &[f32]) {
    let first = row / PANEL * columns * PANEL + row % PANEL;
    for (c, &x) in features.iter().enumerate() {
        panels[first + c * PANEL] = x;
    }
}

/// The live rows, one after the other.
pub(crate) fn out_of_panels(panels: &[f32], features: usize, live: &Range<usize>) -> Vec<f32> {
    let mut rows = vec![0.0; live.len() * features];
    for (values, row) in rows.chunks_mut(features).zip(live.clone()) {
        let first = row / PANEL * features * PANEL + row % PANEL;
        for (i, x) in values.iter_mut().enumerate() {
            *x = panels[first + i * PANEL];
        }
    }
    rows
}
