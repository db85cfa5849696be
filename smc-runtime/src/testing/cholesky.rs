//! A Cholesky factor and the two triangular solves of a handful of coefficients.
//!
//! Written out because a linear algebra library would take longer to build than everything that uses it.

/// Lower L with A = L Lᵀ.
pub(super) fn cholesky(a: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let n = a.len();
    let mut l = vec![vec![0.0; n]; n];
    for r in 0..n {
        for c in 0..=r {
            let dot: f64 = (0..c).map(|k| l[r][k] * l[c][k]).sum();
            l[r][c] = if r == c {
                (a[r][r] - dot).sqrt()
            } else {
                (a[r][c] - dot) / l[c][c]
            };
        }
    }
    l
}

/// x with L x = b.
pub(super) fn solve_lower(l: &[Vec<f64>], b: &[f64]) -> Vec<f64> {
    let mut x = b.to_vec();
    for r in 0..x.len() {
        let dot: f64 = (0..r).map(|k| l[r][k] * x[k]).sum();
        x[r] = (x[r] - dot) / l[r][r];
    }
    x
}

/// x with Lᵀ x = b.
pub(super) fn solve_upper(l: &[Vec<f64>], b: &[f64]) -> Vec<f64> {
    let mut x = b.to_vec();
    for r in (0..x.len()).rev() {
        let dot: f64 = (r + 1..x.len()).map(|k| l[k][r] * x[k]).sum();
        x[r] = (x[r] - dot) / l[r][r];
    }
    x
}
