//! Data sets: features with one target per row, which a model learns from.

use super::class::class;
use super::features::Features;
use super::finite;
use super::target_scale::TargetScale;
use crate::base::error::{Error, Result};

/// A table of N rows: features (row-major) and one target per row.
///
/// ```
/// use smc_runtime::Dataset;
/// let data = Dataset::new(2, vec![1.0, 2.0, 3.0, 4.0], vec![0.5, 1.5])?;
/// assert_eq!((data.rows(), data.row(1), data.target(1)), (2, &[3.0, 4.0][..], 1.5));
///
/// let error = Dataset::new(2, vec![1.0, f32::NAN], vec![0.5]).unwrap_err();
/// assert_eq!(error.to_string(), "feature in row 0, column 1 is NaN; every value must be finite");
/// # Ok::<(), smc_runtime::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    pub(super) inputs: Features,
    targets: Vec<f32>,
    classes: Vec<String>,
    target_scale: TargetScale,
    pub(super) weights: Option<Vec<f32>>,
}

impl Dataset {
    /// A table of `columns` features per row. A model without features has `columns` = 0.
    ///
    /// # Errors
    /// If there are no rows, if the numbers of features and targets do not fit, or if a value is not finite.
    pub fn new(columns: usize, features: Vec<f32>, targets: Vec<f32>) -> Result<Self> {
        if targets.is_empty() {
            return Err(Error::NoRows);
        }
        if columns.checked_mul(targets.len()) != Some(features.len()) {
            return Err(Error::shape(
                "features of a data set",
                format!("{} rows of {columns} features", targets.len()),
                format!("{} numbers", features.len()),
            ));
        }
        Features::checked(targets.len(), columns, features)?.with_targets(targets)
    }

    /// A table from one slice per row.
    ///
    /// # Errors
    /// As [`Dataset::new`], and if a row is longer or shorter than the first.
    pub fn from_rows<R: AsRef<[f32]>>(rows: &[R], targets: &[f32]) -> Result<Self> {
        Features::from_rows(rows)?.with_targets(targets.to_vec())
    }

    /// Names the columns, for messages and reports.
    ///
    /// # Errors
    /// If there are more or fewer names than columns.
    pub fn with_names<S: Into<String>>(
        mut self,
        names: impl IntoIterator<Item = S>,
    ) -> Result<Self> {
        self.inputs = self.inputs.with_names(names)?;
        Ok(self)
    }

    /// Names the classes 0, 1, ..., for messages and tables.
    ///
    /// # Errors
    /// If a target is none of them.
    pub fn with_classes<S: Into<String>>(
        mut self,
        classes: impl IntoIterator<Item = S>,
    ) -> Result<Self> {
        self.classes = classes.into_iter().map(Into::into).collect();
        let known = |y: f32| class(y).is_some_and(|c| c < self.classes.len());
        match self.targets.iter().position(|&y| !known(y)) {
            None => Ok(self),
            Some(row) => Err(Error::shape(
                format!("target in row {row}"),
                format!(
                    "a class below {}, as there are so many names",
                    self.classes.len()
                ),
                self.targets[row].to_string(),
            )),
        }
    }

    /// With features and targets changed, which are then on `scale`; names, classes, offset and weights stay.
    ///
    /// # Errors
    /// If a value is then not finite.
    pub(super) fn with_values_changed(
        self,
        row: impl Fn(&mut [f32]),
        target: impl Fn(f32) -> f32,
        scale: TargetScale,
    ) -> Result<Self> {
        let inputs = self.inputs.with_rows_changed(row)?;
        let mut targets = self.targets;
        for y in &mut targets {
            *y = target(*y);
        }
        finite::check_column("target", targets.iter().copied())?;
        Ok(Self {
            inputs,
            targets,
            target_scale: scale,
            ..self
        })
    }

    /// With other features for each row; all else stays.
    pub(super) fn with_inputs(&self, inputs: Features) -> Self {
        Self {
            inputs,
            targets: self.targets.clone(),
            classes: self.classes.clone(),
            target_scale: self.target_scale,
            weights: self.weights.clone(),
        }
    }

    /// The features, without the targets.
    pub fn inputs(&self) -> &Features {
        &self.inputs
    }

    /// With what was learned of the table that it was read from.
    pub(super) fn learned_as(mut self, learned: &std::sync::Arc<super::table::Learned>) -> Self {
        self.inputs = self.inputs.learned_as(learned);
        self
    }

    /// Number of rows N.
    pub fn rows(&self) -> usize {
        self.targets.len()
    }

    /// Number of features per row.
    pub fn columns(&self) -> usize {
        self.inputs.columns()
    }

    /// Names of the columns; their numbers unless named.
    pub fn names(&self) -> &[String] {
        self.inputs.names()
    }

    /// Names of the classes 0, 1, ...; none unless named.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The scale that the targets are on.
    pub fn target_scale(&self) -> TargetScale {
        self.target_scale
    }

    /// The features of row `i`.
    pub fn row(&self, i: usize) -> &[f32] {
        self.inputs.row(i)
    }

    /// All features, row after row.
    pub fn features(&self) -> &[f32] {
        self.inputs.values()
    }

    /// All targets.
    pub fn targets(&self) -> &[f32] {
        &self.targets
    }

    /// The target of row `i`.
    pub fn target(&self, i: usize) -> f32 {
        self.targets[i]
    }

    /// The rows `order`, in that order; rows may repeat.
    ///
    /// # Errors
    /// If `order` is empty or names a row that does not exist.
    pub fn select(&self, order: &[usize]) -> Result<Self> {
        self.inputs.check_rows(order)?;
        Ok(self.chosen(order.iter().copied()))
    }

    /// The rows `order`, of which there is at least one and which exist.
    pub(super) fn chosen(&self, order: impl Iterator<Item = usize> + Clone) -> Self {
        let of_rows = |values: &Option<Vec<f32>>| {
            let values = values.as_ref()?;
            Some(order.clone().map(|i| values[i]).collect())
        };
        Self {
            weights: of_rows(&self.weights),
            inputs: self.inputs.chosen(order.clone()),
            targets: order.map(|i| self.targets[i]).collect(),
            classes: self.classes.clone(),
            target_scale: self.target_scale,
        }
    }
}

impl Features {
    /// With one target for each row.
    ///
    /// # Errors
    /// If there are more or fewer targets than rows, or if one is not finite.
    pub fn with_targets(self, targets: Vec<f32>) -> Result<Dataset> {
        if self.rows() != targets.len() {
            return Err(Error::shape(
                "targets of a data set",
                format!("{} targets, one per row", self.rows()),
                format!("{} targets", targets.len()),
            ));
        }
        finite::check_column("target", targets.iter().copied())?;
        Ok(Dataset {
            inputs: self,
            targets,
            classes: Vec::new(),
            target_scale: TargetScale::Original,
            weights: None,
        })
    }
}

impl AsRef<Features> for Dataset {
    fn as_ref(&self) -> &Features {
        self.inputs()
    }
}
