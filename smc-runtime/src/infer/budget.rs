//! What an algorithm may spend.

use serde::{Deserialize, Serialize};

use crate::base::error::{Error, Result};

/// Row-gradients, or seconds that a timing turns into work.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Budget {
    Gradients(u64),
    Seconds(f64),
}

impl Budget {
    /// Whether it is one.
    pub(super) fn check(self) -> Result<()> {
        match self {
            Self::Gradients(0) => Err(Error::config("gradients", 0, "at least 1 is needed")),
            Self::Seconds(s) if !(s > 0.0 && s.is_finite()) => {
                let expected = "a positive, finite number is needed";
                Err(Error::config("seconds", s, expected))
            }
            _ => Ok(()),
        }
    }
}
