//! The matrix products of a dense layer, on panels.
//!
//! One operand always lies in memory in the order in which it is read, so that nothing but the input of the weights'
//! gradient is packed, and that once for a whole group of particles. Every element of a result is one sum in a fixed
//! order that depends on the layer alone: a particle's bits do not depend on its company.

use std::ops::Range;

use super::isa::{Isa, kernels};
use super::lane::sum_lanes;
use super::panel::PANEL;
use super::simd::Vector;

/// The size of one layer's products.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) panels: usize,
    /// Rows up to the last that counts. What lies behind it is zero in `d` and is left out, or comes out as zero.
    pub(crate) rows: usize,
}

impl Size {
    /// Rows of a panel up to the last that counts.
    #[inline(always)]
    fn rows_of(self, panel: usize) -> usize {
        (self.rows - panel * PANEL).min(PANEL)
    }

    /// The panels but for a last one whose rows fit one vector, and that one.
    #[inline(always)]
    fn split<V: Vector>(self) -> [Range<usize>; 2] {
        let short = self.rows_of(self.panels - 1) <= V::LANES;
        let whole = self.panels - usize::from(short);
        [0..whole, whole..self.panels]
    }

    /// Whether the gradient of the weights reads a packed input. Below these sizes packing costs more than it brings.
    pub(crate) fn packs(self) -> bool {
        self.outputs >= 6 && self.inputs >= 12
    }

    /// Numbers that the packed input takes.
    pub(crate) fn packed_len(self) -> usize {
        if self.packs() {
            self.inputs.next_multiple_of(PANEL) * self.panels * PANEL
        } else {
            0
        }
    }
}

