//! How much the rows tell about every coordinate.

use crate::problem::population::Population;
use crate::problem::{Problem, Segment, blocks};

/// Gradients of blocks of rows that are squared in all, over all vectors: enough for a tenth of an order of magnitude in
/// every coordinate.
const SQUARES: usize = 512;

/// The diagonal of the empirical Fisher information Σ_s w_s·Σ_{i∈s} (∂ℓ_i − mean)² of some segments of rows s with the weights
/// w_s, its mean over `thetas` under `weights`, which sum to 1.
///
/// Rows are taken together in blocks: B/(B−1)·Σ_b (g_b − ḡ)² over the gradients g_b of the B blocks of a segment has the same
/// expectation where rows are in random order. So this costs one gradient of all the rows.
pub(crate) fn information(
    problem: &dyn Problem,
    segments: &[Segment],
    thetas: &Population,
    weights: &[f64],
) -> Vec<f64> {
    let (particles, dim) = (thetas.len().max(1), thetas.dim());
    let mut information = vec![0.0; dim];
    for segment in segments {
        let rows = segment.rows.len();
        let count = (SQUARES / particles).clamp(8, 64).min(rows);
        let mut sum = Population::zeros(thetas.len(), dim);
        let mut squares = vec![0.0; dim];
        for block in blocks(segment.rows.clone(), count) {
            let block = Segment {
                rows: block,
                weight: 1.0,
            };
            let mut gradient = Population::zeros(thetas.len(), dim);
            problem.log_likelihood(thetas, &[block], Some(&mut gradient));
            for (s, square) in squares.iter_mut().zip(gradient.mean_squares(weights)) {
                *s += square;
            }
            sum.add_scaled(1.0, &gradient);
        }
        let totals = sum.mean_squares(weights);
        let own = segment.weight;
        for ((i, s), t) in information.iter_mut().zip(squares).zip(totals) {
            *i += match count {
                // One row alone has no mean to differ from.
                1 => own * s,
                _ => {
                    let count = count as f64;
                    own * (s - t / count).max(0.0) * count / (count - 1.0)
                }
            };
        }
    }
    information
}
