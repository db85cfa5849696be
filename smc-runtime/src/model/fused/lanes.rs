//! Numbers row by row with their partial derivatives: the algebra in which the fused engine evaluates a likelihood's formula.
//!
//! Every operation is a kernel over the rows of one panel, so that it runs on the instruction set of the engine wherever the
//! formula was compiled.

use std::cell::RefCell;
use std::fmt::{self, Debug};
use std::ops::{Add, Div, Mul, Neg, Sub};
use std::sync::Arc;

use crate::model::algebra::{Algebra, LnGamma};
use crate::numerics::isa::{Isa, kernels};
use crate::numerics::panel::PANEL;
use crate::numerics::wide;

/// One number for each row of a panel. Counts, whose densities are differences of large numbers, need `f64`.
pub(crate) type Wide = [f64; PANEL];

/// A number for each row of a panel, and behind it its partial derivatives: a kilobyte or so, which formulas move about, and
/// which comes from those that this thread no longer needs.
struct Differing(Vec<Wide>);

thread_local! {
    static UNUSED: RefCell<Vec<Vec<Wide>>> = const { RefCell::new(Vec::new()) };
}

impl Differing {
    fn new(wides: impl IntoIterator<Item = Wide>) -> Self {
        let unused = UNUSED.try_with(|unused| unused.borrow_mut().pop());
        let mut rows = unused.ok().flatten().unwrap_or_default();
        rows.extend(wides);
        Self(rows)
    }
}

impl Clone for Differing {
    fn clone(&self) -> Self {
        Self::new(self.0.iter().copied())
    }
}

impl Drop for Differing {
    fn drop(&mut self) {
        let mut rows = std::mem::take(&mut self.0);
        rows.clear();
        // Where the thread ends there is nobody left to keep it for.
        let _ = UNUSED.try_with(|unused| unused.borrow_mut().push(rows));
    }
}

/// One number for all rows of a panel and its partial derivatives with respect to K variables, or one for each row.
#[derive(Clone)]
enum Numbers<const K: usize> {
    Same([f64; 1], [[f64; 1]; K]),
    Differing(Differing),
}

impl<const K: usize> Numbers<K> {
    /// Makes it one for each row.
    fn spread(&mut self) {
        if let Self::Same([value], partials) = self {
            let partials = partials.iter().map(|[partial]| [*partial; PANEL]);
            *self = Self::Differing(Differing::new(
                std::iter::once([*value; PANEL]).chain(partials),
            ));
        }
    }
}

/// Numbers of a panel in which a formula is evaluated. What depends on parameters alone is computed once for all rows.
#[derive(Clone)]
pub(crate) struct Lanes<const K: usize> {
    isa: Isa,
    numbers: Numbers<K>,
    /// Bit k: whether partial k may differ from 0.
    named: u8,
}

impl<const K: usize> Lanes<K> {
    /// A number for each row; variable number `variable`, if it is one of K.
    pub(crate) fn rows(isa: Isa, value: Wide, variable: Option<usize>) -> Self {
        let variable = variable.filter(|v| *v < K);
        let own = |k| [f64::from(u8::from(variable == Some(k))); PANEL];
        let rows = Differing::new(std::iter::once(value).chain((0..K).map(own)));
        Self {
            isa,
            numbers: Numbers::Differing(rows),
            named: variable.map_or(0, |v| 1 << v),
        }
    }

    /// One number for all rows; variable number `variable`, if it is one of K.
    pub(crate) fn same(isa: Isa, value: f64, variable: Option<usize>) -> Self {
        let variable = variable.filter(|v| *v < K);
        let own = |k| [f64::from(u8::from(variable == Some(k)))];
        Self {
            isa,
            numbers: Numbers::Same([value], std::array::from_fn(own)),
            named: variable.map_or(0, |v| 1 << v),
        }
    }

    /// The value at a row of the panel.
    pub(crate) fn at(&self, row: usize) -> f64 {
        match &self.numbers {
            Numbers::Same([value], _) => *value,
            Numbers::Differing(rows) => rows.0[0][row],
        }
    }

    /// The value at every row, and the partial derivatives.
    pub(crate) fn spread(&mut self) -> (&Wide, &[Wide]) {
        self.numbers.spread();
        match &self.numbers {
            Numbers::Differing(rows) => (&rows.0[0], &rows.0[1..]),
            // It has been spread.
            Numbers::Same(..) => (&[0.0; PANEL], &[]),
        }
    }

    fn apply(mut self, function: LaneFunction) -> Self {
        let named = self.named;
        match &mut self.numbers {
            Numbers::Same(x, by_x) => apply_same(self.isa, function, (x, by_x, named)),
            Numbers::Differing(x) => apply_rows(self.isa, function, left(x, named)),
        }
        self
    }

