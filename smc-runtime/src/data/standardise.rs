//! Centring and scaling, learned on one data set and applied to others.

use super::dataset::Dataset;
use super::features::Features;
use super::finite;
use super::moments::mean_sd;
use super::shift::{Shift, shift_of};
use super::target_scale::TargetScale;
use super::words::quoted;
use crate::base::error::{Error, Result};
use serde::{Deserialize, Serialize};

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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standardise {
    /// Mean and standard deviation of each column.
    features: Vec<(f64, f64)>,
    /// The columns that the training rows store centred.
    shifts: Vec<Shift>,
    /// Mean and standard deviation of the target; (0, 1) leaves targets as they are.
    target: (f64, f64),
}

impl Standardise {
    /// Number of columns.
    pub(crate) fn columns(&self) -> usize {
        self.features.len()
    }

    /// Learns from `train`. A constant column is centred and not scaled. Of a column that is
    /// [stored centred](Features::shifts) the moments are those of the stored numbers, and data to standardise must store it
    /// so too, as the files do that one [`Schema`](super::Schema) reads.
    pub fn fit(train: &Dataset) -> Self {
        let columns = (0..train.columns())
            .map(|c| moments((0..train.rows()).map(|i| f64::from(train.row(i)[c]))))
            .collect();
        Self {
            features: columns,
            shifts: train.inputs().shifts().to_vec(),
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
    /// If `data` has another number of columns than the training rows, or stores one [centred](Features::shifts) otherwise; and
    /// if the target is to be standardised and holds named classes, or already is.
    pub fn apply(&self, data: &Dataset) -> Result<Dataset> {
        self.apply_owned(data.clone())
    }

    /// As [`Standardise::apply`], in the memory of `data`.
    pub(super) fn apply_owned(&self, data: Dataset) -> Result<Dataset> {
        self.check_targets(&data)?;
        self.check_columns(data.inputs())?;
        data.with_values_changed(
            |row| self.scale_row(row),
            |y| self.scale_target(y),
            self.target_scale(),
        )
    }

    /// `features` on the standardised scale.
    ///
    /// # Errors
    /// If they have another number of columns than the training rows, store one [centred](Features::shifts) otherwise, or have
    /// a value that becomes infinite.
    pub fn apply_features(&self, features: &Features) -> Result<Features> {
        self.check_columns(features)?;
        features
            .clone()
            .with_rows_changed(|row| self.scale_row(row))
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
        self.check_columns(data.inputs())?;
        data.clone().with_values_changed(
            |row| self.change_row(row, restored),
            |z| restored(z, self.target),
            TargetScale::Original,
        )
    }

    /// Whether the targets of `data` can be standardised, if they are to be.
    fn check_targets(&self, data: &Dataset) -> Result<()> {
        let refused = |found: &str, expected: &str| {
            Err(Error::shape("targets to standardise", expected, found))
        };
        if self.keeps_target() {
            Ok(())
        } else if !data.classes().is_empty() {
            refused(
                "classes",
                "real targets; `fit_features` leaves classes alone",
            )
        } else if data.target_scale() == TargetScale::Standardised {
            refused("standardised ones", "targets on the original scale")
        } else {
            Ok(())
        }
    }

    /// Whether `features` have the columns of the training rows, in the same units.
    fn check_columns(&self, features: &Features) -> Result<()> {
        const WHAT: &str = "data to standardise";
        if features.columns() != self.features.len() {
            return Err(Error::shape(
                WHAT,
                format!("{} features, as in the training rows", self.features.len()),
                format!("{} features", features.columns()),
            ));
        }
        let by = |column| {
            let (learned, found) = (&self.shifts, features.shifts());
            (shift_of(learned, column), shift_of(found, column))
        };
        match (0..features.columns()).find(|&c| by(c).0 != by(c).1) {
            None => Ok(()),
            Some(column) => Err(Error::shape(
                format!("{WHAT}, column {}", quoted(&features.names()[column])),
                format!(
                    "numbers less {}, as in the training rows; the `Schema` of their file reads others so",
                    by(column).0
                ),
                format!("numbers less {}", by(column).1),
            )),
        }
    }

    /// Refuses what [`Standardise::apply`] refuses, without memory for the standardised numbers.
    pub(super) fn check(&self, data: &Dataset) -> Result<()> {
        self.check_targets(data)?;
        self.check_columns(data.inputs())?;
        let mut scaled = vec![0.0; data.columns()];
        if !scaled.is_empty() {
            for i in 0..data.rows() {
                scaled.copy_from_slice(data.row(i));
                self.scale_row(&mut scaled);
                finite::check_row(i, &scaled)?;
            }
        }
        let targets = data.targets().iter().map(|&y| self.scale_target(y));
        finite::check_column("target", targets)
    }

    /// Brings the features of a row to the standardised scale.
    pub(super) fn scale_row(&self, row: &mut [f32]) {
        self.change_row(row, scaled);
    }

    /// A target on the standardised scale.
    pub(crate) fn scale_target(&self, y: f32) -> f32 {
        scaled(y, self.target)
    }

    /// The scale of the targets that [`Standardise::apply`] gives.
    pub(super) fn target_scale(&self) -> TargetScale {
        if self.keeps_target() {
            TargetScale::Original
        } else {
            TargetScale::Standardised
        }
    }

    fn change_row(&self, row: &mut [f32], f: impl Fn(f32, (f64, f64)) -> f32) {
        for (x, &moments) in row.iter_mut().zip(&self.features) {
            *x = f(*x, moments);
        }
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

/// Mean and standard deviation of a column; a unit of 1 where all values are the same.
fn moments(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let (mean, sd) = mean_sd(values);
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
    fn numbers_centred_otherwise_are_refused() {
        let table = |text: &str| {
            let data = crate::data::Table::new().read_bytes("test", text.as_bytes());
            data.unwrap()
        };
        let train = table("t,y\n1700000000,1\n1700000060,2\n");
        let scale = Standardise::fit(&train);
        assert_eq!(scale.apply(&train).unwrap().features(), [-1.0, 1.0]);
        let other = table("t,y\n1700000010,1\n1700000020,2\n");
        for found in [scale.apply(&other).map(drop), scale.check(&other)] {
            assert_eq!(
                found.unwrap_err().to_string(),
                "data to standardise, column `t`: expected numbers less 1700000030, as in the training rows; the `Schema` of their file reads others so, found numbers less 1700000015"
            );
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
