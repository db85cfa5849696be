//! Where the values of an expression lie: an interval of real numbers, with arithmetic that const evaluation can do.

use super::transform::Support;

/// An interval of real numbers; each end belongs to it or not.
///
/// The arithmetic gives an interval that holds every result, and perhaps more: it knows nothing of two operands that
/// depend on each other, except where they are the same ([`Interval::square`]).
///
/// ```
/// use smc_runtime::model::interval::Interval;
/// // A positive number times e to the power of any number, and a little more.
/// let sd = Interval::POSITIVE.times(Interval::REAL.exp()).plus(Interval::point(0.01));
/// assert!(sd.is_within(Interval::POSITIVE));
/// assert!(!Interval::POSITIVE.plus(Interval::REAL).is_within(Interval::POSITIVE));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    least: End,
    most: End,
}

/// One end of an interval.
#[derive(Clone, Copy, Debug, PartialEq)]
struct End {
    at: f64,
    /// Whether it belongs to the interval.
    reached: bool,
}

const fn open(at: f64) -> End {
    End { at, reached: false }
}

const fn closed(at: f64) -> End {
    End { at, reached: true }
}

impl Interval {
    /// Any real number.
    pub const REAL: Self = Self::between(f64::NEG_INFINITY, f64::INFINITY);
    /// Any positive number.
    pub const POSITIVE: Self = Self::between(0.0, f64::INFINITY);
    /// Any number between 0 and 1, neither of which belongs to it.
    pub const UNIT: Self = Self::between(0.0, 1.0);

    /// The numbers between `least` and `most`, neither of which belongs to it.
    pub const fn between(least: f64, most: f64) -> Self {
        Self {
            least: open(least),
            most: open(most),
        }
    }

    /// `least` and every number above it.
    pub const fn from(least: f64) -> Self {
        Self {
            least: closed(least),
            most: open(f64::INFINITY),
        }
    }

    /// One number.
    pub const fn point(x: f64) -> Self {
        Self {
            least: closed(x),
            most: closed(x),
        }
    }

    /// What a parameter of that support can be.
    pub const fn of(support: Support) -> Self {
        match support {
            Support::Real => Self::REAL,
            Support::Positive => Self::POSITIVE,
            Support::UnitInterval => Self::UNIT,
        }
    }

    /// Whether `x` belongs to it.
    pub const fn holds(self, x: f64) -> bool {
        let above = x > self.least.at || (x == self.least.at && self.least.reached);
        above && (x < self.most.at || (x == self.most.at && self.most.reached))
    }

    /// Whether all of it belongs to `other`.
    pub const fn is_within(self, other: Self) -> bool {
        let (least, most) = (other.least, other.most);
        let above = self.least.at > least.at
            || (self.least.at == least.at && (least.reached || !self.least.reached));
        above
            && (self.most.at < most.at
                || (self.most.at == most.at && (most.reached || !self.most.reached)))
    }

    /// Whether every number belongs to it.
    pub const fn is_real(self) -> bool {
        Self::REAL.is_within(self)
    }

    /// Whether a negative number belongs to it.
    pub const fn has_negative(self) -> bool {
        self.least.at < 0.0
    }

    /// Whether a positive number belongs to it.
    pub const fn has_positive(self) -> bool {
        self.most.at > 0.0
    }

    /// −x.
    pub const fn minus(self) -> Self {
        Self {
            least: negated(self.most),
            most: negated(self.least),
        }
    }

    /// x + y.
    pub const fn plus(self, other: Self) -> Self {
        Self {
            least: sum(self.least, other.least),
            most: sum(self.most, other.most),
        }
    }

    /// x·y.
    pub const fn times(self, other: Self) -> Self {
        let corners = [
            product(self.least, other.least),
            product(self.least, other.most),
            product(self.most, other.least),
            product(self.most, other.most),
        ];
        let (mut least, mut most) = (corners[0], corners[0]);
        let mut i = 1;
        while i < 4 {
            let corner = corners[i];
            if corner.at < least.at || (corner.at == least.at && corner.reached) {
                least = corner;
            }
            if corner.at > most.at || (corner.at == most.at && corner.reached) {
                most = corner;
            }
            i += 1;
        }
        Self { least, most }
    }

    /// x/y; a y of 0 has no quotient.
    pub const fn over(self, other: Self) -> Self {
        if other.has_negative() && other.has_positive() {
            return Self::REAL;
        }
        self.times(Self {
            least: reciprocal(other.most, f64::NEG_INFINITY),
            most: reciprocal(other.least, f64::INFINITY),
        })
    }

    /// x·x.
    pub const fn square(self) -> Self {
        let all = self.times(self);
        if self.has_negative() && self.has_positive() {
            return Self {
                least: closed(0.0),
                ..all
            };
        }
        all
    }

    /// e to the power x, by 1 + x ≤ exp(x) and, below 0, exp(x) ≤ 1/(1 − x): const evaluation has no exponential.
    pub const fn exp(self) -> Self {
        let (least, most) = (self.least, self.most);
        Self {
            least: if least.at >= 0.0 {
                End {
                    at: 1.0 + least.at,
                    reached: least.at == 0.0 && least.reached,
                }
            } else {
                open(0.0)
            },
            most: if most.at <= 0.0 {
                End {
                    at: 1.0 / (1.0 - most.at),
                    reached: most.at == 0.0 && most.reached,
                }
            } else {
                open(f64::INFINITY)
            },
        }
    }

