//! Convergence across independent chains, of scalars such as predictions. In weight space R-hat means nothing for a
//! network: its symmetries give every chain another, equally good, labelling.

use crate::base::sums::log_sum_exp;

/// Split R-hat of one scalar: `chains` holds its draws chain by chain (Gelman et al., Bayesian Data Analysis, 3rd ed.).
///
/// `None` with fewer than four draws per chain, or if nothing varies.
///
/// ```
/// use smc_runtime::base::diagnostics::r_hat;
/// let apart = [vec![0.0, 0.1, 0.0, 0.1], vec![5.0, 5.1, 5.0, 5.1]];
/// assert!(r_hat(&apart).unwrap() > 5.0);
/// ```
pub fn r_hat(chains: &[Vec<f64>]) -> Option<f64> {
    r_hat_of(&halved(chains, 2)?)
}

/// The halves of chains, all as long as half of the shortest, unless that is shorter than `least`.
pub(super) fn halved(chains: &[Vec<f64>], least: usize) -> Option<Vec<Vec<f64>>> {
    let half = chains.iter().map(Vec::len).min()? / 2;
    let halves = chains
        .iter()
        .flat_map(|c| [&c[..half], &c[c.len() - half..]])
        .map(<[f64]>::to_vec);
    (half >= least).then(|| halves.collect())
}

/// R-hat of groups of one length.
pub(super) fn r_hat_of(halves: &[Vec<f64>]) -> Option<f64> {
    let moments: Vec<(f64, f64)> = halves
        .iter()
        .map(|h| mean_variance(h.iter().copied()))
        .collect();
    let within = moments.iter().map(|m| m.1).sum::<f64>() / moments.len() as f64;
    let (_, between) = mean_variance(moments.iter().map(|m| m.0));
    let n = halves.first()?.len() as f64;
    let value = (((n - 1.0) / n * within + between) / within).sqrt();
    value.is_finite().then_some(value)
}

/// About how many of J particles still have descendants after resamplings in which two particles had the same ancestor with
/// probabilities that sum to `coalescences`, if none were better than another from one to the next: lineages meet in pairs,
/// dA/dC = −A·(A − 1)/2, so A = 1/(1 − (1 − 1/J)·e^{−C/2}).
///
/// With equal weights that is C = k/J after k multinomial resamplings, and A is close to 2J/k once that is small; particles that
/// are resampled when their weights are uneven meet about twice as fast. Few ancestors alone say nothing against a run.
///
/// ```
/// use smc_runtime::base::diagnostics::ancestors_left;
/// assert!((ancestors_left(64, 0.0) - 64.0).abs() < 1e-9);
/// assert!((3.0..4.0).contains(&ancestors_left(64, 40.0 / 64.0)));
/// ```
pub fn ancestors_left(particles: usize, coalescences: f64) -> f64 {
    let particles = particles.max(1) as f64;
    1.0 / (1.0 - (1.0 - 1.0 / particles) * (-0.5 * coalescences).exp())
}

/// The standard error of the logarithm of the mean of exp(x) over `logs`, by the jackknife: with m_k the log-mean without
/// x_k, √((K−1)/K·Σ(m_k − m̄)²). Where x are the log-evidences of K independent runs it is that of their log-mean; it stays within
/// a few percent of the truth where sd(x)/√K, which is right for small spreads, has long become too small.
///
/// `None` with fewer than two numbers, or if one is not finite.
///
/// ```
/// use smc_runtime::base::diagnostics::log_mean_error;
/// let near: Vec<f64> = (0..8).map(|k| 0.01 * f64::from(k)).collect();
/// // sd/√K of 0, 0.01, .., 0.07.
/// assert!((log_mean_error(&near).unwrap() / 0.00866 - 1.0).abs() < 0.01);
/// assert_eq!(log_mean_error(&[1.0]), None);
/// ```
pub fn log_mean_error(logs: &[f64]) -> Option<f64> {
    if logs.len() < 2 || logs.iter().any(|x| !x.is_finite()) {
        return None;
    }
    let without = |k: usize| {
        let mut others = logs.to_vec();
        others.swap_remove(k);
        log_sum_exp(&others)
    };
    let (_, variance) = mean_variance((0..logs.len()).map(without));
    let k = logs.len() as f64;
    // The variance is a sum over K − 1.
    Some(((k - 1.0).powi(2) / k * variance).sqrt())
}

