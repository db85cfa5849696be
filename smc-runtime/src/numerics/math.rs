//! Elementary functions on one number, written so that a loop over them becomes vector instructions, and the loops
//! over slices that layers need.

use super::isa::{Isa, kernels};
use super::lane::fma;

/// tanh(x), within 4·10⁻⁷ of the exact value, and 5·10⁻⁷ relative.
///
/// A rational approximation of degree 13/6 on |x| ≤ 7.9, beyond which tanh is ±1 in f32.
#[inline(always)]
pub(crate) fn tanh<const FMA: bool>(x: f32) -> f32 {
    let x = x.clamp(-7.905_311, 7.905_311);
    let s = x * x;
    let mut p = fma::<FMA>(s, -2.760_768_5e-16, 2.000_188e-13);
    p = fma::<FMA>(s, p, -8.604_672e-11);
    p = fma::<FMA>(s, p, 5.122_297e-8);
    p = fma::<FMA>(s, p, 1.485_722_4e-5);
    p = fma::<FMA>(s, p, 6.372_619_3e-4);
    p = fma::<FMA>(s, p, 4.893_524_6e-3);
    let mut q = fma::<FMA>(s, 1.198_258_4e-6, 1.185_347_1e-4);
    q = fma::<FMA>(s, q, 2.268_434_6e-3);
    q = fma::<FMA>(s, q, 4.893_525e-3);
    x * p / q
}

/// From here on, up to 2²⁴, the f32 numbers are the whole numbers.
const WHOLE: f32 = 12_582_912.0;

/// exp(x), within 3·10⁻⁷ relative; 0 below −87.3 and +∞ above 88.7.
///
/// exp(x) = 2ⁿ·exp(r) with |r| ≤ ½ log 2 and a polynomial of degree 6.
#[inline(always)]
pub(crate) fn exp<const FMA: bool>(x: f32) -> f32 {
    let v = x.clamp(-87.336_54, 88.722_83);
    // Rounded by the addition, ties to even: some baselines have no instruction for it.
    let n = (v * std::f32::consts::LOG2_E + WHOLE) - WHOLE;
    let r = fma::<FMA>(n, -0.693_145_75, v);
    let r = fma::<FMA>(n, -1.428_606_8e-6, r);
    let mut p = fma::<FMA>(r, 1.388_888_9e-3, 8.333_334e-3);
    p = fma::<FMA>(r, p, 4.166_666_8e-2);
    p = fma::<FMA>(r, p, 0.166_666_67);
    p = fma::<FMA>(r, p, 0.5);
    p = fma::<FMA>(r, p, 1.0);
    p = fma::<FMA>(r, p, 1.0);
    // 2ⁿ in two factors, each a normal number also at the ends of the range.
    let half = (n as i32) >> 1;
    let rest = n as i32 - half;
    let scaled = p
        * f32::from_bits(((half + 127) << 23) as u32)
        * f32::from_bits(((rest + 127) << 23) as u32);
    let flushed = if x < -87.336_54 { 0.0 } else { scaled };
    if x > 88.722_83 {
        f32::INFINITY
    } else {
        flushed
    }
}

/// log(x), within 2·10⁻⁷ absolute near 1 and 2·10⁻⁷ relative elsewhere, for normal x; −∞ below them, +∞ at +∞, and
/// NaN for negative numbers.
///
/// log(x) = n·log 2 + log(m) with m in [√½, √2), and log(m) = 2·artanh((m − 1)/(m + 1)) as a series of five terms.
#[inline(always)]
pub(crate) fn ln<const FMA: bool>(x: f32) -> f32 {
    let bits = x.to_bits() as i32;
    // The exponent of x/√½, so that the mantissa lies around 1.
    let n = bits.wrapping_sub(0x3f35_04f3) >> 23;
    let m = f32::from_bits(bits.wrapping_sub(n << 23) as u32);
    let s = (m - 1.0) / (m + 1.0);
    let t = s * s;
    let mut p = fma::<FMA>(t, 0.222_222_22, 0.285_714_3);
    p = fma::<FMA>(t, p, 0.4);
    p = fma::<FMA>(t, p, 0.666_666_7);
    let tail = s * t * p;
    let n = n as f32;
    // The small parts first: n·(log 2 − hi) + tail, then 2s and n·hi.
    let low = fma::<FMA>(n, 1.428_606_8e-6, tail);
    let value = fma::<FMA>(n, 0.693_145_75, fma::<FMA>(2.0, s, low));
    let value = if x < f32::MIN_POSITIVE {
        f32::NEG_INFINITY
    } else {
        value
    };
    let value = if x < 0.0 { f32::NAN } else { value };
    if x < f32::INFINITY { value } else { x }
}

