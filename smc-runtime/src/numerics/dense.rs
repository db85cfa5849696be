//! Dense linear algebra, by the crate `faer`: products of any size, and decompositions of symmetric matrices. Matrices lie row
//! after row. Every element of a result is one sum in an order that depends on the sizes alone, whatever the number of threads.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par, Side};

use crate::base::exec;

/// A matrix to be read, or its transpose.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    transposed: bool,
}

impl<'a> View<'a> {
    /// `rows` × `columns` numbers.
    pub(crate) fn new(values: &'a [f32], rows: usize, columns: usize) -> Self {
        Self {
            values,
            rows,
            columns,
            transposed: false,
        }
    }

    /// The transpose.
    pub(crate) fn t(self) -> Self {
        Self {
            transposed: !self.transposed,
            ..self
        }
    }

    fn size(self) -> (usize, usize) {
        if self.transposed {
            (self.columns, self.rows)
        } else {
            (self.rows, self.columns)
        }
    }

    fn matrix(self) -> MatRef<'a, f32> {
        let stored = MatRef::from_row_major_slice(self.values, self.rows, self.columns);
        if self.transposed {
            stored.transpose()
        } else {
            stored
        }
    }
}

/// Pieces in which a product is shared out, whatever the number of threads, and multiplications from which on it is.
const PIECES: usize = 4;
const SHARED: usize = 1 << 20;

/// c = `keep` · c + a · b, where `keep` is 0 or 1.
pub(crate) fn product(a: View<'_>, b: View<'_>, c: &mut [f32], keep: bool) {
    let ((rows, inner), (_, columns)) = (a.size(), b.size());
    let accumulate = if keep { Accum::Add } else { Accum::Replace };
    let (a, b) = (a.matrix(), b.matrix());
    if columns == 0 || rows == 0 {
        return;
    }
    if rows * inner * columns < SHARED {
        let c = MatMut::from_row_major_slice_mut(c, rows, columns);
        return matmul(c, accumulate, a, b, 1.0f32, Par::Seq);
    }
    let none: &mut [()] = &mut [];
    if rows > columns {
        let together = rows.div_ceil(PIECES);
        exec::for_chunks(c, together * columns, none, 1, |i, c, _| {
            let own = c.len() / columns;
            let c = MatMut::from_row_major_slice_mut(c, own, columns);
            let a = a.subrows(i * together, own);
            matmul(c, accumulate, a, b, 1.0f32, Par::Seq);
        });
        return;
    }
    // The wide factor is cut, so that no piece reads all of it.
    let cut = |i: usize| i * columns / PIECES;
    let parts = exec::map(PIECES, |i| {
        let own = cut(i + 1) - cut(i);
        let mut part = vec![0.0f32; rows * own];
        let b = b.subcols(cut(i), own);
        let c = MatMut::from_row_major_slice_mut(&mut part, rows, own);
        matmul(c, Accum::Replace, a, b, 1.0f32, Par::Seq);
        part
    });
    for (i, part) in parts.iter().enumerate() {
        let own = cut(i + 1) - cut(i);
        if own == 0 {
            continue;
        }
        for (c, part) in c.chunks_mut(columns).zip(part.chunks(own)) {
            for (c, x) in c[cut(i)..].iter_mut().zip(part) {
                *c = if keep { *c + x } else { *x };
            }
        }
    }
}

/// Orthonormal eigenvectors of a symmetric matrix of `n` rows, in columns, by growing eigenvalues; `None` where it is not finite.
pub(crate) fn eigenvectors(symmetric: &[f32], n: usize) -> Option<Vec<f32>> {
    if symmetric.iter().any(|x| !x.is_finite()) {
        return None;
    }
    let matrix = MatRef::from_row_major_slice(symmetric, n, n);
    let found = matrix.self_adjoint_eigen(Side::Lower).ok()?;
    Some(row_major(found.U()))
}

/// Q of the decomposition A = Q R of a square matrix; `None` where it is not finite.
pub(crate) fn orthonormal(a: &[f32], n: usize) -> Option<Vec<f32>> {
    if a.iter().any(|x| !x.is_finite()) {
        return None;
    }
    let q = MatRef::from_row_major_slice(a, n, n).qr().compute_Q();
    let q = row_major(q.as_ref());
    q.iter().all(|x| x.is_finite()).then_some(q)
}

fn row_major<T: Copy>(m: MatRef<'_, T>) -> Vec<T> {
    let row = |i| (0..m.ncols()).map(move |j| m[(i, j)]);
    (0..m.nrows()).flat_map(row).collect()
}

/// L with L Lᵀ = A, lower triangular; `None` where A is not positive definite.
pub(crate) fn cholesky(a: &[f64], n: usize) -> Option<Vec<f64>> {
    if a.iter().any(|x| !x.is_finite()) {
        return None;
    }
    let matrix = MatRef::from_row_major_slice(a, n, n);
    let found = matrix.llt(Side::Lower).ok()?;
    let mut lower = row_major(found.L());
    for (i, row) in lower.chunks_mut(n).enumerate() {
        row[i + 1..].fill(0.0);
    }
    Some(lower)
}

