//! Elementary functions on one `f64`, written so that a loop over them becomes vector instructions.

/// a·b + c, in one rounding where the instruction set can.
#[inline(always)]
fn fma<const FMA: bool>(a: f64, b: f64, c: f64) -> f64 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// Σ coefficients\[i\]·x^i.
#[inline(always)]
fn polynomial<const FMA: bool, const N: usize>(x: f64, coefficients: [f64; N]) -> f64 {
    let mut sum = coefficients[N - 1];
    for i in (0..N - 1).rev() {
        sum = fma::<FMA>(sum, x, coefficients[i]);
    }
    sum
}

/// log 2 in two parts, of which the first has zeros enough behind it to be multiplied by an exponent exactly.
const LN_2: (f64, f64) = (
    f64::from_bits(0x3fe6_2e42_fee0_0000),
    1.908_214_929_270_587_7e-10,
);

/// exp(x), within 4·10⁻¹⁶ relative; 0 below −707.7 and +∞ above 709.78.
///
/// exp(x) = 2ⁿ·exp(r) with |r| ≤ ½ log 2 and the Taylor polynomial of degree 13.
#[inline(always)]
pub(crate) fn exp<const FMA: bool>(x: f64) -> f64 {
    /// Added to a number below 2⁵¹ it leaves the nearest integer in the lowest bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let v = x.clamp(-707.7, 709.782_712_893_384);
    let shifted = fma::<FMA>(v, std::f64::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = fma::<FMA>(n, -LN_2.0, v);
    let r = fma::<FMA>(n, -LN_2.1, r);
    let p = polynomial::<FMA, 14>(
        r,
        [
            1.0,
            1.0,
            1.0 / 2.0,
            1.0 / 6.0,
            1.0 / 24.0,
            1.0 / 120.0,
            1.0 / 720.0,
            1.0 / 5_040.0,
            1.0 / 40_320.0,
            1.0 / 362_880.0,
            1.0 / 3_628_800.0,
            1.0 / 39_916_800.0,
            1.0 / 479_001_600.0,
            1.0 / 6_227_020_800.0,
        ],
    );
    let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits());
    // 2ⁿ in two factors: n may be 1024.
    let scaled = p * f64::from_bits(exponent.wrapping_add(1022) << 52) * 2.0;
    let flushed = if x < -707.7 { 0.0 } else { scaled };
    if x > 709.782_712_893_384 {
        f64::INFINITY
    } else {
        flushed
    }
}

/// log(x), within 4·10⁻¹⁶ relative, and absolute where it is below 1, for normal x; −∞ below them, +∞ at +∞, and NaN for
/// negative numbers.
///
/// log(x) = n·log 2 + log(m) with m in [√½, √2), and log(m) = 2·artanh((m − 1)/(m + 1)) as a series of eleven terms.
#[inline(always)]
pub(crate) fn ln<const FMA: bool>(x: f64) -> f64 {
    const BIAS: u64 = 1023;
    /// 2⁵², whose lowest bits count.
    const COUNT: f64 = 4_503_599_627_370_496.0;
    let bits = x.to_bits();
    // The biased exponent of x/√½, so that the mantissa lies around 1.
    let root = std::f64::consts::FRAC_1_SQRT_2.to_bits();
    let exponent = bits.wrapping_sub(root).wrapping_add(BIAS << 52) >> 52;
    let m = f64::from_bits(bits.wrapping_sub(exponent.wrapping_sub(BIAS) << 52));
    let n = f64::from_bits(exponent | COUNT.to_bits()) - (COUNT + BIAS as f64);
    let s = (m - 1.0) / (m + 1.0);
    let t = s * s;
    let p = polynomial::<FMA, 10>(
        t,
        [
            2.0 / 3.0,
            2.0 / 5.0,
            2.0 / 7.0,
            2.0 / 9.0,
            2.0 / 11.0,
            2.0 / 13.0,
            2.0 / 15.0,
            2.0 / 17.0,
            2.0 / 19.0,
            2.0 / 21.0,
        ],
    );
    // The small parts first.
    let low = fma::<FMA>(n, LN_2.1, s * t * p);
    let value = fma::<FMA>(n, LN_2.0, fma::<FMA>(2.0, s, low));
    let value = if x < f64::MIN_POSITIVE {
        f64::NEG_INFINITY
    } else {
        value
    };
    let value = if x < 0.0 { f64::NAN } else { value };
    if x < f64::INFINITY { value } else { x }
}

/// tanh(x), within 4·10⁻¹⁶.
#[inline(always)]
pub(crate) fn tanh<const FMA: bool>(x: f64) -> f64 {
    let e = exp::<FMA>(-2.0 * x.abs());
    ((1.0 - e) / (1.0 + e)).copysign(x)
}

