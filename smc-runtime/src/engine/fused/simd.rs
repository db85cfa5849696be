//! Element-wise functions and small products on slices, written once as plain loops and compiled for AVX-512, AVX2 and
//! the portable baseline; the best one that the machine has is chosen at run time.

/// Rows are padded to this many, so that loops over rows have no remainder.
pub(crate) const LANES: usize = 32;

/// Compiles a kernel for each instruction set and calls the best one.
///
/// In the body `fma!(a, b, c)` is a·b + c, contracted where the instruction set can.
macro_rules! kernels {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $out:ty)? $body:block)*) => {$(
        $(#[$doc])*
        #[allow(clippy::too_many_arguments)]
        pub(crate) fn $name($($arg: $ty),*) $(-> $out)? {
            #[cfg(all(target_arch = "x86_64", not(miri)))]
            {
                #[allow(clippy::too_many_arguments)]
                #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,avx2,fma")]
                fn v4($($arg: $ty),*) $(-> $out)? {
                    #[allow(unused_macros)]
                    macro_rules! fma { ($a:expr, $b:expr, $c:expr) => { f32::mul_add($a, $b, $c) }; }
                    $body
                }
                #[allow(clippy::too_many_arguments)]
                #[target_feature(enable = "avx2,fma")]
                fn v3($($arg: $ty),*) $(-> $out)? {
                    #[allow(unused_macros)]
                    macro_rules! fma { ($a:expr, $b:expr, $c:expr) => { f32::mul_add($a, $b, $c) }; }
                    $body
                }
                match level() {
                    // SAFETY: `level` found every feature that `v4` is compiled with on this machine.
                    #[allow(unsafe_code)]
                    Level::V4 => return unsafe { v4($($arg),*) },
                    // SAFETY: likewise for `v3`.
                    #[allow(unsafe_code)]
                    Level::V3 => return unsafe { v3($($arg),*) },
                    Level::Portable => {}
                }
            }
            #[allow(unused_macros)]
            macro_rules! fma { ($a:expr, $b:expr, $c:expr) => { $a * $b + $c }; }
            $body
        }
    )*};
}

/// Instruction sets that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// What the target guarantees.
    Portable,
    /// AVX2 and FMA.
    V3,
    /// AVX-512.
    V4,
}

/// The best level of this machine.
pub(crate) fn level() -> Level {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        if std::arch::is_x86_feature_detected!("avx512f")
            && std::arch::is_x86_feature_detected!("avx512dq")
            && std::arch::is_x86_feature_detected!("avx512vl")
            && std::arch::is_x86_feature_detected!("avx512bw")
        {
            return Level::V4;
        }
        if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma")
        {
            return Level::V3;
        }
    }
    Level::Portable
}