/// Effective sample size of one scalar in `chains`, its draws chain by chain: the number of independent draws whose mean would be
/// as far off (Geyer, 1992; Vehtari et al., 2021, without their ranks). Autocorrelations are summed over pairs of lags for as
/// long as pairs are positive, and never rise; each chain is halved, so that drift counts against it.
///
/// `None` with fewer than eight draws per chain, or if nothing varies.
///
/// ```
/// use smc_runtime::base::diagnostics::effective_sample_size;
/// // Every draw comes twice.
/// let chain: Vec<f64> = (0..2000).map(|i| f64::from(((i / 2) * 7919) % 1009)).collect();
/// let size = effective_sample_size(&[chain]).unwrap();
/// assert!(size > 700.0 && size < 1300.0, "{size}");
/// ```
pub fn effective_sample_size(chains: &[Vec<f64>]) -> Option<f64> {
    sample_size_of(&halved(chains, 4)?)
}

/// The effective sample size of groups of one length.
pub(super) fn sample_size_of(halves: &[Vec<f64>]) -> Option<f64> {
    let half = halves.first()?.len();
    let n = half as f64;
    let means: Vec<f64> = halves.iter().map(|h| h.iter().sum::<f64>() / n).collect();
    // The mean over halves of the autocovariance at `lag`.
    let covariance = |lag: usize| {
        let of = |(h, mean): (&Vec<f64>, &f64)| {
            let pairs = h.iter().zip(&h[lag..]);
            pairs.map(|(x, y)| (x - mean) * (y - mean)).sum::<f64>() / n
        };
        halves.iter().zip(&means).map(of).sum::<f64>() / halves.len() as f64
    };
    let within = covariance(0) * n / (n - 1.0);
    let (_, between) = mean_variance(means.iter().copied());
    let total = within * (n - 1.0) / n + between;
    if !(total > 0.0 && total.is_finite()) {
        return None;
    }
    let correlation = |lag: usize| 1.0 - (within - covariance(lag)) / total;
    let (mut sum, mut last, mut left) = (0.0, f64::INFINITY, 0.0);
    for lag in (0..half - 1).step_by(2) {
        // At lag 0 it is 1, whatever the halves' means say.
        let even = if lag == 0 { 1.0 } else { correlation(lag) };
        let pair = even + correlation(lag + 1);
        // Of the pair at which the sum ends, the first alone counts, and once.
        if pair <= 0.0 || lag + 4 >= half {
            left = even.max(0.0);
            break;
        }
        last = pair.min(last);
        sum += last;
    }
    let draws = n * halves.len() as f64;
    // Draws that repel each other look better than independent ones; more than this cannot be told from few draws.
    let time = (2.0 * sum - 1.0 + left).max(1.0 / draws.log10());
    Some(draws / time)
}

/// R-hat of one scalar across weighted groups, such as islands: √((W + B)/W) with W the mean of the variances within groups
/// and B the variance of their means. Each group is its draws and their weights, which need not sum to 1.
///
/// Groups do not count by their own evidence here: R-hat asks whether they found the same. `None` with fewer than two
/// groups that have weight, if one of them is a single draw, or if nothing varies.
///
/// ```
/// use smc_runtime::base::diagnostics::weighted_r_hat;
/// let same = [(vec![0.0, 1.0, 2.0], vec![0.2, 0.6, 0.2]), (vec![2.0, 1.0, 0.0], vec![1.0, 3.0, 1.0])];
/// assert_eq!(weighted_r_hat(&same), Some(1.0));
/// ```
pub fn weighted_r_hat(groups: &[(Vec<f64>, Vec<f64>)]) -> Option<f64> {
    let unbiased = |m: &GroupMoments| m.variance / (1.0 - m.squares);
    let moments = group_moments(groups);
    if moments.len() < 2 {
        return None;
    }
    let within = moments.iter().map(unbiased).sum::<f64>() / moments.len() as f64;
    let (_, between) = mean_variance(moments.iter().map(|m| m.mean));
    let value = ((within + between) / within).sqrt();
    value.is_finite().then_some(value)
}