/// Calls `$strip::<V, M, N>` with M the number of rows of the strip, at most `ROWS`, and N vectors side by side.
macro_rules! with_rows {
    (@ $rows:expr, $most:ident, $vectors:literal, $strip:ident $args:tt, $($m:literal)*) => {
        match $rows {
            $($m if $m <= $most => with_rows!(# $m, $vectors, $strip $args),)*
            _ => {}
        }
    };
    (# $m:literal, $vectors:literal, $strip:ident($($arg:expr),*)) => {
        $strip::<V, $m, $vectors>($($arg),*)
    };
    ($rows:expr, $most:ident, $vectors:literal, $strip:ident $args:tt) => {
        with_rows!(@ $rows, $most, $vectors, $strip $args, 1 2 3 4 5 6 7 8 9 10)
    };
}

kernels! {
    /// z (panels × outputs × 32) = w (outputs × inputs, row-major) · x (panels × inputs × 32) + bias.
    pub(crate) fn forward(size: Size, w: &[f32], bias: &[f32], x: &[f32], z: &mut [f32]) {
        let strips = size.outputs.div_ceil(ROWS);
        let [whole, short] = size.split::<V>();
        for s in 0..strips {
            let (first, end) = (size.outputs * s / strips, size.outputs * (s + 1) / strips);
            with_rows!(end - first, ROWS, 2, forward_strip(size, first, whole.clone(), w, bias, x, z));
            with_rows!(end - first, ROWS, 1, forward_strip(size, first, short.clone(), w, bias, x, z));
        }
    }

    /// dx (panels × inputs × 32) = wᵀ · d (panels × outputs × 32).
    pub(crate) fn backward(size: Size, w: &[f32], d: &[f32], dx: &mut [f32]) {
        let strips = size.inputs.div_ceil(ROWS);
        let [whole, short] = size.split::<V>();
        for s in 0..strips {
            let (first, end) = (size.inputs * s / strips, size.inputs * (s + 1) / strips);
            with_rows!(end - first, ROWS, 2, backward_strip(size, first, whole.clone(), w, d, dx));
            with_rows!(end - first, ROWS, 1, backward_strip(size, first, short.clone(), w, d, dx));
        }
    }

    /// g (outputs × inputs) += d · xᵀ over all rows, with x as [`pack`] leaves it.
    pub(crate) fn gradient_packed(size: Size, d: &[f32], packed: &[f32], g: &mut [f32]) {
        let strips = size.outputs.div_ceil(ROWS);
        for block in Blocks::new(size.inputs, V::LANES) {
            let packed = &packed[block.first * size.panels * PANEL..][..block.width * size.panels * PANEL];
            for s in 0..strips {
                let (first, end) = (size.outputs * s / strips, size.outputs * (s + 1) / strips);
                if block.width == V::LANES {
                    with_rows!(end - first, ROWS, 1, gradient_strip(size, first, block, d, packed, g));
                } else {
                    with_rows!(end - first, ROWS, 2, gradient_strip(size, first, block, d, packed, g));
                }
            }
        }
    }

    /// The same as [`gradient_packed`] for few inputs or outputs, with x in panels.
    pub(crate) fn gradient_plain(size: Size, d: &[f32], x: &[f32], g: &mut [f32]) {
        let mut o = 0;
        while o < size.outputs {
            let rows = size.outputs - o;
            if rows >= 4 && ROWS >= 8 {
                dots_row::<V, 4>(size, o, d, x, g);
                o += 4;
            } else if rows >= 2 {
                dots_row::<V, 2>(size, o, d, x, g);
                o += 2;
            } else {
                dots_row::<V, 1>(size, o, d, x, g);
                o += 1;
            }
        }
    }

    /// g (outputs) += Σ over the rows of d.
    pub(crate) fn gradient_bias(outputs: usize, d: &[f32], g: &mut [f32]) {
        for (o, g) in g.iter_mut().enumerate() {
            let mut sum = [0.0f32; PANEL];
            for d in d.as_chunks::<PANEL>().0.iter().skip(o).step_by(outputs) {
                for l in 0..PANEL {
                    sum[l] += d[l];
                }
            }
            *g += sum_lanes(&sum);
        }
    }

    /// x (panels × inputs × 32) as blocks of columns, each rows × columns: a block's columns lie side by side. The
    /// columns behind the last are 0.
    pub(crate) fn pack(size: Size, x: &[f32], packed: &mut [f32]) {
        let x = x.as_chunks::<PANEL>().0;
        // Panel by panel, so that x is read in one stream.
        for p in 0..size.panels {
            for RegisterBlock { first, width, columns } in Blocks::new(size.inputs, V::LANES) {
                let x = &x[p * size.inputs + first..][..columns];
                let packed = &mut packed[first * size.panels * PANEL + p * PANEL * width..][..PANEL * width];
                for c in (0..width).step_by(8) {
                    for t in (0..PANEL).step_by(8) {
                        let square = transposed::<FMA>(x, c, t);
                        for r in 0..8 {
                            packed[(t + r) * width + c..][..8].copy_from_slice(&square[r]);
                        }
                    }
                }
            }
        }
    }
}

/// Columns of the weights' gradient that are summed up together.
#[derive(Clone, Copy)]
struct RegisterBlock {
    first: usize,
    /// Columns with padding: one or two vectors, and at least eight.
    width: usize,
    columns: usize,
}

/// The blocks of so many inputs.
struct Blocks {
    next: usize,
    inputs: usize,
    lanes: usize,
}

impl Blocks {
    #[inline(always)]
    fn new(inputs: usize, lanes: usize) -> Self {
        Self {
            next: 0,
            inputs,
            lanes,
        }
    }
}

impl Iterator for Blocks {
    type Item = RegisterBlock;

    #[inline(always)]
    fn next(&mut self) -> Option<RegisterBlock> {
        let first = self.next;
        let columns = (self.inputs - first).min(2 * self.lanes);
        let half = columns <= self.lanes && self.lanes >= 8;
        let width = if half { self.lanes } else { 2 * self.lanes };
        self.next = (first + width).min(self.inputs);
        (columns > 0).then_some(RegisterBlock {
            first,
            width,
            columns,
        })
    }
}

#[inline(always)]
fn forward_strip<V: Vector, const M: usize, const N: usize>(
    size: Size,
    first: usize,
    panels: Range<usize>,
    w: &[f32],
    bias: &[f32],
    x: &[f32],
    z: &mut [f32],
) {
    let Size {
        inputs, outputs, ..
    } = size;
    let w: [&[f32]; M] = std::array::from_fn(|r| &w[(first + r) * inputs..][..inputs]);
    let bias: [f32; M] = std::array::from_fn(|r| bias.get(first + r).copied().unwrap_or(0.0));
    let (x, z) = (x.as_chunks::<PANEL>().0, z.as_chunks_mut::<PANEL>().0);
    for p in panels {
        let x = &x[p * inputs..][..inputs];
        let z = &mut z[p * outputs + first..][..M];
        let rows = size.rows_of(p);
        for z in &mut *z {
            z[rows.next_multiple_of(N * V::LANES)..].fill(0.0);
        }
        for at in (0..rows).step_by(N * V::LANES) {
            let mut sum: [[V; N]; M] = std::array::from_fn(|r| [V::splat(bias[r]); N]);
            for i in 0..inputs {
                let x: [V; N] = std::array::from_fn(|n| V::load(&x[i][at + n * V::LANES..]));
                for r in 0..M {
                    let w = V::splat(w[r][i]);
                    for n in 0..N {
                        sum[r][n] = sum[r][n].plus_product(w, x[n]);
                    }
                }
            }
            for r in 0..M {
                for n in 0..N {
                    sum[r][n].store(&mut z[r][at + n * V::LANES..]);
                }
            }
        }
    }
}

#[inline(always)]
fn backward_strip<V: Vector, const M: usize, const N: usize>(
    size: Size,
    first: usize,
    panels: Range<usize>,
    w: &[f32],
    d: &[f32],
    dx: &mut [f32],
) {
    let Size {
        inputs, outputs, ..
    } = size;
    let w = &w[..inputs * outputs];
    let (d, dx) = (d.as_chunks::<PANEL>().0, dx.as_chunks_mut::<PANEL>().0);
    for p in panels {
        let d = &d[p * outputs..][..outputs];
        let dx = &mut dx[p * inputs + first..][..M];
        let rows = size.rows_of(p);
        for dx in &mut *dx {
            dx[rows.next_multiple_of(N * V::LANES)..].fill(0.0);
        }
        for at in (0..rows).step_by(N * V::LANES) {
            let mut sum = [[V::splat(0.0); N]; M];
            for (d, w) in d.iter().zip(w.chunks_exact(inputs)) {
                let d: [V; N] = std::array::from_fn(|n| V::load(&d[at + n * V::LANES..]));
                let w: &[f32; M] = w[first..].first_chunk().expect("the strip lies inside");
                for r in 0..M {
                    let w = V::splat(w[r]);
                    for n in 0..N {
                        sum[r][n] = sum[r][n].plus_product(w, d[n]);
                    }
                }
            }
            for r in 0..M {
                for n in 0..N {
                    sum[r][n].store(&mut dx[r][at + n * V::LANES..]);
                }
            }
        }
    }
}

#[inline(always)]
fn gradient_strip<V: Vector, const M: usize, const N: usize>(
    size: Size,
    first: usize,
    block: RegisterBlock,
    d: &[f32],
    packed: &[f32],
    g: &mut [f32],
) {
    let Size {
        inputs, outputs, ..
    } = size;
    let d = d.as_chunks::<PANEL>().0;
    // The sums take long enough for what they are added to to arrive.
    for r in 0..M {
        let g = &g[(first + r) * inputs + block.first..][..block.columns];
        for g in g.chunks(16) {
            V::prefetch(g);
        }
        V::prefetch(&g[block.columns - 1..]);
    }
    let mut sum = [[V::splat(0.0); N]; M];
    for p in 0..size.panels {
        let d: &[[f32; PANEL]; M] = d[p * outputs + first..]
            .first_chunk()
            .expect("the strip lies inside");
        let x = &packed[p * PANEL * N * V::LANES..][..PANEL * N * V::LANES];
        let rows = x.chunks_exact(N * V::LANES).take(size.rows_of(p));
        for (t, x) in rows.enumerate() {
            let x: [V; N] = std::array::from_fn(|n| V::load(&x[n * V::LANES..]));
            for r in 0..M {
                let d = V::splat(d[r][t]);
                for n in 0..N {
                    sum[r][n] = sum[r][n].plus_product(d, x[n]);
                }
            }
        }
    }
    for r in 0..M {
        let g = &mut g[(first + r) * inputs + block.first..][..block.columns];
        for n in 0..N {
            if block.columns >= (n + 1) * V::LANES {
                let g = &mut g[n * V::LANES..];
                V::load(g).add(sum[r][n]).store(g);
            } else if block.columns > n * V::LANES {
                let mut lanes = [0.0; PANEL];
                sum[r][n].store(&mut lanes);
                for (g, s) in g[n * V::LANES..].iter_mut().zip(&lanes) {
                    *g += s;
                }
            }
        }
    }
}

/// The gradients of R outputs with respect to every weight, as dot products over rows.
#[inline(always)]
fn dots_row<V: Vector, const R: usize>(size: Size, o: usize, d: &[f32], x: &[f32], g: &mut [f32]) {
    let mut i = 0;
    while i < size.inputs {
        let columns = size.inputs - i;
        if columns >= 4 {
            dots::<V, R, 4>(size, o, i, d, x, g);
            i += 4;
        } else if columns >= 2 {
            dots::<V, R, 2>(size, o, i, d, x, g);
            i += 2;
        } else {
            dots::<V, R, 1>(size, o, i, d, x, g);
            i += 1;
        }
    }
}

#[inline(always)]
fn dots<V: Vector, const R: usize, const C: usize>(
    size: Size,
    o: usize,
    i: usize,
    d: &[f32],
    x: &[f32],
    g: &mut [f32],
) {
    let (d, x) = (d.as_chunks::<PANEL>().0, x.as_chunks::<PANEL>().0);
    let mut sum = [[V::splat(0.0); C]; R];
    for p in 0..size.panels {
        let inside = "the block lies inside";
        let d: &[[f32; PANEL]; R] = d[p * size.outputs + o..].first_chunk().expect(inside);
        let x: &[[f32; PANEL]; C] = x[p * size.inputs + i..].first_chunk().expect(inside);
        for lane in (0..PANEL).step_by(V::LANES) {
            let x: [V; C] = std::array::from_fn(|c| V::load(&x[c][lane..]));
            for r in 0..R {
                let d = V::load(&d[r][lane..]);
                for c in 0..C {
                    sum[r][c] = sum[r][c].plus_product(d, x[c]);
                }
            }
        }
    }
    for r in 0..R {
        for c in 0..C {
            g[(o + r) * size.inputs + i + c] += sum[r][c].sum();
        }
    }
}

#[inline(always)]
fn part<const W: usize>(x: &[f32; PANEL], from: usize) -> &[f32; W] {
    x[from..]
        .first_chunk()
        .expect("a panel is a multiple of every width")
}

/// The 8 × 8 square of rows t.. and columns c.., row by row; columns that are not there are 0.
#[inline(always)]
fn transposed<const FMA: bool>(x: &[[f32; PANEL]], c: usize, t: usize) -> [[f32; 8]; 8] {
    let columns: [&[f32; 8]; 8] =
        std::array::from_fn(|a| x.get(c + a).map_or(&[0.0; 8], |x| part::<8>(x, t)));
    #[cfg(target_arch = "x86_64")]
    if FMA {
        // SAFETY: `FMA` is true only in kernels compiled with FMA, which includes AVX, and `Isa` lets those run only on a
        // machine that has it.
        #[allow(unsafe_code)]
        return unsafe { avx::transposed(columns) };
    }
    std::array::from_fn(|r| std::array::from_fn(|a| columns[a][r]))
}

/// The one thing that the compiler does not find by itself: a transposition by shuffles, four times as fast as its own.
#[cfg(target_arch = "x86_64")]
mod avx {
    use std::arch::x86_64::{
        __m256, _mm256_loadu_ps, _mm256_permute2f128_ps, _mm256_shuffle_ps, _mm256_storeu_ps,
        _mm256_unpackhi_ps, _mm256_unpacklo_ps,
    };

    #[inline]
    #[target_feature(enable = "avx")]
    pub(crate) fn transposed(columns: [&[f32; 8]; 8]) -> [[f32; 8]; 8] {
        // SAFETY: each reference is to eight numbers, as many as are loaded; no alignment is asked for.
        #[allow(unsafe_code)]
        let c: [__m256; 8] = columns.map(|c| unsafe { _mm256_loadu_ps(c.as_ptr()) });
        let pairs = [0, 2, 4, 6].map(|a| {
            [
                _mm256_unpacklo_ps(c[a], c[a + 1]),
                _mm256_unpackhi_ps(c[a], c[a + 1]),
            ]
        });
        let quads = [0, 2].map(|a| {
            let (p, q) = (pairs[a], pairs[a + 1]);
            [
                _mm256_shuffle_ps::<0x44>(p[0], q[0]),
                _mm256_shuffle_ps::<0xEE>(p[0], q[0]),
                _mm256_shuffle_ps::<0x44>(p[1], q[1]),
                _mm256_shuffle_ps::<0xEE>(p[1], q[1]),
            ]
        });
        let mut rows = [[0.0; 8]; 8];
        for r in 0..4 {
            let low = _mm256_permute2f128_ps::<0x20>(quads[0][r], quads[1][r]);
            let high = _mm256_permute2f128_ps::<0x31>(quads[0][r], quads[1][r]);
            // SAFETY: each row has eight numbers, as many as are stored; no alignment is asked for.
            #[allow(unsafe_code)]
            unsafe {
                _mm256_storeu_ps(rows[r].as_mut_ptr(), low);
                _mm256_storeu_ps(rows[r + 4].as_mut_ptr(), high);
            }
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::super::isa::all;
    use super::*;
    use crate::base::rng::{Purpose, Streams};

    fn numbers(len: usize, draw: usize) -> Vec<f32> {
        let mut stream = Streams::new(1).stream(Purpose::Simulate, 0, 0, draw);
        (0..len).map(|_| stream.normal() as f32).collect()
    }

    fn at(x: &[f32], features: usize, row: usize, i: usize) -> f64 {
        f64::from(x[(row / PANEL * features + i) * PANEL + row % PANEL])
    }

    /// Whether `x` is the sum of `terms` to within what their sizes allow.
    fn check(what: &str, x: f32, terms: impl Iterator<Item = f64>) {
        let (sum, size) = terms.fold((0.0, 0.0), |(s, a), t: f64| (s + t, a + t.abs()));
        assert!(
            (f64::from(x) - sum).abs() <= 1e-6 * (size + 1e-3),
            "{what}: {x} against {sum}"
        );
    }

    /// Every product on every instruction set, with remainders of every kind.
    #[test]
    fn products_are_sums_of_products() {
        let sizes: &[(usize, usize, usize)] = if cfg!(miri) {
            &[(13, 7, 1), (3, 2, 1)]
        } else {
            &[
                (1, 1, 1),
                (3, 2, 2),
                (5, 16, 3),
                (13, 50, 2),
                (50, 1, 1),
                (33, 21, 2),
                (64, 10, 4),
                (47, 23, 1),
                (100, 6, 2),
            ]
        };
        for isa in all() {
            for &(inputs, outputs, panels) in sizes {
                // The last panel full, with few rows, or with more than half.
                let (padded, rows) = (panels * PANEL, panels * PANEL - [0, 20, 9][outputs % 3]);
                let size = Size {
                    inputs,
                    outputs,
                    panels,
                    rows,
                };
                let what = format!("{} {size:?}", isa.name());
                let (w, b) = (numbers(inputs * outputs, 1), numbers(outputs, 2));
                let (x, mut d) = (numbers(inputs * padded, 3), numbers(outputs * padded, 4));
                for (i, d) in d.iter_mut().enumerate() {
                    let row = i / (outputs * PANEL) * PANEL + i % PANEL;
                    *d = if row < rows { *d } else { 0.0 };
                }
                let weight = |o: usize, i: usize| f64::from(w[o * inputs + i]);
                let mut z = vec![f32::NAN; outputs * padded];
                forward(isa, size, &w, &b, &x, &mut z);
                let mut dx = vec![f32::NAN; inputs * padded];
                backward(isa, size, &w, &d, &mut dx);
                let padding = rows..padded;
                assert!(
                    padding
                        .clone()
                        .all(|t| (0..outputs).all(|o| at(&z, outputs, t, o).is_finite())
                            && (0..inputs).all(|i| at(&dx, inputs, t, i) == 0.0)),
                    "{what}: padding"
                );
                for t in 0..rows {
                    for o in 0..outputs {
                        let products = (0..inputs).map(|i| weight(o, i) * at(&x, inputs, t, i));
                        let z = at(&z, outputs, t, o) as f32;
                        check(&what, z, products.chain([f64::from(b[o])]));
                    }
                    for i in 0..inputs {
                        let products = (0..outputs).map(|o| weight(o, i) * at(&d, outputs, t, o));
                        check(&what, at(&dx, inputs, t, i) as f32, products);
                    }
                }
                let mut packed = vec![f32::NAN; inputs.next_multiple_of(PANEL) * padded];
                pack(isa, size, &x, &mut packed);
                let (mut g, mut plain, mut bias) = (
                    numbers(inputs * outputs, 5),
                    numbers(inputs * outputs, 5),
                    numbers(outputs, 6),
                );
                let (before, bias_before) = (g.clone(), bias.clone());
                gradient_packed(isa, size, &d, &packed, &mut g);
                gradient_plain(isa, size, &d, &x, &mut plain);
                gradient_bias(isa, outputs, &d, &mut bias);
                for o in 0..outputs {
                    let by_row = (0..rows).map(|t| at(&d, outputs, t, o));
                    check(&what, bias[o], by_row.chain([f64::from(bias_before[o])]));
                    for i in 0..inputs {
                        let e = o * inputs + i;
                        let products = || {
                            (0..rows)
                                .map(|t| at(&d, outputs, t, o) * at(&x, inputs, t, i))
                                .chain([f64::from(before[e])])
                        };
                        check(&what, g[e], products());
                        check(&what, plain[e], products());
                    }
                }
            }
        }
    }
}