kernels! {
    /// z ← tanh(z + bias), within 4·10⁻⁷ of the exact value, and 5·10⁻⁷ relative.
    ///
    /// A rational approximation of degree 13/6 on |x| ≤ 7.9, beyond which tanh is ±1 in f32.
    fn tanh_bias(z: &mut [f32], bias: f32) {
        for z in z {
            let x = (*z + bias).clamp(-7.905_311, 7.905_311);
            let s = x * x;
            let mut p = fma!(s, -2.760_768_5e-16, 2.000_188e-13);
            p = fma!(s, p, -8.604_672e-11);
            p = fma!(s, p, 5.122_297e-8);
            p = fma!(s, p, 1.485_722_4e-5);
            p = fma!(s, p, 6.372_619_3e-4);
            p = fma!(s, p, 4.893_524_6e-3);
            let mut q = fma!(s, 1.198_258_4e-6, 1.185_347_1e-4);
            q = fma!(s, q, 2.268_434_6e-3);
            q = fma!(s, q, 4.893_525e-3);
            *z = x * p / q;
        }
    }

    /// z ← max(z + bias, 0).
    fn relu_bias(z: &mut [f32], bias: f32) {
        for z in z {
            *z = (*z + bias).max(0.0);
        }
    }

    /// z ← z + bias.
    fn add_bias(z: &mut [f32], bias: f32) {
        for z in z {
            *z += bias;
        }
    }

    /// d ← d·(1 − y²): back through y = tanh(x).
    fn tanh_back(d: &mut [f32], y: &[f32]) {
        for (d, &y) in d.iter_mut().zip(y) {
            *d *= fma!(-y, y, 1.0);
        }
    }

    /// d ← d where y > 0, else 0: back through y = max(x, 0).
    fn relu_back(d: &mut [f32], y: &[f32]) {
        for (d, &y) in d.iter_mut().zip(y) {
            *d = if y > 0.0 { *d } else { 0.0 };
        }
    }

    /// x ← exp(x), within 3·10⁻⁷ relative; 0 below −87.3 and +∞ above 88.7.
    ///
    /// exp(x) = 2ⁿ·exp(r) with |r| ≤ ½ log 2 and a polynomial of degree 6.
    fn exp(x: &mut [f32]) {
        for x in x {
            let v = x.clamp(-87.336_54, 88.722_83);
            let n = (v * std::f32::consts::LOG2_E).round_ties_even();
            let r = fma!(n, -0.693_145_75, v);
            let r = fma!(n, -1.428_606_8e-6, r);
            let mut p = fma!(r, 1.388_888_9e-3, 8.333_334e-3);
            p = fma!(r, p, 4.166_666_8e-2);
            p = fma!(r, p, 0.166_666_67);
            p = fma!(r, p, 0.5);
            p = fma!(r, p, 1.0);
            p = fma!(r, p, 1.0);
            // 2ⁿ in two factors, each a normal number also at the ends of the range.
            let half = (n as i32) >> 1;
            let rest = n as i32 - half;
            let scaled = p * f32::from_bits(((half + 127) << 23) as u32) * f32::from_bits(((rest + 127) << 23) as u32);
            let flushed = if *x < -87.336_54 { 0.0 } else { scaled };
            *x = if *x > 88.722_83 { f32::INFINITY } else { flushed };
        }
    }

    /// acc ← max(acc, x).
    fn max_into(acc: &mut [f32], x: &[f32]) {
        for (a, &x) in acc.iter_mut().zip(x) {
            *a = if x > *a { x } else { *a };
        }
    }

    /// out ← x − y.
    fn subtract(out: &mut [f32], x: &[f32], y: &[f32]) {
        for ((o, &x), &y) in out.iter_mut().zip(x).zip(y) {
            *o = x - y;
        }
    }

    /// acc ← acc + x.
    fn add_into(acc: &mut [f32], x: &[f32]) {
        for (a, &x) in acc.iter_mut().zip(x) {
            *a += x;
        }
    }

    /// x ← a·x·y.
    fn scale_by(x: &mut [f32], a: f32, y: &[f32]) {
        for (x, &y) in x.iter_mut().zip(y) {
            *x *= a * y;
        }
    }

    /// Σ x, in a fixed order.
    fn sum(x: &[f32]) -> f32 {
        let mut lanes = [0.0f32; LANES];
        let (chunks, rest) = x.as_chunks::<LANES>();
        for chunk in chunks {
            for l in 0..LANES {
                lanes[l] += chunk[l];
            }
        }
        for (l, x) in lanes.iter_mut().zip(rest) {
            *l += x;
        }
        lanes.iter().sum()
    }

    /// z\[o\]\[t\] = Σ_i w\[o\]\[i\] x\[i\]\[t\] for `padded` columns (a multiple of LANES). w is (outputs × inputs) with element
    /// (o, i) at `o·w_row + i·w_column`; rows of x and z are `x_row` and `padded` apart.
    fn small_forward(
        outputs: usize,
        inputs: usize,
        padded: usize,
        w: &[f32],
        w_row: usize,
        w_column: usize,
        x: &[f32],
        x_row: usize,
        z: &mut [f32],
    ) {
        for start in (0..padded).step_by(LANES) {
            let mut o = 0;
            while o + 4 <= outputs {
                let mut acc = [[0.0f32; LANES]; 4];
                for i in 0..inputs {
                    let x: &[f32; LANES] = x[i * x_row + start..].first_chunk().expect("columns are padded");
                    for r in 0..4 {
                        let w = w[(o + r) * w_row + i * w_column];
                        for l in 0..LANES {
                            acc[r][l] = fma!(w, x[l], acc[r][l]);
                        }
                    }
                }
                for r in 0..4 {
                    z[(o + r) * padded + start..][..LANES].copy_from_slice(&acc[r]);
                }
                o += 4;
            }
            while o < outputs {
                let mut acc = [0.0f32; LANES];
                for i in 0..inputs {
                    let x: &[f32; LANES] = x[i * x_row + start..].first_chunk().expect("columns are padded");
                    let w = w[o * w_row + i * w_column];
                    for l in 0..LANES {
                        acc[l] = fma!(w, x[l], acc[l]);
                    }
                }
                z[o * padded + start..][..LANES].copy_from_slice(&acc);
                o += 1;
            }
        }
    }

    /// g\[o\]\[i\] += Σ_t d\[o\]\[t\] x\[i\]\[t\] over `padded` columns, beyond the last row of which d is 0.
    fn small_gradient(
        outputs: usize,
        inputs: usize,
        padded: usize,
        d: &[f32],
        x: &[f32],
        x_row: usize,
        g: &mut [f32],
    ) {
        const W: usize = 16;
        let mut o = 0;
        while o < outputs {
            let os = if o + 4 <= outputs { 4 } else { 1 };
            for i in (0..inputs).step_by(4) {
                let is = (inputs - i).min(4);
                let mut acc = [[[0.0f32; W]; 4]; 4];
                if os == 4 && is == 4 {
                    for start in (0..padded).step_by(W) {
                        let xs: [&[f32; W]; 4] = std::array::from_fn(|c| {
                            x[(i + c) * x_row + start..].first_chunk().expect("columns are padded")
                        });
                        for r in 0..4 {
                            let d: &[f32; W] = d[(o + r) * padded + start..].first_chunk().expect("columns are padded");
                            for c in 0..4 {
                                for l in 0..W {
                                    acc[r][c][l] = fma!(d[l], xs[c][l], acc[r][c][l]);
                                }
                            }
                        }
                    }
                } else {
                    for r in 0..os {
                        for c in 0..is {
                            let mut a = [0.0f32; W];
                            for start in (0..padded).step_by(W) {
                                let d: &[f32; W] =
                                    d[(o + r) * padded + start..].first_chunk().expect("columns are padded");
                                let x: &[f32; W] =
                                    x[(i + c) * x_row + start..].first_chunk().expect("columns are padded");
                                for l in 0..W {
                                    a[l] = fma!(d[l], x[l], a[l]);
                                }
                            }
                            acc[r][c] = a;
                        }
                    }
                }
                for r in 0..os {
                    for c in 0..is {
                        g[(o + r) * inputs + i + c] += acc[r][c].iter().sum::<f32>();
                    }
                }
            }
            o += os;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(from: f32, to: f32) -> Vec<f32> {
        (0..20_000)
            .map(|i| from + (to - from) * i as f32 / 20_000.0)
            .collect()
    }

    #[test]
    fn tanh_is_within_its_bound() {
        let (mut absolute, mut relative) = (0.0f64, 0.0f64);
        for x in grid(-12.0, 12.0)
            .into_iter()
            .chain([1e-8, -1e-20, 1e30, -1e30])
        {
            let mut z = [x];
            tanh_bias(&mut z, 0.0);
            let exact = f64::from(x).tanh();
            let error = (f64::from(z[0]) - exact).abs();
            absolute = absolute.max(error);
            if x != 0.0 {
                relative = relative.max(error / exact.abs());
            }
        }
        assert!(
            absolute <= 4e-7 && relative <= 5e-7,
            "{absolute:e} {relative:e}"
        );
        let mut zero = [0.0];
        tanh_bias(&mut zero, 0.0);
        assert_eq!(zero, [0.0]);
    }

    #[test]
    fn exp_is_within_its_bound() {
        for x in grid(-87.0, 88.7).into_iter().chain([0.0, -0.0, 1e-20]) {
            let mut z = [x];
            exp(&mut z);
            let exact = f64::from(x).exp();
            assert!(
                ((f64::from(z[0]) - exact) / exact).abs() <= 3e-7,
                "exp({x}) = {} against {exact}",
                z[0]
            );
        }
        let mut ends = [-1e30, -100.0, 100.0, f32::NEG_INFINITY, f32::INFINITY];
        exp(&mut ends);
        assert_eq!(ends, [0.0, 0.0, f32::INFINITY, 0.0, f32::INFINITY]);
    }
}
