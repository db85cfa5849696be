//! Numbers row by row with their partial derivatives: the algebra in which the fused engine evaluates a likelihood's formula.
//!
//! Every operation is a kernel over the rows of one panel, so that it runs on the instruction set of the engine wherever the
//! formula was compiled.

use std::fmt::{self, Debug};
use std::ops::{Add, Div, Mul, Neg, Sub};
use std::sync::Arc;

use super::isa::{Isa, kernels};
use super::panel::PANEL;
use super::wide;
use crate::algebra::{Algebra, LnGamma};
use crate::dist::Univariate;

/// One number for each row of a panel. Counts, whose densities are differences of large numbers, need `f64`.
pub(super) type Wide = [f64; PANEL];

/// One number for each row of a panel, and its partial derivatives with respect to K variables.
#[derive(Clone)]
pub(super) struct Lanes<const K: usize> {
    isa: Isa,
    pub(super) value: Wide,
    pub(super) partials: [Wide; K],
    /// Bit k: whether partial k may differ from 0.
    named: u8,
}

impl<const K: usize> Lanes<K> {
    /// Numbers that depend on no variable.
    pub(super) fn constant(isa: Isa, value: Wide) -> Self {
        Self {
            isa,
            value,
            partials: [[0.0; PANEL]; K],
            named: 0,
        }
    }

    /// Variable number `number`, if there are so many.
    pub(super) fn variable(isa: Isa, value: Wide, number: usize) -> Self {
        let mut this = Self::constant(isa, value);
        if let Some(partial) = this.partials.get_mut(number) {
            *partial = [1.0; PANEL];
            this.named = 1 << number;
        }
        this
    }

    fn apply(mut self, function: Function) -> Self {
        let (value, partials) = (&mut self.value, &mut self.partials);
        apply(self.isa, function, value, partials, self.named);
        self
    }

    fn combine(mut self, operator: Operator, other: &Self) -> Self {
        let left = (&mut self.value, &mut self.partials[..], self.named);
        let right = (&other.value, &other.partials[..], other.named);
        combine(self.isa, operator, left, right);
        self.named |= other.named;
        self
    }

    fn repeated(&self, value: f64) -> Self {
        Self::constant(self.isa, [value; PANEL])
    }
}

#[derive(Clone, Copy)]
enum Function {
    Neg,
    Exp,
    Ln,
    Sqrt,
    Square,
    Abs,
    Tanh,
    LnGamma,
}

#[derive(Clone, Copy)]
enum Operator {
    Add,
    Sub,
    Mul,
    Div,
}

type Left<'a> = (&'a mut Wide, &'a mut [Wide], u8);
type Right<'a> = (&'a Wide, &'a [Wide], u8);

/// A slope times a partial derivative. A row that nothing depends on stays exactly 0, also where the slope is infinite.
#[inline(always)]
fn times(slope: f64, partial: f64) -> f64 {
    if partial == 0.0 { 0.0 } else { slope * partial }
}

kernels! {
    fn apply(function: Function, x: &mut Wide, partials: &mut [Wide], named: u8) {
        let (mut y, mut slope) = ([0.0; PANEL], [0.0; PANEL]);
        match function {
            Function::Neg => for l in 0..PANEL {
                (y[l], slope[l]) = (-x[l], -1.0);
            },
            Function::Exp => for l in 0..PANEL {
                let e = wide::exp::<FMA>(x[l]);
                (y[l], slope[l]) = (e, e);
            },
            Function::Ln => for l in 0..PANEL {
                (y[l], slope[l]) = (wide::ln::<FMA>(x[l]), 1.0 / x[l]);
            },
            Function::Sqrt => for l in 0..PANEL {
                let root = x[l].sqrt();
                (y[l], slope[l]) = (root, 0.5 / root);
            },
            Function::Square => for l in 0..PANEL {
                (y[l], slope[l]) = (x[l] * x[l], 2.0 * x[l]);
            },
            Function::Abs => for l in 0..PANEL {
                let sign = if x[l] < 0.0 { -1.0 } else { 1.0 };
                (y[l], slope[l]) = (x[l].abs(), if x[l] == 0.0 { 0.0 } else { sign });
            },
            Function::Tanh => for l in 0..PANEL {
                let t = wide::tanh::<FMA>(x[l]);
                (y[l], slope[l]) = (t, 1.0 - t * t);
            },
            // Of a parameter alone, all rows are the same.
            Function::LnGamma if x.iter().all(|other| *other == x[0]) => {
                let (value, by_x) = wide::ln_gamma::<FMA>(x[0]);
                (y, slope) = ([value; PANEL], [by_x; PANEL]);
            }
            Function::LnGamma => {
                for l in 0..PANEL {
                    (y[l], slope[l]) = wide::ln_gamma::<FMA>(x[l]);
                }
            }
        }
        *x = y;
        for (k, partial) in partials.iter_mut().enumerate() {
            if named >> k & 1 == 1 {
                for l in 0..PANEL {
                    partial[l] = times(slope[l], partial[l]);
                }
            }
        }
    }

    fn combine(operator: Operator, left: Left<'_>, right: Right<'_>) {
        let ((a, by_a, a_named), (b, by_b, b_named)) = (left, right);
        let (mut y, mut slope, mut other) = ([0.0; PANEL], [1.0; PANEL], [1.0; PANEL]);
        match operator {
            Operator::Add => for l in 0..PANEL {
                y[l] = a[l] + b[l];
            },
            Operator::Sub => for l in 0..PANEL {
                (y[l], other[l]) = (a[l] - b[l], -1.0);
            },
            Operator::Mul => for l in 0..PANEL {
                (y[l], slope[l], other[l]) = (a[l] * b[l], b[l], a[l]);
            },
            Operator::Div => for l in 0..PANEL {
                (y[l], slope[l], other[l]) = (a[l] / b[l], 1.0 / b[l], -a[l] / (b[l] * b[l]));
            },
        }
        *a = y;
        for (k, (p, q)) in by_a.iter_mut().zip(by_b).enumerate() {
            if a_named >> k & 1 == 1 {
                for l in 0..PANEL {
                    p[l] = times(slope[l], p[l]);
                }
            }
            if b_named >> k & 1 == 1 {
                for l in 0..PANEL {
                    p[l] += times(other[l], q[l]);
                }
            }
        }
    }
}