/// 1/(1 + exp(−x)), within 4·10⁻⁷.
#[inline(always)]
pub(crate) fn sigmoid<const FMA: bool>(x: f32) -> f32 {
    1.0 / (1.0 + exp::<FMA>(-x))
}

/// Φ(x), the distribution function of the standard normal, within 4·10⁻⁷.
///
/// Φ(−|x|) = ½·erfc(|x|/√2) by formula 7.1.26 of Abramowitz and Stegun (1964), whose error is below 1.5·10⁻⁷.
#[inline(always)]
pub(crate) fn normal_cdf<const FMA: bool>(x: f32) -> f32 {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / fma::<FMA>(z, 0.327_591_1, 1.0);
    let mut p = fma::<FMA>(t, 1.061_405_4, -1.453_152);
    p = fma::<FMA>(t, p, 1.421_413_7);
    p = fma::<FMA>(t, p, -0.284_496_74);
    p = fma::<FMA>(t, p, 0.254_829_6);
    let below = 0.5 * t * p * exp::<FMA>(-z * z);
    if x < 0.0 { below } else { 1.0 - below }
}

/// log(1 + e) for 0 ≤ e ≤ 1, within 3·10⁻⁷ relative: 2·artanh(e/(2 + e)) as a series of seven terms.
#[inline(always)]
pub(crate) fn ln_1p_unit<const FMA: bool>(e: f32) -> f32 {
    let s = e / (2.0 + e);
    let t = s * s;
    let mut p = fma::<FMA>(t, 0.153_846_16, 0.181_818_18);
    p = fma::<FMA>(t, p, 0.222_222_22);
    p = fma::<FMA>(t, p, 0.285_714_3);
    p = fma::<FMA>(t, p, 0.4);
    p = fma::<FMA>(t, p, 0.666_666_7);
    p = fma::<FMA>(t, p, 2.0);
    s * p
}

/// The slope of a leaky ReLU below zero.
pub(crate) const LEAK: f32 = 0.01;

