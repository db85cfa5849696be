//! Scores in a line.

use std::fmt;

use crate::data::TargetScale;

/// Scores on some rows. Prints as a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scores {
    /// Number of rows.
    pub rows: usize,
    /// How many of them stand among the training rows.
    pub seen: usize,
    /// The scale of the targets that LPPD and RMSE are stated on.
    pub target_scale: TargetScale,
    /// Mean log predictive density.
    pub lppd: f64,
    /// Root mean squared error, for real targets and counts.
    pub rmse: Option<f64>,
    /// Fraction inside the central 90 % interval, for real targets and counts.
    pub coverage_90: Option<f64>,
    /// Fraction of right classes, for classes.
    pub accuracy: Option<f64>,
    /// Mean negative log predictive density, minus `lppd`, for classes.
    pub nll: Option<f64>,
    /// [Brier score](crate::base::scores::brier), for classes: the sum over all of them, between 0 and 2.
    pub brier: Option<f64>,
    /// [Expected calibration error](crate::base::scores::calibration_error) in 15 bins of equal width, for classes.
    pub calibration_error: Option<f64>,
}

impl fmt::Display for Scores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows", self.rows)?;
        if self.seen > 0 {
            write!(f, " ({} of them training rows)", self.seen)?;
        }
        write!(f, ": LPPD {:.3}", self.lppd)?;
        if let Some(rmse) = self.rmse {
            write!(f, ", RMSE {rmse:.3}")?;
        }
        if let Some(coverage) = self.coverage_90 {
            write!(f, ", 90 % interval covers {:.1} %", 100.0 * coverage)?;
        }
        if let Some(accuracy) = self.accuracy {
            write!(f, ", accuracy {accuracy:.3}")?;
        }
        for (name, score) in [
            ("NLL", self.nll),
            ("Brier", self.brier),
            ("ECE", self.calibration_error),
        ] {
            if let Some(score) = score {
                write!(f, ", {name} {score:.3}")?;
            }
        }
        // The scale of classes is no question.
        if self.rmse.is_some() {
            write!(f, ", target scale {}", self.target_scale)?;
        }
        Ok(())
    }
}
