//! The arithmetic in which densities are written once: [`Algebra`] is spoken by `f64`, by [`Num`] (a number with
//! partial derivatives, used for priors) and by tensors (used for likelihoods).

use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

/// Numbers, or things that behave like them element by element.
///
/// A distribution that writes its log-density in this algebra is a prior and a likelihood at once and contains no
/// gradient code.
///
/// ```
/// use smc_runtime::model::algebra::{Algebra, Num};
/// fn log_laplace<S: Algebra>(x: S, scale: S) -> S {
///     -(x.abs() / scale.clone()) - (scale * 2.0).ln()
/// }
/// assert_eq!(log_laplace(0.0, 0.5), 0.0);
/// let x = Num::variable(3.0, 0);
/// assert_eq!(log_laplace(x, Num::from(2.0)).partial(0), -0.5);
/// ```
pub trait Algebra:
    Clone
    + Neg<Output = Self>
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Add<f64, Output = Self>
    + Sub<f64, Output = Self>
    + Mul<f64, Output = Self>
    + Div<f64, Output = Self>
{
    /// e to this power.
    fn exp(self) -> Self;
    /// Natural logarithm.
    fn ln(self) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// The number times itself.
    fn square(self) -> Self;
    /// Absolute value; its derivative at 0 is taken to be 0.
    fn abs(self) -> Self;
    /// Hyperbolic tangent.
    fn tanh(self) -> Self;
    /// log(1 + exp(x)), as (x + |x|)/2 + log(1 + exp(−|x|)), which never overflows. Its derivative is 1/(1 + exp(−x)).
    fn softplus(self) -> Self {
        let size = self.clone().abs();
        (self + size.clone()) * 0.5 + ((-size).exp() + 1.0).ln()
    }
}

/// An algebra with the gamma function, for densities whose shape is a parameter.
///
/// ```
/// use smc_runtime::model::algebra::{LnGamma, Num};
/// assert!((5.0.ln_gamma() - 24f64.ln()).abs() < 1e-14);
/// let slope = Num::variable(1.0, 0).ln_gamma().partial(0);
/// assert!((slope + 0.5772156649015329).abs() < 1e-14, "minus Euler's constant");
/// ```
pub trait LnGamma: Algebra {
    /// log Γ(x) of a positive x; its derivative is the digamma function.
    fn ln_gamma(self) -> Self;
}

impl LnGamma for f64 {
    fn ln_gamma(self) -> Self {
        libm::lgamma(self)
    }
}

impl LnGamma for Num {
    fn ln_gamma(self) -> Self {
        // Outside of its domain the recurrence of the digamma function need not end.
        if self.value > 0.0 && self.value.is_finite() {
            let slope = special::Gamma::digamma(self.value);
            self.chain(libm::lgamma(self.value), slope)
        } else {
            self.chain(f64::NAN, f64::NAN)
        }
    }
}

impl Algebra for f64 {
    fn exp(self) -> Self {
        f64::exp(self)
    }
    fn ln(self) -> Self {
        f64::ln(self)
    }
    fn sqrt(self) -> Self {
        f64::sqrt(self)
    }
    fn square(self) -> Self {
        self * self
    }
    fn abs(self) -> Self {
        f64::abs(self)
    }
    fn tanh(self) -> Self {
        f64::tanh(self)
    }
}

/// Number of partial derivatives that a [`Num`] carries: the value of a parameter and up to seven fields that its
/// prior names.
pub const LANES: usize = 8;

/// A number with partial derivatives (forward-mode differentiation).
///
/// Lane 0 is the parameter under the prior; lanes 1 to 7 are the fields that the prior names, in order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Num {
    value: f64,
    partials: [f64; LANES],
    /// Whether any lane but the first may differ from 0; most priors name no field, and then the rest is not computed.
    named: bool,
}

impl Num {
    /// A number that depends on nothing.
    #[inline]
    pub const fn constant(value: f64) -> Self {
        Self {
            value,
            partials: [0.0; LANES],
            named: false,
        }
    }

