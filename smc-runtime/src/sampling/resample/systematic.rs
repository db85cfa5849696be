//! Systematic resampling.

use super::{Resample, at_points};
use crate::base::rng::Stream;

/// One uniform number places J equally spaced points on the cumulative weights; particle i has ⌊J·Wᵢ⌋ or ⌈J·Wᵢ⌉
/// offspring (Carpenter, Clifford and Fearnhead, 1999).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Systematic;

impl Resample for Systematic {
    fn ancestors(&self, weights: &[f64], stream: &mut Stream) -> Vec<usize> {
        let n = weights.len();
        let offset = stream.uniform();
        at_points(weights, (0..n).map(|k| (k as f64 + offset) / n as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::{Purpose, Streams};

    #[test]
    fn offspring_counts_are_unbiased_and_within_one() {
        let weights = [0.05, 0.0, 0.41, 0.24, 0.3];
        let (n, runs) = (weights.len(), 20_000);
        let mut total = [0.0; 5];
        for run in 0..runs {
            let mut stream = Streams::new(11).stream(Purpose::Resample, run, 0, 0);
            let mut counts = [0.0; 5];
            for a in Systematic.ancestors(&weights, &mut stream) {
                counts[a] += 1.0;
            }
            for (i, w) in weights.iter().enumerate() {
                assert!((counts[i] - n as f64 * w).abs() < 1.0);
                total[i] += counts[i];
            }
        }
        for (i, w) in weights.iter().enumerate() {
            let mean = total[i] / f64::from(runs as u32);
            // A count is one of two neighbours of n·w, so its variance is f(1 − f) with f the fractional part.
            let f = (n as f64 * w).fract();
            let se = (f * (1.0 - f) / runs as f64).sqrt();
            assert!(
                (mean - n as f64 * w).abs() <= 4.0 * se + 1e-12,
                "particle {i}: {mean}"
            );
        }
    }
}
