//! Where a parameter lives, and the map from the whole real line onto it with its log-Jacobian.

use serde::{Deserialize, Serialize};

/// The set of values that a parameter can take, or that a distribution gives density to.
///
/// Samplers move in unconstrained coordinates u; [`Support::constrain`] maps them to the parameter x, and every
/// density is taken with respect to u: log p(u) = log p(x(u)) + log |dx/du|.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Support {
    /// Any real number; x = u.
    Real,
    /// Any positive number; x = exp(u).
    Positive,
}

impl Support {
    /// The parameter x at the unconstrained u.
    ///
    /// ```
    /// use smc_runtime::transform::Support;
    /// assert_eq!(Support::Positive.constrain(0.0), 1.0);
    /// assert_eq!(Support::Positive.unconstrain(1.0), 0.0);
    /// ```
    pub fn constrain(self, u: f64) -> f64 {
        match self {
            Self::Real => u,
            Self::Positive => u.exp(),
        }
    }

    /// The unconstrained u of a parameter x.
    pub fn unconstrain(self, x: f64) -> f64 {
        match self {
            Self::Real => x,
            Self::Positive => x.ln(),
        }
    }

    /// log |dx/du| at u.
    pub fn log_jacobian(self, u: f64) -> f64 {
        match self {
            Self::Real => 0.0,
            Self::Positive => u,
        }
    }

    /// d/du of [`Support::log_jacobian`].
    pub fn log_jacobian_slope(self) -> f64 {
        match self {
            Self::Real => 0.0,
            Self::Positive => 1.0,
        }
    }

    /// dx/du at the point whose parameter is x.
    pub fn slope(self, x: f64) -> f64 {
        match self {
            Self::Real => 1.0,
            Self::Positive => x,
        }
    }

    /// In words, as the compile-time messages say it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Real => "any real number",
            Self::Positive => "positive numbers",
        }
    }

    pub(crate) const fn same(self, other: Self) -> bool {
        matches!(
            (self, other),
            (Self::Real, Self::Real) | (Self::Positive, Self::Positive)
        )
    }
}
