//! Centring and scaling, learned on one data set and applied to others.

use std::fmt;

use super::{Dataset, Features};
use crate::base::error::{Error, Result};

/// The scale that targets are on, and with them predictions, scores and the evidence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetScale {
    /// The user's own units.
    #[default]
    Original,
    /// In training standard deviations from the training mean.
    Standardised,
}

impl fmt::Display for TargetScale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Original => "original",
            Self::Standardised => "standardised",
        })
    }
}

/// Means and standard deviations of features and target, learned from training rows.
///
/// Given to [`Run::standardise`](crate::run::Run::standardise) it is carried with the posterior: the network sees
/// standardised numbers, and predictions, scores and the evidence come back on the original scale. A data set that
/// [`Standardise::apply`] has made stays on the standardised scale, and so does everything learned from it: an RMSE is then
/// to be multiplied by [`Standardise::target_sd`], and log sd subtracted from the log-density of each row.
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

    /// `data` on the standardised scale. Offset and weights stay as they are.
    ///
    /// # Errors
    /// If `data` has another number of columns than the training rows; and if the target is to be standardised and holds
    /// named classes, or already is.
    pub fn apply(&self, data: &Dataset) -> Result<Dataset> {
        if !self.keeps_target() {
            let refused = |found: &str, expected: &str| {
                Err(Error::shape("targets to standardise", expected, found))
            };
            if !data.classes().is_empty() {
                return refused(
                    "classes",
                    "real targets; `fit_features` leaves classes alone",
                );
            }
            if data.target_scale() == TargetScale::Standardised {
                return refused("standardised ones", "targets on the original scale");
            }
        }
        let targets = data.targets().iter().map(|&y| scaled(y, self.target));
        let mut scaled = self
            .apply_features(data.inputs())?
            .with_targets(targets.collect())?
            .with_rows_of(data);
        if !self.keeps_target() {
            scaled.target_scale = TargetScale::Standardised;
        }
        Ok(scaled)
    }

    /// `features` on the standardised scale.
    ///
    /// # Errors
    /// If they have another number of columns than the training rows, or a value that becomes infinite.
    pub fn apply_features(&self, features: &Features) -> Result<Features> {
        self.map_features(features, scaled)
    }

    /// What [`Standardise::apply`] was given to make `data`, up to the rounding of `f32`.
    ///
    /// # Errors
    /// If `data` has another number of columns than the training rows, or targets that are not on the standardised scale
    /// where they should be.
    pub fn undo(&self, data: &Dataset) -> Result<Dataset> {
        if !self.keeps_target() && data.target_scale() == TargetScale::Original {
            return Err(Error::shape(
                "targets to take back",
                "standardised ones",
                "targets on the original scale",
            ));
        }
        let targets = data.targets().iter().map(|&z| restored(z, self.target));
        Ok(self
            .map_features(data.inputs(), restored)?
            .with_targets(targets.collect())?
            .with_rows_of(data))
    }

    fn map_features(&self, features: &Features, f: fn(f32, (f64, f64)) -> f32) -> Result<Features> {
        if features.columns() != self.features.len() {
            return Err(Error::shape(
                "data to standardise",
                format!("{} features, as in the training rows", self.features.len()),
                format!("{} features", features.columns()),
            ));
        }
        let row = |i: usize| features.row(i).iter().zip(&self.features);
        let values = (0..features.rows()).flat_map(|i| row(i).map(|(&x, &m)| f(x, m)));
        let mut mapped = Features::checked(features.rows(), features.columns(), values.collect())?
            .with_names(features.names())?;
        mapped.offset.clone_from(&features.offset);
        Ok(mapped)
    }

    /// Whether targets stay as they are.
    pub(crate) fn keeps_target(&self) -> bool {
        self.target == (0.0, 1.0)
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

/// (x − mean)/sd.
fn scaled(x: f32, (mean, sd): (f64, f64)) -> f32 {
    ((f64::from(x) - mean) / sd) as f32
}

/// mean + sd·z.
fn restored(z: f32, (mean, sd): (f64, f64)) -> f32 {
    (mean + sd * f64::from(z)) as f32
}

fn moments(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let n = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / n;
    let sd = (values.map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
    (mean, if sd > 0.0 { sd } else { 1.0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_standardised_is_taken_back(
            columns in 1usize..5, values in prop::collection::vec(-1e6f32..1e6, 10..60), constant in any::<bool>(),
            classes in any::<bool>(),
        ) {
            let rows = values.len() / (columns + 1);
            let mut features = values[..rows * columns].to_vec();
            if constant {
                features.iter_mut().step_by(columns).for_each(|x| *x = 3.5);
            }
            let targets = if classes {
                (0..rows).map(|i| (i % 2) as f32).collect()
            } else {
                values[rows * columns..][..rows].to_vec()
            };
            let names = (0..columns).map(|c| format!("x{c}"));
            let data = Dataset::new(columns, features, targets).unwrap().with_names(names).unwrap();
            let (data, scale) = if classes {
                let data = data.with_classes(["no", "yes"]).unwrap();
                let scale = Standardise::fit_features(&data);
                (data, scale)
            } else {
                let scale = Standardise::fit(&data);
                (data, scale)
            };
            let scaled = scale.apply(&data).unwrap();
            let back = scale.undo(&scaled).unwrap();
            prop_assert_eq!((back.names(), back.classes()), (data.names(), data.classes()));
            prop_assert_eq!(back.target_scale(), data.target_scale());
            // z is rounded once and x once more: half a unit in the last place of z·sd and of x.
            let near = |found: f32, x: f32, (mean, sd): (f64, f64)| {
                let size = f64::from(x).abs() + mean.abs() + sd;
                (f64::from(found) - f64::from(x)).abs() <= 2.0 * f64::from(f32::EPSILON) * size
            };
            for i in 0..data.rows() {
                for (c, &moments) in scale.features.iter().enumerate() {
                    prop_assert!(near(back.row(i)[c], data.row(i)[c], moments));
                }
                prop_assert!(near(back.target(i), data.target(i), scale.target));
            }
            let sum: f64 = (0..scaled.rows()).map(|i| f64::from(scaled.row(i)[0])).sum();
            prop_assert!(sum.abs() < 1e-3 * data.rows() as f64, "centred: {sum}");
        }
    }

    #[test]
    fn only_standardised_targets_are_taken_back() {
        let data = Dataset::new(1, vec![1.0, 3.0], vec![10.0, 20.0]).unwrap();
        assert_eq!(
            Standardise::fit(&data).undo(&data).unwrap_err().to_string(),
            "targets to take back: expected standardised ones, found targets on the original scale"
        );
    }

    #[test]
    fn the_scale_of_targets_is_kept_track_of() {
        let data = Dataset::new(1, vec![1.0, 3.0], vec![10.0, 20.0]).unwrap();
        let (both, features) = (Standardise::fit(&data), Standardise::fit_features(&data));
        assert_eq!(data.target_scale(), TargetScale::Original);
        let scaled = both.apply(&data).unwrap();
        assert_eq!(scaled.target_scale(), TargetScale::Standardised);
        assert_eq!(
            scaled.select(&[0]).unwrap().target_scale(),
            TargetScale::Standardised
        );
        assert_eq!(
            features.apply(&data).unwrap().target_scale(),
            TargetScale::Original
        );
        assert_eq!(
            both.apply(&scaled).unwrap_err().to_string(),
            "targets to standardise: expected targets on the original scale, found standardised ones"
        );
        let classes = Dataset::new(1, vec![1.0, 3.0], vec![1.0, 0.0]).unwrap();
        let named = classes.with_classes(["no", "yes"]).unwrap();
        assert_eq!(features.apply(&named).unwrap().classes(), ["no", "yes"]);
        assert_eq!(
            both.apply(&named).unwrap_err().to_string(),
            "targets to standardise: expected real targets; `fit_features` leaves classes alone, found classes"
        );
    }
}
