//! Data sets from arrays of the crate `ndarray`, in any memory order.

use ndarray::{ArrayView1, ArrayView2};

use super::dataset::Dataset;
use crate::base::error::{Error, Result};

impl Dataset {
    /// A table from an array of rows × columns and one target per row; both are copied.
    ///
    /// # Errors
    /// As [`Dataset::new`].
    ///
    /// ```
    /// use ndarray::array;
    /// use smc_runtime::Dataset;
    /// let (x, y) = (array![[1.0, 2.0], [3.0, 4.0]], array![0.5, 1.5]);
    /// assert_eq!(Dataset::from_arrays(x.view(), y.view())?.row(1), [3.0, 4.0]);
    /// assert_eq!(Dataset::from_arrays(x.t(), y.view())?.row(1), [2.0, 4.0]);
    /// # Ok::<(), smc_runtime::Error>(())
    /// ```
    pub fn from_arrays(
        features: ArrayView2<'_, f32>,
        targets: ArrayView1<'_, f32>,
    ) -> Result<Self> {
        if features.nrows() != targets.len() {
            return Err(Error::shape(
                "targets of a data set",
                format!("{} targets, one per row", features.nrows()),
                format!("{} targets", targets.len()),
            ));
        }
        // An array is walked in the order of its rows, whatever its order in memory.
        Self::new(
            features.ncols(),
            features.iter().copied().collect(),
            targets.to_vec(),
        )
    }
}
