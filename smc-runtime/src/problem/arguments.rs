//! What a likelihood reads of a network.

/// The numbers that a likelihood's keys have, for every particle and row.
#[derive(Clone, Debug, PartialEq)]
pub struct Arguments {
    /// Number of rows.
    pub rows: usize,
    /// Numbers per row.
    pub width: usize,
    /// particles × rows × width.
    pub values: Vec<f64>,
}

impl Arguments {
    /// The numbers of one particle and row.
    pub fn at(&self, particle: usize, row: usize) -> &[f64] {
        let start = (particle * self.rows + row) * self.width;
        &self.values[start..start + self.width]
    }
}
