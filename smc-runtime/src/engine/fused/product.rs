//! The matrix products of a dense layer, on tiles stored feature by feature.
//!
//! Which routine computes a product follows from the layer and the number of rows alone, never from how many particles
//! share a product: a particle's bits do not depend on its company.

use gemm::Parallelism;

use super::simd::{small_forward, small_gradient};

/// A (features × rows) tile: feature i is at `i * stride`, readable up to the padded number of rows.
#[derive(Clone, Copy)]
pub(crate) struct Tile<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) stride: usize,
}

/// The size of one layer's products.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) rows: usize,
    /// `rows` rounded up to a multiple of [`LANES`](super::simd::LANES).
    pub(crate) padded: usize,
}

impl Size {
    /// Whether packing pays. The bounds also keep clear of `gemm`'s special cases for thin matrices, whose rounding
    /// depends on sizes that sharing changes.
    pub(crate) fn is_large(self) -> bool {
        self.inputs >= 8
            && self.outputs >= 8
            && self.inputs * self.outputs >= 1024
            && self.rows > 64
    }
}

/// z (outputs × padded) = w (outputs × inputs, row-major) · x (inputs × rows).
pub(crate) fn forward(size: Size, w: &[f32], x: Tile<'_>, z: &mut [f32]) {
    let Size {
        inputs,
        outputs,
        rows,
        padded,
    } = size;
    if size.is_large() {
        product(
            [outputs, rows, inputs],
            z,
            [padded, 1],
            false,
            w,
            [inputs, 1],
            x.values,
            [x.stride, 1],
        );
    } else {
        small_forward(outputs, inputs, padded, w, inputs, 1, x.values, x.stride, z);
    }
}

/// g (outputs × inputs) += d (outputs × padded) · xᵀ.
pub(crate) fn gradient(size: Size, d: &[f32], x: Tile<'_>, g: &mut [f32]) {
    let Size {
        inputs,
        outputs,
        rows,
        padded,
    } = size;
    if size.is_large() {
        product(
            [outputs, inputs, rows],
            g,
            [inputs, 1],
            true,
            d,
            [padded, 1],
            x.values,
            [1, x.stride],
        );
    } else {
        small_gradient(outputs, inputs, padded, d, x.values, x.stride, g);
    }
}

/// dx (inputs × padded) = wᵀ · d (outputs × padded).
pub(crate) fn backward(size: Size, w: &[f32], d: &[f32], dx: &mut [f32]) {
    let Size {
        inputs,
        outputs,
        rows,
        padded,
    } = size;
    if size.is_large() {
        product(
            [inputs, rows, outputs],
            dx,
            [padded, 1],
            false,
            w,
            [1, inputs],
            d,
            [padded, 1],
        );
    } else {
        small_forward(inputs, outputs, padded, w, 1, inputs, d, padded, dx);
    }
}

/// c (m × n) = a (m × k) · b (k × n), or c += a · b; strides are \[row, column\].
#[allow(clippy::too_many_arguments)]
fn product(
    [m, n, k]: [usize; 3],
    c: &mut [f32],
    c_strides: [usize; 2],
    accumulate: bool,
    a: &[f32],
    a_strides: [usize; 2],
    b: &[f32],
    b_strides: [usize; 2],
) {
    let fits = |len: usize, rows: usize, columns: usize, [r, s]: [usize; 2]| {
        rows == 0 || columns == 0 || (rows - 1) * r + (columns - 1) * s < len
    };
    assert!(
        fits(c.len(), m, n, c_strides)
            && fits(a.len(), m, k, a_strides)
            && fits(b.len(), k, n, b_strides)
    );
    #[cfg(miri)]
    {
        for i in 0..m {
            for j in 0..n {
                let dot: f32 = (0..k)
                    .map(|l| {
                        a[i * a_strides[0] + l * a_strides[1]]
                            * b[l * b_strides[0] + j * b_strides[1]]
                    })
                    .sum();
                let c = &mut c[i * c_strides[0] + j * c_strides[1]];
                *c = if accumulate { *c + dot } else { dot };
            }
        }
    }
    // SAFETY: the assertion above shows that every element (i, j) of the three matrices lies inside its slice, and c is
    // borrowed exclusively.
    #[cfg(not(miri))]
    #[allow(unsafe_code)]
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.as_mut_ptr(),
            c_strides[1] as isize,
            c_strides[0] as isize,
            accumulate,
            a.as_ptr(),
            a_strides[1] as isize,
            a_strides[0] as isize,
            b.as_ptr(),
            b_strides[1] as isize,
            b_strides[0] as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
    #[cfg(miri)]
    let _ = Parallelism::None;
}