    /// The natural logarithm, by 1 − 1/x ≤ log(x) ≤ x − 1; what is not positive has none.
    pub const fn ln(self) -> Self {
        let (least, most) = (self.least, self.most);
        Self {
            least: if least.at > 0.0 {
                End {
                    at: 1.0 - 1.0 / least.at,
                    reached: least.at == 1.0 && least.reached,
                }
            } else {
                open(f64::NEG_INFINITY)
            },
            most: End {
                at: most.at - 1.0,
                reached: most.at == 1.0 && most.reached,
            },
        }
    }

    /// log(1 + exp(x)), which is above x and above 0.
    pub const fn softplus(self) -> Self {
        let least = self.least.at;
        Self::between(if least > 0.0 { least } else { 0.0 }, f64::INFINITY)
    }
}

const fn negated(end: End) -> End {
    End { at: -end.at, ..end }
}

const fn sum(a: End, b: End) -> End {
    End {
        at: a.at + b.at,
        reached: a.reached && b.reached,
    }
}

/// Of two ends. Next to an end at infinity, 0 is what a product comes to when the other factor is 0, and what it can be
/// near otherwise.
const fn product(a: End, b: End) -> End {
    if a.at == 0.0 || b.at == 0.0 {
        return End {
            at: 0.0,
            reached: (a.at == 0.0 && a.reached) || (b.at == 0.0 && b.reached),
        };
    }
    End {
        at: a.at * b.at,
        reached: a.reached && b.reached,
    }
}

/// 1/y at an end of numbers of one sign; `beyond` is what it comes to where y comes to 0.
const fn reciprocal(end: End, beyond: f64) -> End {
    if end.at == 0.0 {
        return open(beyond);
    }
    End {
        at: 1.0 / end.at,
        reached: end.reached,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Ends and values are multiples of ¼ or powers of 2, of which sums, products and quotients are exact: an open end is
    /// not reached by rounding.
    fn interval() -> impl Strategy<Value = (Interval, f64)> {
        let at = -24..=24;
        let ends = (at.clone(), at.clone(), at, any::<[bool; 4]>());
        ends.prop_filter_map(
            "a number of it",
            |(a, b, c, [low, high, unbounded, whole])| {
                let mut ends = [a, b, c];
                ends.sort_unstable();
                let [least, x, most] = ends.map(|n| f64::from(n) / 4.0);
                let end = |at, reached| End { at, reached };
                let mut interval = Interval {
                    least: end(least, low),
                    most: end(most, high),
                };
                if unbounded {
                    interval.most = open(f64::INFINITY);
                }
                if whole && unbounded {
                    interval.least = open(f64::NEG_INFINITY);
                }
                interval.holds(x).then_some((interval, x))
            },
        )
    }

    fn power() -> impl Strategy<Value = (Interval, f64)> {
        (-3..=3, 0..=3, 0..=3, any::<[bool; 3]>()).prop_filter_map(
            "a number of it",
            |(n, below, above, [low, high, negative])| {
                let at = |n: i32| 2f64.powi(n);
                let mut least = End {
                    at: at(n - below),
                    reached: low,
                };
                if below == 3 {
                    least.at = 0.0;
                }
                let most = End {
                    at: at(n + above),
                    reached: high,
                };
                let (interval, x) = (Interval { least, most }, at(n));
                let signed = if negative {
                    (interval.minus(), -x)
                } else {
                    (interval, x)
                };
                signed.0.holds(signed.1).then_some(signed)
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn what_is_computed_of_members_is_a_member((a, x) in interval(), (b, y) in interval(), (c, z) in power()) {
            prop_assert!(a.minus().holds(-x));
            prop_assert!(a.plus(b).holds(x + y));
            prop_assert!(a.plus(b.minus()).holds(x - y));
            prop_assert!(a.times(b).holds(x * y), "{a:?} {b:?} {x} {y}");
            prop_assert!(a.over(c).holds(x / z), "{a:?} {c:?} {x} {z}");
            prop_assert!(a.square().holds(x * x));
            prop_assert!(a.exp().holds(x.exp()));
            prop_assert!(a.softplus().holds(x.exp().ln_1p()));
            if x > 0.0 {
                prop_assert!(a.ln().holds(x.ln()), "{a:?} {x}");
            }
        }

        #[test]
        fn a_part_has_no_member_that_the_whole_lacks((a, x) in interval(), (b, _) in interval()) {
            prop_assert!(!a.is_within(b) || b.holds(x));
            prop_assert!(a.is_within(a));
            prop_assert!(a.has_negative() || x >= 0.0);
            prop_assert!(a.has_positive() || x <= 0.0);
        }
    }

    /// Nothing is given away where it matters: signs come out as tight as they are.
    #[test]
    fn signs_are_kept() {
        let (real, positive, unit) = (Interval::REAL, Interval::POSITIVE, Interval::UNIT);
        assert_eq!(positive.times(positive), positive);
        assert_eq!(positive.over(positive), positive);
        assert_eq!(real.over(positive), real);
        assert_eq!(unit.times(unit), unit);
        assert_eq!(Interval::point(1.0).plus(unit.minus()), unit);
        assert_eq!(
            Interval::point(1.0).over(Interval::point(1.0).plus(real.exp())),
            unit
        );
        assert_eq!(real.square(), Interval::from(0.0));
        assert_eq!(unit.ln(), positive.minus());
        assert_eq!((real.exp(), real.softplus()), (positive, positive));
        assert!(!real.times(positive).is_within(positive));
        assert!(!Interval::from(0.0).is_within(positive));
    }
}