impl<const K: usize> Algebra for Lanes<K> {
    fn exp(self) -> Self {
        self.apply(Function::Exp)
    }
    fn ln(self) -> Self {
        self.apply(Function::Ln)
    }
    fn sqrt(self) -> Self {
        self.apply(Function::Sqrt)
    }
    fn square(self) -> Self {
        self.apply(Function::Square)
    }
    fn abs(self) -> Self {
        self.apply(Function::Abs)
    }
    fn tanh(self) -> Self {
        self.apply(Function::Tanh)
    }
}

impl<const K: usize> LnGamma for Lanes<K> {
    fn ln_gamma(self) -> Self {
        self.apply(Function::LnGamma)
    }
}

impl<const K: usize> Neg for Lanes<K> {
    type Output = Self;
    fn neg(self) -> Self {
        self.apply(Function::Neg)
    }
}

macro_rules! lanes_ops {
    ($($trait:ident $method:ident;)*) => {$(
        impl<const K: usize> $trait for Lanes<K> {
            type Output = Self;
            fn $method(self, other: Self) -> Self {
                self.combine(Operator::$trait, &other)
            }
        }
        impl<const K: usize> $trait<f64> for Lanes<K> {
            type Output = Self;
            fn $method(self, other: f64) -> Self {
                let other = self.repeated(other);
                self.combine(Operator::$trait, &other)
            }
        }
    )*};
}

lanes_ops! {
    Add add;
    Sub sub;
    Mul mul;
    Div div;
}

/// The formula of a likelihood on lanes of K variables.
pub(super) trait Formula<const K: usize> {
    fn log_density(&self, arguments: &[Lanes<K>], y: Lanes<K>) -> Lanes<K>;
}

impl<L: Univariate, const K: usize> Formula<K> for L {
    fn log_density(&self, arguments: &[Lanes<K>], y: Lanes<K>) -> Lanes<K> {
        Univariate::log_density(self, arguments, y)
    }
}

/// Variables that a likelihood can have: outputs and parameters that it names.
pub(super) const MOST_VARIABLES: usize = 4;

/// The formula of a likelihood for every number of variables.
pub(super) trait Formulas:
    Formula<0> + Formula<1> + Formula<2> + Formula<3> + Formula<4> + Debug + Send + Sync
{
    /// The part of log p(y) that depends on y alone.
    fn base(&self, y: f64) -> f64;
}

impl<L: Univariate> Formulas for L {
    fn base(&self, y: f64) -> f64 {
        Univariate::base(self, y)
    }
}

/// The density of a [`Univariate`] likelihood as the fused engine evaluates it, a panel of rows at a time.
#[derive(Clone)]
pub struct RowDensity(pub(super) Arc<dyn Formulas>);

impl RowDensity {
    /// That of `likelihood`, whose terms are not looked at.
    pub fn of<L: Univariate>(likelihood: L) -> Self {
        Self(Arc::new(likelihood))
    }
}

impl Debug for RowDensity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::super::isa::all;
    use super::*;
    use crate::algebra::Num;

    fn operations<A: LnGamma>(a: &A, b: &A) -> Vec<A> {
        let (a, b) = (|| a.clone(), || b.clone());
        vec![
            a() + b() * 2.0,
            a() - b() - 1.0,
            a() * b() * a(),
            a() / b(),
            b() / 3.0 + -a(),
            (a() * 0.3).exp(),
            b().ln(),
            b().sqrt(),
            (a() - b()).square(),
            (a() - b()).abs().tanh(),
            (a() - b()).softplus(),
            b().ln_gamma() - (b() * b()).ln_gamma(),
            (b() * 0.0 + 3.7).ln_gamma() * a(),
        ]
    }

    /// Every operation, its value and partials, against the algebra of priors on every row.
    #[test]
    fn lanes_do_what_numbers_do() {
        for isa in all() {
            let a: Wide = std::array::from_fn(|l| -1.5 + 0.3 * l as f64);
            let b: Wide = std::array::from_fn(|l| 0.05 + 0.21 * l as f64);
            let lanes = operations(
                &Lanes::<2>::variable(isa, a, 0),
                &Lanes::<2>::variable(isa, b, 1),
            );
            for l in 0..PANEL {
                let exact = operations(&Num::variable(a[l], 0), &Num::variable(b[l], 1));
                for (i, (lanes, exact)) in lanes.iter().zip(exact).enumerate() {
                    let found = [lanes.value[l], lanes.partials[0][l], lanes.partials[1][l]];
                    let exact = [exact.value(), exact.partial(0), exact.partial(1)];
                    for (found, exact) in found.into_iter().zip(exact) {
                        assert!(
                            (found - exact).abs() <= 1e-14 * (1.0 + exact.abs()),
                            "{isa:?}, operation {i}: {found} against {exact}"
                        );
                    }
                }
            }
        }
    }
}