/// a · b for square matrices of `n` rows.
pub(crate) fn square(a: &[f64], b: &[f64], n: usize) -> Vec<f64> {
    let (a, b) = (
        MatRef::from_row_major_slice(a, n, n),
        MatRef::from_row_major_slice(b, n, n),
    );
    let mut c = Mat::<f64>::zeros(n, n);
    matmul(c.as_mut(), Accum::Replace, a, b, 1.0, Par::Seq);
    row_major(c.as_ref())
}

/// aᵀ.
pub(crate) fn transposed<T: Copy>(a: &[T], n: usize) -> Vec<T> {
    let row = |i| (0..n).map(move |j| a[j * n + i]);
    (0..n).flat_map(row).collect()
}

/// Σ f(λ) u uᵀ over the eigenvalues λ and vectors u of a symmetric matrix; `None` where it is not finite.
pub(crate) fn of_symmetric(a: &[f64], n: usize, f: impl Fn(f64) -> f64) -> Option<Vec<f64>> {
    if a.iter().any(|x| !x.is_finite()) {
        return None;
    }
    let matrix = MatRef::from_row_major_slice(a, n, n);
    let found = matrix.self_adjoint_eigen(Side::Lower).ok()?;
    let u = row_major(found.U());
    let values: Vec<f64> = (0..n).map(|i| f(found.S()[i])).collect();
    let scaled: Vec<f64> = u
        .iter()
        .enumerate()
        .map(|(at, x)| x * values[at % n])
        .collect();
    Some(square(&scaled, &transposed(&u, n), n))
}

/// Solves L x = b in place.
pub(crate) fn solve_lower(lower: &[f64], x: &mut [f64]) {
    let n = x.len();
    for i in 0..n {
        let row = &lower[i * n..=i * n + i];
        let known: f64 = row.iter().zip(&*x).take(i).map(|(l, x)| l * x).sum();
        x[i] = (x[i] - known) / row[i];
    }
}

/// Solves Lᵀ x = b in place.
pub(crate) fn solve_lower_transposed(lower: &[f64], x: &mut [f64]) {
    let n = x.len();
    for i in (0..n).rev() {
        x[i] /= lower[i * n + i];
        let own = x[i];
        for (x, l) in x.iter_mut().zip(&lower[i * n..i * n + i]) {
            *x -= l * own;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::{Purpose, Streams};

    fn normals(n: usize, seed: usize) -> Vec<f32> {
        Streams::new(9).stream(Purpose::User, 0, seed, 0).normals(n)
    }

    #[test]
    fn products_are_sums_of_products_with_any_number_of_threads() {
        for (rows, inner, columns) in [(3, 5, 2), (200, 130, 150)] {
            let (a, b) = (normals(rows * inner, 1), normals(columns * inner, 2));
            let of = |threads| {
                let mut c = vec![1.0; rows * columns];
                let (a, b) = (View::new(&a, rows, inner), View::new(&b, columns, inner));
                exec::with_threads(Some(threads), || product(a, b.t(), &mut c, true)).unwrap();
                c
            };
            let c = of(1);
            assert_eq!(c, of(3));
            for (i, j) in [(0, 0), (rows - 1, columns - 1), (rows / 2, 1)] {
                let (a, b) = (&a[i * inner..][..inner], &b[j * inner..][..inner]);
                let exact: f64 = a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum();
                let off = f64::from(c[i * columns + j]) - 1.0 - exact;
                assert!(off.abs() < 1e-4, "{i}, {j}: {off}");
            }
        }
    }

    #[test]
    fn decompositions_give_the_matrix_again() {
        let n = 7;
        let g: Vec<f64> = normals(n * n, 3).iter().map(|&x| f64::from(x)).collect();
        let a = square(&g, &transposed(&g, n), n);
        let near = |x: &[f64], y: &[f64]| {
            let off = x.iter().zip(y).map(|(x, y)| (x - y).abs());
            assert!(off.fold(0.0, f64::max) < 1e-9);
        };
        let l = cholesky(&a, n).unwrap();
        near(&square(&l, &transposed(&l, n), n), &a);
        near(&of_symmetric(&a, n, |x| x).unwrap(), &a);
        let mut x: Vec<f64> = (0..n).map(|i| i as f64).collect();
        let b = x.clone();
        solve_lower(&l, &mut x);
        solve_lower_transposed(&l, &mut x);
        let again: Vec<f64> = a
            .chunks(n)
            .map(|row| row.iter().zip(&x).map(|(a, x)| a * x).sum())
            .collect();
        near(&again, &b);
        let narrow: Vec<f32> = a.iter().map(|&x| x as f32).collect();
        for q in [
            eigenvectors(&narrow, n).unwrap(),
            orthonormal(&narrow, n).unwrap(),
        ] {
            let mut one = vec![0.0; n * n];
            product(
                View::new(&q, n, n).t(),
                View::new(&q, n, n),
                &mut one,
                false,
            );
            for (at, x) in one.iter().enumerate() {
                let exact = f32::from(u8::from(at % n == at / n));
                assert!((x - exact).abs() < 1e-5);
            }
        }
        assert_eq!(cholesky(&[1.0, 2.0, 2.0, 1.0], 2), None);
        assert_eq!(eigenvectors(&[f32::NAN], 1), None);
    }
}