    /// The variable of lane `lane` at `value`.
    ///
    /// # Panics
    /// If `lane` is not below [`LANES`]; the macro refuses such priors at compile time.
    #[inline]
    pub fn variable(value: f64, lane: usize) -> Self {
        assert!(
            lane < LANES,
            "a prior can name at most {} fields",
            LANES - 1
        );
        let mut partials = [0.0; LANES];
        partials[lane] = 1.0;
        Self {
            value,
            partials,
            named: lane > 0,
        }
    }

    /// The number itself.
    #[inline]
    pub const fn value(self) -> f64 {
        self.value
    }

    /// Its partial derivative with respect to the variable of lane `lane`.
    #[inline]
    pub const fn partial(self, lane: usize) -> f64 {
        self.partials[lane]
    }

    /// A function of this number: `value` is f(x), `slope` is f'(x).
    #[inline]
    pub fn chain(self, value: f64, slope: f64) -> Self {
        if self.named {
            return self.chain_named(value, slope);
        }
        Self::alone(value, times(slope, self.partials[0]))
    }

    /// The number `value` whose only partial derivative is that of lane 0.
    #[inline]
    const fn alone(value: f64, partial: f64) -> Self {
        let mut partials = [0.0; LANES];
        partials[0] = partial;
        Self {
            value,
            partials,
            named: false,
        }
    }

    /// Square root.
    #[inline]
    pub fn sqrt(self) -> Self {
        let root = self.value.sqrt();
        self.chain(root, 0.5 / root)
    }

    /// e to this power.
    #[inline]
    pub fn exp(self) -> Self {
        let e = self.value.exp();
        self.chain(e, e)
    }

    /// Natural logarithm.
    #[inline]
    pub fn ln(self) -> Self {
        self.chain(self.value.ln(), self.value.recip())
    }

    /// The number times itself.
    #[inline]
    pub fn square(self) -> Self {
        self.chain(self.value * self.value, 2.0 * self.value)
    }

    /// One over the number.
    #[inline]
    pub fn recip(self) -> Self {
        let r = self.value.recip();
        self.chain(r, -r * r)
    }

    /// Absolute value.
    #[inline]
    pub fn abs(self) -> Self {
        let slope = if self.value == 0.0 {
            0.0
        } else {
            self.value.signum()
        };
        self.chain(self.value.abs(), slope)
    }

    /// The number to the power `exponent`.
    #[inline]
    pub fn powf(self, exponent: f64) -> Self {
        self.chain(
            self.value.powf(exponent),
            exponent * self.value.powf(exponent - 1.0),
        )
    }

    #[inline]
    fn zip(self, other: Self, value: f64, left: f64, right: f64) -> Self {
        if self.named || other.named {
            return self.zip_named(other, value, left, right);
        }
        Self::alone(
            value,
            times(left, self.partials[0]) + times(right, other.partials[0]),
        )
    }

    // Out of the way, so that what is inlined into a loop over parameters is the one lane.
    #[cold]
    fn chain_named(self, value: f64, slope: f64) -> Self {
        Self {
            value,
            partials: self.partials.map(|p| times(slope, p)),
            named: true,
        }
    }

    #[cold]
    fn zip_named(self, other: Self, value: f64, left: f64, right: f64) -> Self {
        Self {
            value,
            partials: std::array::from_fn(|i| {
                times(left, self.partials[i]) + times(right, other.partials[i])
            }),
            named: true,
        }
    }
}

/// A slope times a partial derivative. A lane that nothing depends on stays exactly 0, also where the slope is infinite.
#[inline]
fn times(slope: f64, partial: f64) -> f64 {
    if partial == 0.0 { 0.0 } else { slope * partial }
}

impl Algebra for Num {
    #[inline]
    fn exp(self) -> Self {
        Self::exp(self)
    }
    #[inline]
    fn ln(self) -> Self {
        Self::ln(self)
    }
    #[inline]
    fn sqrt(self) -> Self {
        Self::sqrt(self)
    }
    #[inline]
    fn square(self) -> Self {
        Self::square(self)
    }
    #[inline]
    fn abs(self) -> Self {
        Self::abs(self)
    }
    #[inline]
    fn tanh(self) -> Self {
        let t = self.value.tanh();
        self.chain(t, 1.0 - t * t)
    }
}