    fn combine(mut self, operator: LaneOperator, other: &Self) -> Self {
        if let Numbers::Differing(_) = other.numbers {
            self.numbers.spread();
        }
        let (isa, named) = (self.isa, self.named);
        match (&mut self.numbers, &other.numbers) {
            (Numbers::Same(a, by_a), Numbers::Same(b, by_b)) => {
                combine_same(isa, operator, (a, by_a, named), (b, by_b, other.named));
            }
            (Numbers::Differing(a), Numbers::Same(b, by_b)) => {
                combine_mixed(isa, operator, left(a, named), (b, by_b, other.named));
            }
            (Numbers::Differing(a), Numbers::Differing(b)) => {
                let right = (&b.0[0], &b.0[1..], other.named);
                combine_rows(isa, operator, left(a, named), right);
            }
            // It has been spread.
            (Numbers::Same(..), Numbers::Differing(_)) => {}
        }
        self.named |= other.named;
        self
    }
}

fn left(rows: &mut Differing, named: u8) -> Left<'_, PANEL> {
    let (value, partials) = rows.0.split_at_mut(1);
    (&mut value[0], partials, named)
}

#[derive(Clone, Copy)]
enum LaneFunction {
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
enum LaneOperator {
    Add,
    Sub,
    Mul,
    Div,
}

/// A number at N rows, its partial derivatives, and which of these may differ from 0.
type Left<'a, const N: usize> = (&'a mut [f64; N], &'a mut [[f64; N]], u8);
type Right<'a, const N: usize> = (&'a [f64; N], &'a [[f64; N]], u8);

/// A slope times a partial derivative. A row that nothing depends on stays exactly 0, also where the slope is infinite.
#[inline(always)]
fn times(slope: f64, partial: f64) -> f64 {
    if partial == 0.0 { 0.0 } else { slope * partial }
}

#[inline(always)]
fn apply<const FMA: bool, const N: usize>(
    function: LaneFunction,
    (x, partials, named): Left<'_, N>,
) {
    let (mut y, mut slope) = ([0.0; N], [0.0; N]);
    match function {
        LaneFunction::Neg => {
            for l in 0..N {
                (y[l], slope[l]) = (-x[l], -1.0);
            }
        }
        LaneFunction::Exp => {
            for l in 0..N {
                let e = wide::exp::<FMA>(x[l]);
                (y[l], slope[l]) = (e, e);
            }
        }
        LaneFunction::Ln => {
            for l in 0..N {
                (y[l], slope[l]) = (wide::ln::<FMA>(x[l]), 1.0 / x[l]);
            }
        }
        LaneFunction::Sqrt => {
            for l in 0..N {
                let root = x[l].sqrt();
                (y[l], slope[l]) = (root, 0.5 / root);
            }
        }
        LaneFunction::Square => {
            for l in 0..N {
                (y[l], slope[l]) = (x[l] * x[l], 2.0 * x[l]);
            }
        }
        LaneFunction::Abs => {
            for l in 0..N {
                let sign = if x[l] < 0.0 { -1.0 } else { 1.0 };
                (y[l], slope[l]) = (x[l].abs(), if x[l] == 0.0 { 0.0 } else { sign });
            }
        }
        LaneFunction::Tanh => {
            for l in 0..N {
                let t = wide::tanh::<FMA>(x[l]);
                (y[l], slope[l]) = (t, 1.0 - t * t);
            }
        }
        LaneFunction::LnGamma => {
            for l in 0..N {
                (y[l], slope[l]) = wide::ln_gamma::<FMA>(x[l]);
            }
        }
    }
    *x = y;
    for (k, partial) in partials.iter_mut().enumerate() {
        if named >> k & 1 == 1 {
            for l in 0..N {
                partial[l] = times(slope[l], partial[l]);
            }
        }
    }
}

/// `right` has as many rows as `left`, or one for all of them.
#[inline(always)]
fn combine<const N: usize, const M: usize>(
    operator: LaneOperator,
    left: Left<'_, N>,
    right: Right<'_, M>,
) {
    let ((a, by_a, a_named), (b, by_b, b_named)) = (left, right);
    let of = |b: &[f64; M], l: usize| if M == 1 { b[0] } else { b[l] };
    let (mut y, mut slope, mut other) = ([0.0; N], [1.0; N], [1.0; N]);
    for l in 0..N {
        let (a, b) = (a[l], of(b, l));
        match operator {
            LaneOperator::Add => y[l] = a + b,
            LaneOperator::Sub => (y[l], other[l]) = (a - b, -1.0),
            LaneOperator::Mul => (y[l], slope[l], other[l]) = (a * b, b, a),
            LaneOperator::Div => (y[l], slope[l], other[l]) = (a / b, 1.0 / b, -a / (b * b)),
        }
    }
    *a = y;
    for (k, (p, q)) in by_a.iter_mut().zip(by_b).enumerate() {
        if a_named >> k & 1 == 1 {
            for l in 0..N {
                p[l] = times(slope[l], p[l]);
            }
        }
        if b_named >> k & 1 == 1 {
            for l in 0..N {
                p[l] += times(other[l], of(q, l));
            }
        }
    }
}

kernels! {
    fn apply_same(function: LaneFunction, x: Left<'_, 1>) {
        apply::<FMA, 1>(function, x);
    }

    fn apply_rows(function: LaneFunction, x: Left<'_, PANEL>) {
        apply::<FMA, PANEL>(function, x);
    }

    fn combine_same(operator: LaneOperator, left: Left<'_, 1>, right: Right<'_, 1>) {
        combine(operator, left, right);
    }

    fn combine_mixed(operator: LaneOperator, left: Left<'_, PANEL>, right: Right<'_, 1>) {
        combine(operator, left, right);
    }

    fn combine_rows(operator: LaneOperator, left: Left<'_, PANEL>, right: Right<'_, PANEL>) {
        combine(operator, left, right);
    }
}

impl<const K: usize> Algebra for Lanes<K> {
    fn exp(self) -> Self {
        self.apply(LaneFunction::Exp)
    }
    fn ln(self) -> Self {
        self.apply(LaneFunction::Ln)
    }
    fn sqrt(self) -> Self {
        self.apply(LaneFunction::Sqrt)
    }
    fn square(self) -> Self {
        self.apply(LaneFunction::Square)
    }
    fn abs(self) -> Self {
        self.apply(LaneFunction::Abs)
    }
    fn tanh(self) -> Self {
        self.apply(LaneFunction::Tanh)
    }
}

impl<const K: usize> LnGamma for Lanes<K> {
    fn ln_gamma(self) -> Self {
        self.apply(LaneFunction::LnGamma)
    }
}

impl<const K: usize> Neg for Lanes<K> {
    type Output = Self;
    fn neg(self) -> Self {
        self.apply(LaneFunction::Neg)
    }
}

macro_rules! lanes_ops {
    ($($trait:ident $method:ident;)*) => {$(
        impl<const K: usize> $trait for Lanes<K> {
            type Output = Self;
            fn $method(self, other: Self) -> Self {
                self.combine(LaneOperator::$trait, &other)
            }
        }
        impl<const K: usize> $trait<f64> for Lanes<K> {
            type Output = Self;
            fn $method(self, other: f64) -> Self {
                let other = Self::same(self.isa, other, None);
                self.combine(LaneOperator::$trait, &other)
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
pub(crate) trait Formula<const K: usize> {
    fn log_density(&self, arguments: &[Lanes<K>], y: Lanes<K>) -> Lanes<K>;
}

/// Variables that a likelihood can have: outputs and parameters that it names.
pub(crate) const MOST_VARIABLES: usize = 4;

/// The formula of a likelihood for every number of variables.
pub(crate) trait Formulas:
    Formula<0> + Formula<1> + Formula<2> + Formula<3> + Formula<4> + Debug + Send + Sync
{
    /// The part of log p(y) that depends on y alone.
    fn base(&self, y: f64) -> f64;
}

/// The density of a [`Univariate`](crate::model::dist::Univariate) likelihood as the fused engine evaluates it, a panel of rows at a time.
#[derive(Clone)]
pub struct RowDensity(pub(crate) Arc<dyn Formulas>);

impl Debug for RowDensity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::algebra::Num;
    use crate::numerics::isa::all;

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

    /// Every operation, its value and partials, against the algebra of priors on every row: of two numbers that differ from
    /// row to row, or are the same.
    #[test]
    fn lanes_do_what_numbers_do() {
        let a: Wide = std::array::from_fn(|l| -1.5 + 0.3 * l as f64);
        let b: Wide = std::array::from_fn(|l| 0.05 + 0.21 * l as f64);
        for isa in all() {
            for (a_rows, b_rows) in [(true, true), (true, false), (false, true), (false, false)] {
                let number = |values: &Wide, rows: bool, variable| {
                    if rows {
                        Lanes::<2>::rows(isa, *values, Some(variable))
                    } else {
                        Lanes::<2>::same(isa, values[7], Some(variable))
                    }
                };
                let mut lanes = operations(&number(&a, a_rows, 0), &number(&b, b_rows, 1));
                let lanes: Vec<_> = lanes.iter_mut().map(Lanes::spread).collect();
                for l in 0..PANEL {
                    let (a, b) = (a[if a_rows { l } else { 7 }], b[if b_rows { l } else { 7 }]);
                    let exact = operations(&Num::variable(a, 0), &Num::variable(b, 1));
                    for (i, ((value, partials), exact)) in lanes.iter().zip(exact).enumerate() {
                        let found = [value[l], partials[0][l], partials[1][l]];
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

    /// What depends on parameters alone stays one number.
    #[test]
    fn the_same_number_for_all_rows_is_computed_once() {
        let isa = Isa::best();
        let (a, b) = (
            Lanes::<2>::same(isa, 0.3, Some(0)),
            Lanes::<2>::same(isa, 2.0, Some(1)),
        );
        for lanes in operations(&a, &b) {
            assert!(matches!(lanes.numbers, Numbers::Same(..)));
        }
    }
}
