//! Centring and scaling, learned on one data set and applied to others.

use super::Dataset;
use crate::error::{Error, Result};

/// Means and standard deviations of features and target, learned from training rows.
///
/// Every score is then on the standardised scale of the target; [`Standardise::target_sd`] takes it back:
/// an RMSE times sd, a log-density minus log sd.
///
/// ```
/// use smc_runtime::{Dataset, data::Standardise};
/// let train = Dataset::new(1, vec![1.0, 3.0], vec![10.0, 20.0])?;
/// let scale = Standardise::fit(&train);
/// assert_eq!(scale.apply(&train)?.row(1), [1.0]);
/// assert_eq!(scale.target_sd(), 5.0);
/// # Ok::<(), smc_runtime::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Standardise {
    features: Vec<(f64, f64)>,
    target: (f64, f64),
}

impl Standardise {
    /// Learns from `train`. A constant column is centred and not scaled.
    pub fn fit(train: &Dataset) -> Self {
        let columns = (0..train.columns())
            .map(|c| moments((0..train.rows()).map(|i| f64::from(train.row(i)[c]))))
            .collect();
        Self {
            features: columns,
            target: moments(train.targets().iter().map(|&y| f64::from(y))),
        }
    }

    /// As [`Standardise::fit`], leaving the target alone (classes, counts).
    pub fn fit_features(train: &Dataset) -> Self {
        Self {
            target: (0.0, 1.0),
            ..Self::fit(train)
        }
    }

    /// `data` on the standardised scale.
    ///
    /// # Errors
    /// If `data` has another number of columns than the training rows.
    pub fn apply(&self, data: &Dataset) -> Result<Dataset> {
        if data.columns() != self.features.len() {
            return Err(Error::shape(
                "data to standardise",
                format!("{} features, as in the training rows", self.features.len()),
                format!("{} features", data.columns()),
            ));
        }
        let scale = |x: f32, (mean, sd): (f64, f64)| ((f64::from(x) - mean) / sd) as f32;
        let features = (0..data.rows())
            .flat_map(|i| {
                data.row(i)
                    .iter()
                    .zip(&self.features)
                    .map(|(&x, &m)| scale(x, m))
            })
            .collect();
        let targets = data
            .targets()
            .iter()
            .map(|&y| scale(y, self.target))
            .collect();
        Dataset::new(data.columns(), features, targets)?.with_names(data.names())
    }

    /// Mean of the training targets.
    pub fn target_mean(&self) -> f64 {
        self.target.0
    }

    /// Standard deviation of the training targets.
    pub fn target_sd(&self) -> f64 {
        self.target.1
    }
}

fn moments(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let n = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / n;
    let sd = (values.map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
    (mean, if sd > 0.0 { sd } else { 1.0 })
}
