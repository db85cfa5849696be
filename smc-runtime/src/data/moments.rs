//! Mean and standard deviation of a column.

/// Mean and standard deviation of `values`, of which there is at least one; the mean square deviation is over all of them,
/// not all but one.
pub(super) fn mean_sd(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let n = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / n;
    let squares = values.map(|x| (x - mean).powi(2));
    (mean, (squares.sum::<f64>() / n).sqrt())
}
