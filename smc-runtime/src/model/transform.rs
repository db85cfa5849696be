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
    /// Any number between 0 and 1; x = 1/(1 + exp(−u)).
    UnitInterval,
}

impl Support {
    /// The parameter x at the unconstrained u.
    ///
    /// ```
    /// use smc_runtime::model::transform::Support;
    /// assert_eq!(Support::Positive.constrain(0.0), 1.0);
    /// assert_eq!(Support::Positive.unconstrain(1.0), 0.0);
    /// ```
    pub fn constrain(self, u: f64) -> f64 {
        match self {
            Self::Real => u,
            Self::Positive => u.exp(),
            Self::UnitInterval => logistic(u),
        }
    }

    /// The unconstrained u of a parameter x.
    pub fn unconstrain(self, x: f64) -> f64 {
        match self {
            Self::Real => x,
            Self::Positive => x.ln(),
            Self::UnitInterval => x.ln() - (-x).ln_1p(),
        }
    }

    /// log |dx/du| at u.
    pub fn log_jacobian(self, u: f64) -> f64 {
        match self {
            Self::Real => 0.0,
            Self::Positive => u,
            // log x + log(1 − x), where neither is rounded to 0.
            Self::UnitInterval => -u.abs() - 2.0 * (-u.abs()).exp().ln_1p(),
        }
    }

    /// d/du of [`Support::log_jacobian`] at u.
    pub fn log_jacobian_slope(self, u: f64) -> f64 {
        match self {
            Self::Real => 0.0,
            Self::Positive => 1.0,
            Self::UnitInterval => -(0.5 * u).tanh(),
        }
    }

    /// dx/du at u.
    pub fn slope(self, u: f64) -> f64 {
        match self {
            Self::Real => 1.0,
            Self::Positive => u.exp(),
            Self::UnitInterval => logistic(u) * logistic(-u),
        }
    }

    /// The least and the largest value, which belong to it only where they are densities' limits.
    pub const fn bounds(self) -> (f64, f64) {
        match self {
            Self::Real => (f64::NEG_INFINITY, f64::INFINITY),
            Self::Positive => (0.0, f64::INFINITY),
            Self::UnitInterval => (0.0, 1.0),
        }
    }

    /// In words, as the compile-time messages say it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Real => "any real number",
            Self::Positive => "positive numbers",
            Self::UnitInterval => "numbers between 0 and 1",
        }
    }

    pub(crate) const fn same(self, other: Self) -> bool {
        matches!(
            (self, other),
            (Self::Real, Self::Real)
                | (Self::Positive, Self::Positive)
                | (Self::UnitInterval, Self::UnitInterval)
        )
    }
}

fn logistic(u: f64) -> f64 {
    // The exponential of a positive number may be infinite; then this is 0 or 1, as it should be.
    1.0 / (1.0 + (-u).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The inverse, the slopes and the Jacobian follow from [`Support::constrain`].
    #[test]
    fn each_map_agrees_with_itself() {
        for support in [Support::Real, Support::Positive, Support::UnitInterval] {
            for u in [-9.0, -1.3, 0.0, 0.4, 7.5] {
                let (x, h) = (support.constrain(u), 1e-5);
                assert!((support.unconstrain(x) - u).abs() < 1e-10, "{support:?}");
                let slope = (support.constrain(u + h) - support.constrain(u - h)) / (2.0 * h);
                assert!(
                    (support.slope(u) / slope - 1.0).abs() < 1e-5,
                    "{support:?} {u}"
                );
                let log = support.slope(u).ln();
                assert!(
                    (support.log_jacobian(u) - log).abs() < 1e-12,
                    "{support:?} {u}"
                );
                let log = |u: f64| support.log_jacobian(u);
                let bend = (log(u + h) - log(u - h)) / (2.0 * h);
                assert!(
                    (support.log_jacobian_slope(u) - bend).abs() < 1e-8,
                    "{support:?} {u}"
                );
                let (least, most) = support.bounds();
                assert!(least < x && x < most);
            }
        }
    }

    #[test]
    fn far_out_nothing_is_lost() {
        let unit = Support::UnitInterval;
        assert!((unit.log_jacobian(-800.0) + 800.0).abs() < 1e-9);
        assert_eq!((unit.constrain(-800.0), unit.constrain(800.0)), (0.0, 1.0));
        assert_eq!(unit.slope(800.0), 0.0);
    }
}
