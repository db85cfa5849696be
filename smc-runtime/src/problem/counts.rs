//! What a problem has computed so far.

/// What an engine has done so far, counted inside it. One unit is one row for one particle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Counts {
    /// Rows passed forwards and backwards.
    pub row_gradients: u64,
    /// Rows passed forwards only.
    pub row_values: u64,
}

impl std::ops::Sub for Counts {
    type Output = Self;
    fn sub(self, earlier: Self) -> Self {
        Self {
            row_gradients: self.row_gradients - earlier.row_gradients,
            row_values: self.row_values - earlier.row_values,
        }
    }
}

impl std::ops::Add for Counts {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            row_gradients: self.row_gradients + other.row_gradients,
            row_values: self.row_values + other.row_values,
        }
    }
}