/// log Γ(x) and its derivative, the digamma function, of a finite positive x; NaN elsewhere. Within 2·10⁻¹⁵·(1 + |log Γ|),
/// and 10⁻¹⁴ relative where Γ is far from 1; the derivative within 4·10⁻¹⁵·(1 + |ψ|).
///
/// Stirling's series at x + 8 and Γ(x + 8) = x(x + 1)···(x + 7)·Γ(x), with the logarithmic derivative of both
/// (Abramowitz and Stegun, 6.1.41 and 6.3.18).
#[inline(always)]
pub(crate) fn ln_gamma<const FMA: bool>(x: f64) -> (f64, f64) {
    const HALF_LN_TAU: f64 = 0.918_938_533_204_672_8;
    let (mut product, mut slope) = (1.0, 0.0);
    for i in 0..8 {
        let factor = x + f64::from(i);
        slope = fma::<FMA>(slope, factor, product);
        product *= factor;
    }
    // Where the series needs no shift, the product might overflow.
    let near = x < 1e6;
    let z = if near { x + 8.0 } else { x };
    let (ln_product, ratio) = if near {
        (product, slope / product)
    } else {
        (1.0, 0.0)
    };
    let (ln_z, q) = (ln::<FMA>(z), 1.0 / z);
    let w = q * q;
    let by_value = polynomial::<FMA, 7>(
        w,
        [
            1.0 / 12.0,
            -1.0 / 360.0,
            1.0 / 1_260.0,
            -1.0 / 1_680.0,
            1.0 / 1_188.0,
            -691.0 / 360_360.0,
            1.0 / 156.0,
        ],
    );
    let by_slope = polynomial::<FMA, 7>(
        w,
        [
            1.0 / 12.0,
            -1.0 / 120.0,
            1.0 / 252.0,
            -1.0 / 240.0,
            1.0 / 132.0,
            -691.0 / 32_760.0,
            1.0 / 12.0,
        ],
    );
    let stirling = fma::<FMA>(z - 0.5, ln_z, -z) + fma::<FMA>(q, by_value, HALF_LN_TAU);
    let value = stirling - ln::<FMA>(ln_product);
    let slope = fma::<FMA>(-0.5, q, ln_z) - fma::<FMA>(w, by_slope, ratio);
    if x > 0.0 && x < f64::INFINITY {
        (value, slope)
    } else {
        (f64::NAN, f64::NAN)
    }
}

#[cfg(test)]
mod tests {
    use super::super::isa::{Isa, all, kernels};
    use super::*;

    kernels! {
        fn each(function: usize, x: &mut [f64]) {
            for x in x {
                *x = match function {
                    0 => exp::<FMA>(*x),
                    1 => ln::<FMA>(*x),
                    2 => tanh::<FMA>(*x),
                    3 => ln_gamma::<FMA>(*x).0,
                    _ => ln_gamma::<FMA>(*x).1,
                };
            }
        }
    }

    fn grid(from: f64, to: f64) -> Vec<f64> {
        let steps = if cfg!(miri) { 20 } else { 20_000 };
        (0..steps)
            .map(|i| from + (to - from) * f64::from(i) / f64::from(steps))
            .collect()
    }

    /// Holds a function to `exact` within `allowed` of the exact value, on every instruction set.
    fn check(function: usize, x: &[f64], exact: impl Fn(f64) -> f64, allowed: impl Fn(f64) -> f64) {
        for isa in all() {
            let mut y = x.to_vec();
            each(isa, function, &mut y);
            for (&x, &y) in x.iter().zip(&y) {
                let exact = exact(x);
                let error = (y - exact).abs();
                assert!(
                    error <= allowed(exact),
                    "{isa:?}, function {function}: {y} at {x} against {exact}"
                );
            }
        }
    }

    fn at(isa: Isa, function: usize, mut x: [f64; 5]) -> [f64; 5] {
        each(isa, function, &mut x);
        x
    }

    #[test]
    fn exp_is_within_its_bound() {
        let x = [grid(-707.0, 709.7), grid(-1.0, 1.0), vec![0.0, -0.0, 1e-20]].concat();
        check(0, &x, f64::exp, |exact| 4e-16 * exact);
        for isa in all() {
            let ends = at(
                isa,
                0,
                [-1e300, -708.0, 710.0, f64::NEG_INFINITY, f64::INFINITY],
            );
            assert_eq!(ends, [0.0, 0.0, f64::INFINITY, 0.0, f64::INFINITY]);
            assert!(at(isa, 0, [f64::NAN; 5])[0].is_nan());
        }
    }

    #[test]
    fn ln_is_within_its_bound() {
        let powers = grid(-700.0, 709.0).into_iter().map(f64::exp).collect();
        let x = [
            grid(0.3, 3.0),
            powers,
            vec![1.0, f64::MIN_POSITIVE, f64::MAX],
        ]
        .concat();
        check(1, &x, f64::ln, |exact| 4e-16 * exact.abs().max(1.0));
        for isa in all() {
            let ends = at(isa, 1, [0.0, 1e-310, f64::INFINITY, -1.0, f64::NAN]);
            assert_eq!(
                ends[..3],
                [f64::NEG_INFINITY, f64::NEG_INFINITY, f64::INFINITY]
            );
            assert!(ends[3].is_nan() && ends[4].is_nan());
        }
    }

    #[test]
    fn tanh_is_within_its_bound() {
        check(2, &grid(-30.0, 30.0), f64::tanh, |_| 4e-16);
    }

    #[test]
    fn the_logarithm_of_the_gamma_function_and_its_slope_are_within_their_bounds() {
        let powers = grid(-40.0, 40.0).into_iter().map(f64::exp).collect();
        let x = [grid(0.01, 30.0), powers, vec![0.5, 1.0, 2.0, 1e6, 1e300]].concat();
        check(3, &x, libm::lgamma, |exact| 1e-14 * (1.0 + exact.abs()));
        check(4, &x, special::Gamma::digamma, |exact| {
            4e-15 * (1.0 + exact.abs())
        });
        // log Γ(½) = ½ log π, ψ(1) = −γ.
        for isa in all() {
            assert!((at(isa, 3, [0.5; 5])[0] - 0.572_364_942_924_700_1).abs() < 5e-15);
            assert!((at(isa, 4, [1.0; 5])[0] + 0.577_215_664_901_532_9).abs() < 4e-15);
            for outside in [0.0, -0.5, f64::INFINITY, f64::NAN] {
                assert!(at(isa, 3, [outside; 5])[0].is_nan());
            }
        }
    }
}