impl Neg for Num {
    type Output = Self;
    #[inline]
    fn neg(self) -> Self {
        self.chain(-self.value, -1.0)
    }
}

macro_rules! num_ops {
    ($($trait:ident $method:ident ($a:ident, $b:ident) $value:expr, $left:expr, $right:expr;)*) => {$(
        impl $trait for Num {
            type Output = Self;
            #[inline]
            fn $method(self, other: Self) -> Self {
                let ($a, $b) = (self.value, other.value);
                self.zip(other, $value, $left, $right)
            }
        }
        impl $trait<f64> for Num {
            type Output = Self;
            #[inline]
            fn $method(self, other: f64) -> Self {
                $trait::$method(self, Self::constant(other))
            }
        }
        impl $trait<Num> for f64 {
            type Output = Num;
            #[inline]
            fn $method(self, other: Num) -> Num {
                $trait::$method(Num::constant(self), other)
            }
        }
    )*};
}

num_ops! {
    Add add (a, b) a + b, 1.0, 1.0;
    Sub sub (a, b) a - b, 1.0, -1.0;
    Mul mul (a, b) a * b, b, a;
    Div div (a, b) a / b, b.recip(), -a / (b * b);
}

impl AddAssign for Num {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        self.value += other.value;
        self.named |= other.named;
        let lanes = if self.named { LANES } else { 1 };
        for (mine, theirs) in self.partials[..lanes].iter_mut().zip(other.partials) {
            *mine += theirs;
        }
    }
}

macro_rules! num_from {
    ($($t:ty)*) => {$(
        impl From<$t> for Num {
            #[inline]
            fn from(value: $t) -> Self {
                Self::constant(f64::from(value))
            }
        }
    )*};
}

num_from!(f64 f32 i32 u32);

impl From<usize> for Num {
    #[inline]
    fn from(value: usize) -> Self {
        Self::constant(value as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every operation's partials against central differences.
    #[test]
    fn partials_agree_with_finite_differences() {
        type F = (&'static str, fn(Num, Num) -> Num);
        let functions: [F; 12] = [
            ("add", |a, b| a + b * 2.0),
            ("sub", |a, b| 1.0 - a - b),
            ("mul", |a, b| a * b * a),
            ("div", |a, b| a / b),
            ("exp", |a, b| (a * b).exp()),
            ("ln", |a, b| (a + b).ln()),
            ("sqrt", |a, b| (a * b).sqrt()),
            ("square", |a, b| (a - b * 3.0).square()),
            ("abs tanh", |a, b| Algebra::tanh((a - b).abs())),
            ("powf recip", |a, b| a.powf(1.7) + b.recip()),
            ("softplus", |a, b| (a - b).softplus() * b.softplus()),
            ("ln gamma", |a, b| (a * b).ln_gamma() - b.ln_gamma()),
        ];
        let (a, b, h) = (0.7, 1.9, 1e-6);
        // The parameter itself and the fields that its prior names, in every mixture.
        for (left, right) in [(1, 2), (0, 7), (3, 0), (0, 0)] {
            for (name, f) in functions {
                let exact = f(Num::variable(a, left), Num::variable(b, right));
                let at = |a: f64, b: f64| f(a.into(), b.into()).value();
                let mut numeric = [0.0; LANES];
                numeric[left] += (at(a + h, b) - at(a - h, b)) / (2.0 * h);
                numeric[right] += (at(a, b + h) - at(a, b - h)) / (2.0 * h);
                for (lane, n) in numeric.into_iter().enumerate() {
                    let p = exact.partial(lane);
                    assert!(
                        (p - n).abs() < 1e-7 * (1.0 + n.abs()),
                        "{name}, lane {lane}: {p} against {n}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_sum_keeps_what_either_side_depends_on() {
        let (x, y) = (Num::variable(2.0, 0), Num::variable(3.0, 5));
        for (first, second) in [(x, y), (y, x), (x, x), (y, y)] {
            let mut sum = first;
            sum += second;
            assert_eq!(sum, first + second);
        }
    }
}
