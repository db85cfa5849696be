//! Which units targets are in.

use std::fmt;

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
