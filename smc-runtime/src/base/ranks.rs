//! Convergence across chains by ranks (Vehtari, Gelman, Simpson, Carpenter and Bürkner, 2021): R-hat and effective sample
//! sizes that heavy tails do not spoil, and that see chains of one centre and different widths.

use super::diagnostics::{halved, r_hat_of, sample_size_of};
use super::nodes::quantile;

/// Rank-normalised split R-hat of one scalar: the larger of that of the normal scores of its ranks and that of its distance to the
/// median, which sees chains that agree on the centre alone. `chains` holds draws chain by chain.
///
/// `None` with fewer than four draws per chain, or if nothing varies.
///
/// ```
/// use smc_runtime::base::{diagnostics, ranks};
/// let wave = |width: f64| (0..100).map(|i| width * f64::from(i * 37 % 101 - 50)).collect();
/// let chains: [Vec<f64>; 2] = [wave(1.0), wave(5.0)];
/// // The centres agree, the widths do not.
/// assert!(diagnostics::r_hat(&chains).unwrap() < 1.02);
/// assert!(ranks::r_hat(&chains).unwrap() > 1.1);
/// ```
pub fn r_hat(chains: &[Vec<f64>]) -> Option<f64> {
    let halves = halved(chains, 2)?;
    let middle = median(&halves.concat());
    let folded: Vec<Vec<f64>> = halves
        .iter()
        .map(|half| half.iter().map(|x| (x - middle).abs()).collect())
        .collect();
    let (bulk, tail) = (r_hat_of(&scores(&halves)), r_hat_of(&scores(&folded)));
    match (bulk, tail) {
        (Some(bulk), Some(tail)) => Some(bulk.max(tail)),
        // Draws of two values are as far from their median, all of them.
        (one, other) => one.or(other),
    }
}

/// Effective sample size for the middle of a distribution: that of the normal scores of the draws' ranks.
///
/// `None` with fewer than eight draws per chain, or if nothing varies.
///
/// ```
/// use smc_runtime::base::ranks::bulk_sample_size;
/// let chain: Vec<f64> = (0..2000).map(|i| f64::from((i * 7919) % 1009).powi(9)).collect();
/// assert!(bulk_sample_size(&[chain]).unwrap() > 1000.0);
/// ```
pub fn bulk_sample_size(chains: &[Vec<f64>]) -> Option<f64> {
    sample_size_of(&scores(&halved(chains, 4)?))
}

/// Effective sample size for the quantiles at 5 and 95 %: the smaller of those of "is at most so large".
///
/// `None` with fewer than eight draws per chain, or if nothing varies.
///
/// ```
/// use smc_runtime::base::ranks::tail_sample_size;
/// let chain: Vec<f64> = (0..2000).map(|i| f64::from((i * 7919) % 1009)).collect();
/// assert!(tail_sample_size(&[chain]).unwrap() > 1000.0);
/// ```
pub fn tail_sample_size(chains: &[Vec<f64>]) -> Option<f64> {
    let halves = halved(chains, 4)?;
    let mut sorted = chains.concat();
    sorted.sort_by(f64::total_cmp);
    let below = |p: f64| {
        let most = between(&sorted, p);
        let of = |half: &Vec<f64>| half.iter().map(|&x| f64::from(x <= most)).collect();
        sample_size_of(&halves.iter().map(of).collect::<Vec<Vec<f64>>>())
    };
    Some(below(0.05)?.min(below(0.95)?))
}

/// The quantile at p of sorted numbers, between neighbours in proportion.
fn between(sorted: &[f64], p: f64) -> f64 {
    let at = p * (sorted.len() - 1) as f64;
    let (low, part) = (at.floor() as usize, at.fract());
    let high = (low + 1).min(sorted.len() - 1);
    sorted[low] + part * (sorted[high] - sorted[low])
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    between(&sorted, 0.5)
}

/// The normal scores of the ranks of all draws, Φ⁻¹((r − 3/8)/(S + 1/4)); equal draws share the mean of their ranks.
fn scores(groups: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let all = groups.concat();
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by(|&a, &b| all[a].total_cmp(&all[b]));
    let mut scores = vec![0.0; all.len()];
    let mut first = 0;
    for same in order.chunk_by(|&a, &b| all[a] == all[b]) {
        let rank = first as f64 + (same.len() + 1) as f64 / 2.0;
        let score = quantile((rank - 0.375) / (all.len() as f64 + 0.25));
        for &at in same {
            scores[at] = score;
        }
        first += same.len();
    }
    let mut left = scores.as_slice();
    groups
        .iter()
        .map(|group| {
            let (these, others) = left.split_at(group.len());
            left = others;
            these.to_vec()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::diagnostics;
    use crate::base::rng::{Purpose, Streams};

    /// Two chains of normal draws around `centres`.
    fn chains(centres: [f64; 2], widths: [f64; 2]) -> [Vec<f64>; 2] {
        [0, 1].map(|c| {
            let mut stream = Streams::new(5).stream(Purpose::Simulate, 0, c, 0);
            let draw = |_| centres[c] + widths[c] * stream.normal();
            (0..1000).map(draw).collect()
        })
    }

    #[test]
    fn ranks_see_centres_and_widths_and_nothing_else() {
        let same = chains([0.0, 0.0], [1.0, 1.0]);
        assert!(r_hat(&same).unwrap() < 1.01);
        assert!(r_hat(&chains([0.0, 1.5], [1.0, 1.0])).unwrap() > 1.2);
        assert!(r_hat(&chains([0.0, 0.0], [1.0, 4.0])).unwrap() > 1.2);
        // What a rising function makes of draws has the same ranks.
        let risen = same
            .clone()
            .map(|chain| chain.iter().map(|x| x.exp()).collect());
        assert_eq!(bulk_sample_size(&risen), bulk_sample_size(&same));
        let moved = chains([3.0, 3.0], [2.0, 2.0]);
        assert_eq!(tail_sample_size(&moved), tail_sample_size(&same));
    }

    #[test]
    fn one_wild_draw_spoils_the_mean_and_not_the_ranks() {
        let mut wild = chains([0.0, 0.6], [1.0, 1.0]);
        let before = r_hat(&wild).unwrap();
        wild[0][7] = 1e9;
        let (by_ranks, by_moments) = (r_hat(&wild).unwrap(), diagnostics::r_hat(&wild).unwrap());
        assert!(
            by_moments < 1.01 && by_ranks > 1.02,
            "{by_moments}, {by_ranks}"
        );
        assert!((by_ranks - before).abs() < 0.01);
    }

    #[test]
    fn equal_draws_share_a_rank() {
        let found = scores(&[vec![2.0, 1.0], vec![1.0, 3.0]]).concat();
        assert_eq!(found[1], found[2]);
        assert!((found[0] - quantile((3.0 - 0.375) / 4.25)).abs() < 1e-12);
    }

    #[test]
    fn too_few_or_equal_draws_say_nothing() {
        assert_eq!(r_hat(&[vec![1.0, 2.0, 3.0]]), None);
        assert_eq!(r_hat(&[vec![1.0; 20], vec![1.0; 20]]), None);
        assert_eq!(bulk_sample_size(&[vec![0.0; 7]]), None);
        assert_eq!(tail_sample_size(&[vec![1.0; 50]]), None);
        assert_eq!(r_hat(&[]), None);
    }
}
