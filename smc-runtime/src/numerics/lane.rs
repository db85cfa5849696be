//! The steps that every kernel is made of: one multiplication and addition, and the sum of a panel.

use std::ops::AddAssign;

/// a·b + c, in one rounding where the instruction set can.
#[inline(always)]
pub(crate) fn fma<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// Σ x over a panel, by halves: the order is fixed and each step is a vector instruction.
#[inline(always)]
pub(crate) fn sum_lanes<T: Copy + AddAssign, const N: usize>(x: &[T; N]) -> T {
    let mut x = *x;
    let mut half = N / 2;
    while half > 0 {
        for l in 0..half {
            let other = x[l + half];
            x[l] += other;
        }
        half /= 2;
    }
    x[0]
}