/// Effective sample size of one scalar as weighted groups show it, such as islands: V/(B/K) with V the variance of all draws,
/// each group counted alike, and B that of the means of the K groups, of whose mean B/K is the squared error. Each group is its
/// draws and their weights, which need not sum to 1. At most the number of draws; `None` with fewer than two groups that have
/// weight.
///
/// ```
/// use smc_runtime::base::diagnostics::weighted_effective_sample_size;
/// let apart = [(vec![0.0, 2.0], vec![1.0, 1.0]), (vec![4.0, 6.0], vec![1.0, 1.0])];
/// // The means are 1 and 5: B = 8, and V = 1 + 8.
/// assert_eq!(weighted_effective_sample_size(&apart), Some(2.25));
/// ```
pub fn weighted_effective_sample_size(groups: &[(Vec<f64>, Vec<f64>)]) -> Option<f64> {
    let moments = group_moments(groups);
    let k = moments.len() as f64;
    let (_, between) = mean_variance(moments.iter().map(|m| m.mean));
    let within = moments.iter().map(|m| m.variance).sum::<f64>() / k;
    let draws: usize = groups.iter().map(|(values, _)| values.len()).sum();
    let size = k * (within + between) / between;
    (moments.len() > 1 && !size.is_nan()).then(|| size.min(draws as f64))
}

/// What a weighted group of draws comes to.
struct GroupMoments {
    mean: f64,
    /// The mean squared deviation.
    variance: f64,
    /// The sum of the squared weights, which sum to 1.
    squares: f64,
}

/// Of each group that has weight.
fn group_moments(groups: &[(Vec<f64>, Vec<f64>)]) -> Vec<GroupMoments> {
    let moments = groups.iter().filter_map(|(values, weights)| {
        let total: f64 = weights.iter().sum();
        let expect = |f: &dyn Fn(f64) -> f64| {
            let products = values.iter().zip(weights).map(|(&x, w)| w * f(x));
            products.sum::<f64>() / total
        };
        let mean = expect(&|x| x);
        (total > 0.0).then(|| GroupMoments {
            mean,
            variance: expect(&|x| (x - mean).powi(2)),
            squares: weights.iter().map(|w| (w / total).powi(2)).sum(),
        })
    });
    moments.collect()
}

pub(crate) fn mean_variance(x: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let n = x.clone().count() as f64;
    let mean = x.clone().sum::<f64>() / n;
    (mean, x.map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::{Purpose, Streams};

    /// Four chains of a first-order autoregression, which start at `spread` times their number.
    fn autoregression(rho: f64, length: usize, spread: f64) -> Vec<Vec<f64>> {
        let chain = |c: usize| {
            let mut stream = Streams::new(3).stream(Purpose::Simulate, 0, c, 0);
            let mut x = stream.normal();
            let step = |_| {
                x = rho * x + (1.0 - rho * rho).sqrt() * stream.normal();
                x + spread * c as f64
            };
            (0..length).map(step).collect()
        };
        (0..4).map(chain).collect()
    }

    #[test]
    fn an_autoregression_has_the_effective_size_of_its_correlation() {
        for rho in [0.0, 0.5, 0.9] {
            let found = effective_sample_size(&autoregression(rho, 10_000, 0.0)).unwrap();
            let expected = 40_000.0 * (1.0 - rho) / (1.0 + rho);
            assert!(
                (found / expected - 1.0).abs() < 0.15,
                "{rho}: {found}, expected {expected}"
            );
        }
    }

    #[test]
    fn chains_apart_have_the_effective_size_of_their_number() {
        let found = effective_sample_size(&autoregression(0.0, 1000, 20.0)).unwrap();
        assert!(found < 10.0, "{found}");
        assert_eq!(effective_sample_size(&[vec![1.0; 100]]), None);
        assert_eq!(effective_sample_size(&[vec![1.0; 7]]), None);
        assert_eq!(effective_sample_size(&[]), None);
    }
}
