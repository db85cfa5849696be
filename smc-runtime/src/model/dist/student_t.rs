//! Student's t distribution.

use special::Beta;

use super::{LN_PI, Prior, Response, Univariate, finite, is_zero, positive};
use crate::base::rng::Stream;
use crate::model::algebra::{LnGamma, Num};
use crate::model::check::Key;
use crate::model::term::Term;
use crate::model::transform::Support;

/// `StudentT(df, location, scale)`: with ν degrees of freedom and z = (x − location)/scale,
/// log p(x) = log Γ((ν + 1)/2) − log Γ(ν/2) − ½ log νπ − log scale − ½ (ν + 1) log(1 + z²/ν)
/// (Gelman et al., *Bayesian Data Analysis*, 3rd edition, appendix A).
///
/// Location and scale are in the units of x; ν has none. The variance is scale² ν/(ν − 2) for ν above 2; there is no mean
/// unless ν is above 1.
///
/// As a prior, `StudentT(4.0, 0.0, 1.0)`; as a likelihood that outliers do not pull at,
/// `StudentT(df = 4.0, mean = output, scale = noise)`, where each may be a number, a parameter or an expression: learned
/// degrees of freedom are a `Scale`.
///
/// ```
/// use smc_runtime::prelude::*;
/// assert!((StudentT(5.0, 0.0, 2.0).log_density(1.0) - -1.8081372621229663).abs() < 1e-14);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StudentT<A = Num>(pub A, pub A, pub A);

impl<S: LnGamma> StudentT<S> {
    /// The normalised log-density at x.
    pub fn log_density(&self, x: S) -> S {
        let (df, half) = (self.0.clone(), self.0.clone() * 0.5);
        let z = (x - self.1.clone()) / self.2.clone();
        let constant =
            (half.clone() + 0.5).ln_gamma() - half.clone().ln_gamma() - df.clone().ln() * 0.5;
        let tail = (half + 0.5) * (z.square() / df + 1.0).ln();
        constant - self.2.clone().ln() - tail - 0.5 * LN_PI
    }
}

impl Prior for StudentT<Num> {
    const SUPPORT: Support = Support::Real;

    fn log_density(&self, x: Num) -> Num {
        self.log_density(x)
    }

    fn sample(&self, stream: &mut Stream) -> f64 {
        self.1.value() + self.2.value() * standard_draw(self.0.value(), stream)
    }

    fn is_even(&self) -> bool {
        is_zero(self.1)
    }

    fn check(&self) -> Result<(), String> {
        positive("the degrees of freedom of `StudentT`", self.0)?;
        finite("the location of `StudentT`", self.1)?;
        positive("the scale of `StudentT`", self.2)
    }
}

/// One draw with location 0 and scale 1.
fn standard_draw(df: f64, stream: &mut Stream) -> f64 {
    let normal = stream.normal();
    let chi_squared = 2.0 * super::gamma::standard_draw(df / 2.0, stream);
    normal / (chi_squared / df).sqrt()
}

impl Default for StudentT<Term> {
    fn default() -> Self {
        Self(Term::Unset, Term::Unset, Term::Unset)
    }
}

impl StudentT<Term> {
    /// The degrees of freedom ν.
    #[doc(alias = "nu")]
    pub fn df(self, df: impl Into<Term>) -> Self {
        Self(df.into(), self.1, self.2)
    }

    /// Where targets lie: their mean, if they have one, and their median.
    #[doc(alias = "loc")]
    #[doc(alias = "location")]
    pub fn mean(self, mean: impl Into<Term>) -> Self {
        Self(self.0, mean.into(), self.2)
    }

    /// The scale, which is below the standard deviation.
    #[doc(alias = "sd")]
    #[doc(alias = "sigma")]
    pub fn scale(self, scale: impl Into<Term>) -> Self {
        Self(self.0, self.1, scale.into())
    }
}

/// P(T <= t) with location 0 and scale 1: a tail of ½ I_x(ν/2, ½) at x = ν/(ν + t²), I the regularised incomplete beta
/// function. Beyond 10⁴ degrees of freedom, where that is slow, a normal at a number near t, within 10⁻⁸ (Abramowitz and
/// Stegun, 26.7.8).
fn standard_cdf(df: f64, t: f64) -> f64 {
    if df > 1e4 {
        let z = t * (1.0 - 0.25 / df) / (1.0 + t * (t / (2.0 * df))).sqrt();
        return 0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2);
    }
    // Of NaN the algorithm behind would find no end.
    if df <= 0.0 || df.is_nan() || t.is_nan() {
        return f64::NAN;
    }
    let x = df / (df + t * t);
    let half = 0.5 * df;
    let tail = 0.5 * x.inc_beta(half, 0.5, half.ln_beta(0.5));
    if t < 0.0 { tail } else { 1.0 - tail }
}

impl Univariate for StudentT<Term> {
    const KEYS: &'static [Key] = &[
        Key::column("df").positive().also(&["nu"]),
        Key::column("mean").also(&["mu", "loc", "location"]),
        Key::column("scale")
            .positive()
            .also(&["sigma", "sd", "std"]),
    ];
    const RESPONSE: Response = Response::Real;

    fn terms(&self) -> Vec<Term> {
        vec![self.0.clone(), self.1.clone(), self.2.clone()]
    }

    fn log_density<A: LnGamma>(&self, arguments: &[A], y: A) -> A {
        let [df, mean, scale] = [0, 1, 2].map(|i| arguments[i].clone());
        StudentT(df, mean, scale).log_density(y)
    }

    fn mean(&self, arguments: &[f64]) -> f64 {
        if arguments[0] > 1.0 {
            arguments[1]
        } else {
            f64::NAN
        }
    }

    fn variance(&self, arguments: &[f64]) -> f64 {
        let (df, scale) = (arguments[0], arguments[2]);
        if df > 2.0 {
            scale * scale * (df / (df - 2.0))
        } else {
            f64::INFINITY
        }
    }

    fn cdf(&self, arguments: &[f64], y: f64) -> Option<f64> {
        Some(standard_cdf(
            arguments[0],
            (y - arguments[1]) / arguments[2],
        ))
    }

    fn sample(&self, arguments: &[f64], stream: &mut Stream) -> f64 {
        arguments[1] + arguments[2] * standard_draw(arguments[0], stream)
    }
}