kernels! {
    /// z ← tanh(z).
    pub(crate) fn tanh_all(z: &mut [f32]) {
        for z in z {
            *z = tanh::<FMA>(*z);
        }
    }

    /// z ← max(z, 0).
    pub(crate) fn relu_all(z: &mut [f32]) {
        for z in z {
            *z = z.max(0.0);
        }
    }

    /// d ← d·(1 − y²): back through y = tanh(x).
    pub(crate) fn tanh_back(d: &mut [f32], y: &[f32]) {
        for (d, &y) in d.iter_mut().zip(y) {
            *d *= fma::<FMA>(-y, y, 1.0);
        }
    }

    /// d ← d where y > 0, else 0: back through y = max(x, 0).
    pub(crate) fn relu_back(d: &mut [f32], y: &[f32]) {
        for (d, &y) in d.iter_mut().zip(y) {
            *d = if y > 0.0 { *d } else { 0.0 };
        }
    }

    /// z ← z where z > 0, else z·LEAK.
    pub(crate) fn leaky_relu_all(z: &mut [f32]) {
        for z in z {
            *z = z.max(LEAK * *z);
        }
    }

    /// d ← d where y > 0, else d·LEAK: back through a leaky ReLU.
    pub(crate) fn leaky_relu_back(d: &mut [f32], y: &[f32]) {
        for (d, &y) in d.iter_mut().zip(y) {
            *d *= if y > 0.0 { 1.0 } else { LEAK };
        }
    }

    /// z ← 1/(1 + exp(−z)).
    pub(crate) fn sigmoid_all(z: &mut [f32]) {
        for z in z {
            *z = sigmoid::<FMA>(*z);
        }
    }

    /// d ← d·y·(1 − y): back through y = 1/(1 + exp(−x)).
    pub(crate) fn sigmoid_back(d: &mut [f32], y: &[f32]) {
        for (d, &y) in d.iter_mut().zip(y) {
            *d *= fma::<FMA>(-y, y, y);
        }
    }

    /// z ← log(1 + exp(z)), as max(z, 0) + log(1 + exp(−|z|)).
    pub(crate) fn softplus_all(z: &mut [f32]) {
        for z in z {
            *z = z.max(0.0) + ln_1p_unit::<FMA>(exp::<FMA>(-z.abs()));
        }
    }

    /// d ← d·(1 − exp(−y)), as 2t/(1 + t) with t = tanh(y/2): back through y = log(1 + exp(x)).
    pub(crate) fn softplus_back(d: &mut [f32], y: &[f32]) {
        for (d, &y) in d.iter_mut().zip(y) {
            let t = tanh::<FMA>(0.5 * y);
            *d *= 2.0 * t / (1.0 + t);
        }
    }

    /// z ← z/(1 + exp(−z)).
    pub(crate) fn silu_all(z: &mut [f32]) {
        for z in z {
            *z *= sigmoid::<FMA>(*z);
        }
    }

    /// d ← d·s·(1 + x·(1 − s)) with s = 1/(1 + exp(−x)): back through y = x·s.
    pub(crate) fn silu_back(d: &mut [f32], x: &[f32]) {
        for (d, &x) in d.iter_mut().zip(x) {
            let s = sigmoid::<FMA>(x);
            *d *= s * fma::<FMA>(x, 1.0 - s, 1.0);
        }
    }

    /// z ← z·Φ(z).
    pub(crate) fn gelu_all(z: &mut [f32]) {
        for z in z {
            *z *= normal_cdf::<FMA>(*z);
        }
    }

    /// d ← d·(Φ(x) + x·exp(−x²/2)/√(2π)): back through y = x·Φ(x).
    pub(crate) fn gelu_back(d: &mut [f32], x: &[f32]) {
        for (d, &x) in d.iter_mut().zip(x) {
            let density = 0.398_942_3 * exp::<FMA>(-0.5 * x * x);
            *d *= fma::<FMA>(x, density, normal_cdf::<FMA>(x));
        }
    }

    /// acc ← acc + x.
    pub(crate) fn add_into(acc: &mut [f32], x: &[f32]) {
        for (a, &x) in acc.iter_mut().zip(x) {
            *a += x;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::isa::all;
    use super::super::lane::sum_lanes;
    use super::*;

    fn grid(from: f32, to: f32) -> Vec<f32> {
        let steps = if cfg!(miri) { 50 } else { 20_000 };
        (0..steps)
            .map(|i| from + (to - from) * i as f32 / steps as f32)
            .collect()
    }

    kernels! {
        fn exp_all(z: &mut [f32]) {
            for z in z {
                *z = exp::<FMA>(*z);
            }
        }

        fn ln_all(z: &mut [f32]) {
            for z in z {
                *z = ln::<FMA>(*z);
            }
        }
    }

    #[test]
    fn tanh_is_within_its_bound() {
        for isa in all() {
            let (mut absolute, mut relative) = (0.0f64, 0.0f64);
            let x: Vec<f32> = grid(-12.0, 12.0)
                .into_iter()
                .chain([0.0, 1e-8, -1e-20, 1e30, -1e30])
                .collect();
            let mut y = x.clone();
            tanh_all(isa, &mut y);
            for (&x, &y) in x.iter().zip(&y) {
                let exact = f64::from(x).tanh();
                let error = (f64::from(y) - exact).abs();
                absolute = absolute.max(error);
                if exact != 0.0 {
                    relative = relative.max(error / exact.abs());
                }
            }
            assert!(
                absolute <= 4e-7 && relative <= 5e-7,
                "{isa:?}: {absolute:e} {relative:e}"
            );
        }
    }

    #[test]
    fn exp_is_within_its_bound() {
        for isa in all() {
            let x: Vec<f32> = grid(-87.0, 88.7)
                .into_iter()
                .chain([0.0, -0.0, 1e-20])
                .collect();
            let mut y = x.clone();
            exp_all(isa, &mut y);
            for (&x, &y) in x.iter().zip(&y) {
                let exact = f64::from(x).exp();
                let error = ((f64::from(y) - exact) / exact).abs();
                assert!(error <= 3e-7, "{isa:?}: exp({x}) = {y} against {exact}");
            }
            let mut ends = [-1e30, -100.0, 100.0, f32::NEG_INFINITY, f32::INFINITY];
            exp_all(isa, &mut ends);
            assert_eq!(ends, [0.0, 0.0, f32::INFINITY, 0.0, f32::INFINITY]);
        }
    }

    #[test]
    fn the_normal_distribution_function_and_the_sigmoid_are_within_their_bounds() {
        for isa in all() {
            let x: Vec<f32> = grid(-14.0, 14.0).into_iter().chain([0.0, -0.0]).collect();
            let (mut gelu, mut silu) = (x.clone(), x.clone());
            gelu_all(isa, &mut gelu);
            silu_all(isa, &mut silu);
            for ((&x, gelu), silu) in x.iter().zip(gelu).zip(silu) {
                let wide = f64::from(x);
                let cdf = 0.5 * libm::erfc(-wide * std::f64::consts::FRAC_1_SQRT_2);
                let sigmoid = 1.0 / (1.0 + (-wide).exp());
                // What multiplies x, up to the rounding of the product.
                let bound = wide.abs() * 5e-7;
                for (found, exact) in [(gelu, wide * cdf), (silu, wide * sigmoid)] {
                    let error = (f64::from(found) - exact).abs();
                    assert!(error <= bound, "{isa:?}: {found} at {x} against {exact}");
                }
            }
        }
    }

    #[test]
    fn softplus_is_within_its_bound() {
        for isa in all() {
            let x: Vec<f32> = grid(-30.0, 30.0).into_iter().chain([-1e30, 1e30]).collect();
            let mut y = x.clone();
            softplus_all(isa, &mut y);
            for (&x, &y) in x.iter().zip(&y) {
                let exact = f64::from(x).max(0.0) + (-f64::from(x).abs()).exp().ln_1p();
                let error = (f64::from(y) - exact).abs() / exact.max(f64::MIN_POSITIVE);
                assert!(
                    error <= 6e-7 || exact < 1e-30,
                    "{isa:?}: {y} at {x} against {exact}"
                );
            }
        }
    }

    #[test]
    fn ln_is_within_its_bound() {
        for isa in all() {
            let x: Vec<f32> = grid(0.3, 3.0)
                .into_iter()
                .chain(grid(-87.0, 88.0).into_iter().map(f32::exp))
                .chain([1.0, f32::MIN_POSITIVE, f32::MAX, 10.0])
                .collect();
            let mut y = x.clone();
            ln_all(isa, &mut y);
            for (&x, &y) in x.iter().zip(&y) {
                let exact = f64::from(x).ln();
                let error = (f64::from(y) - exact).abs() / exact.abs().max(1.0);
                assert!(error <= 2e-7, "{isa:?}: ln({x}) = {y} against {exact}");
            }
            let mut ends = [0.0, 1e-40, f32::INFINITY, -1.0, f32::NAN];
            ln_all(isa, &mut ends);
            assert_eq!(
                ends[..3],
                [f32::NEG_INFINITY, f32::NEG_INFINITY, f32::INFINITY]
            );
            assert!(ends[3].is_nan() && ends[4].is_nan());
        }
    }

    #[test]
    fn lanes_are_summed() {
        let x: [f32; 32] = std::array::from_fn(|i| (i * i) as f32);
        assert_eq!(sum_lanes(&x), (0..32).map(|i| i * i).sum::<usize>() as f32);
    }
}
