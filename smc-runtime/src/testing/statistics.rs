//! Whether a mean is what it should be, by its standard error.

/// Mean of independent values and its standard error.
pub fn mean_se(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, (variance / n).sqrt())
}

/// Whether the mean of independent values is `truth` within `z` standard errors, and what rounding adds.
///
/// # Errors
/// What was found, in words.
pub fn near(what: &str, values: &[f64], truth: f64, z: f64) -> Result<(), String> {
    let (mean, se) = mean_se(values);
    if (mean - truth).abs() <= z * se + 1e-12 * truth.abs() {
        Ok(())
    } else {
        Err(format!(
            "{what} is {mean:.5} with standard error {se:.5}; it should be {truth:.5}"
        ))
    }
}
