//! Importance weights whose largest are smoothed, and how heavy their tail is.

/// The largest Pareto k of importance weights whose mean can be trusted.
pub const LARGEST_K: f64 = 0.7;

/// Pareto-smoothed importance weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Smoothed {
    /// Logarithms of the weights, in the order in which they came, not normalised.
    pub log_weights: Vec<f64>,
    /// The shape k of the generalised Pareto distribution of the largest; `None` where they are fewer than five.
    pub k: Option<f64>,
}

/// Smooths the largest of some importance weights, given by their logarithms: min(S/5, 3√S) of S, by the quantiles of the generalised
/// Pareto distribution that fits them (A. Vehtari, D. Simpson, A. Gelman, Y. Yao, J. Gabry, *Pareto smoothed importance sampling*,
/// JMLR 2024). k above [`LARGEST_K`] says that means over the weights are not to be trusted.
///
/// ```
/// use smc_runtime::base::psis::smooth;
/// let even = smooth(&[0.0; 100]);
/// assert_eq!((even.k, even.log_weights), (Some(f64::NEG_INFINITY), vec![0.0; 100]));
/// assert_eq!(smooth(&[0.0; 10]).k, None);
/// ```
pub fn smooth(log_weights: &[f64]) -> Smoothed {
    let mut smoothed = Smoothed {
        log_weights: log_weights.to_vec(),
        k: None,
    };
    let draws = log_weights.len();
    let tail = (draws / 5).min((3.0 * (draws as f64).sqrt()) as usize);
    if tail < 5 {
        return smoothed;
    }
    let mut order: Vec<usize> = (0..draws).collect();
    order.sort_by(|&a, &b| log_weights[a].total_cmp(&log_weights[b]));
    let largest = log_weights[order[draws - 1]];
    if !largest.is_finite() {
        smoothed.k = Some(f64::INFINITY);
        return smoothed;
    }
    let cutoff = (log_weights[order[draws - tail - 1]] - largest).exp();
    let of_tail = &order[draws - tail..];
    let above = |&i: &usize| (log_weights[i] - largest).exp() - cutoff;
    let excess: Vec<f64> = of_tail.iter().map(above).collect();
    if excess[tail - 1] <= 1e-12 {
        // All are alike.
        smoothed.k = Some(f64::NEG_INFINITY);
        return smoothed;
    }
    let (k, sigma) = pareto(&excess);
    smoothed.k = Some(k);
    if k.is_finite() {
        for (rank, &i) in of_tail.iter().enumerate() {
            let p = (rank as f64 + 0.5) / tail as f64;
            let weight = cutoff + quantile(p, k, sigma);
            smoothed.log_weights[i] = weight.ln().min(0.0) + largest;
        }
    }
    smoothed
}

fn quantile(p: f64, k: f64, sigma: f64) -> f64 {
    let rest = (-p).ln_1p();
    if k.abs() < 1e-12 {
        return -sigma * rest;
    }
    sigma * (-k * rest).exp_m1() / k
}

/// Shape and scale of the generalised Pareto distribution of some numbers above 0, in ascending order (J. Zhang, M. Stephens, *A new and
/// efficient estimation method for the generalized Pareto distribution*, Technometrics 2009), the shape drawn a little towards ½ as
/// the paper on smoothing has it.
fn pareto(x: &[f64]) -> (f64, f64) {
    const PRIOR: f64 = 10.0;
    let n = x.len();
    let count = 30 + (n as f64).sqrt() as usize;
    let quartile = x[((n as f64 / 4.0 + 0.5) as usize).saturating_sub(1)];
    if quartile <= x[0] {
        // A quarter are the same: far from any such distribution.
        return (f64::INFINITY, f64::NAN);
    }
    let most = x[n - 1];
    let shape = |theta: f64| x.iter().map(|x| (-theta * x).ln_1p()).sum::<f64>() / n as f64;
    let thetas: Vec<f64> = (1..=count)
        .map(|j| 1.0 / most + (1.0 - (count as f64 / (j as f64 - 0.5)).sqrt()) / (3.0 * quartile))
        .collect();
    let profile = |theta: f64| {
        let k = shape(theta);
        n as f64 * ((-theta / k).ln() - k - 1.0)
    };
    let logs: Vec<f64> = thetas.iter().map(|&t| profile(t)).collect();
    let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = logs.iter().map(|l| (l - top).exp()).collect();
    let total: f64 = weights.iter().filter(|w| w.is_finite()).sum();
    let pairs = thetas.iter().zip(&weights).filter(|(_, w)| w.is_finite());
    let theta = pairs.map(|(t, w)| t * w).sum::<f64>() / total;
    let k = shape(theta);
    let sigma = -k / theta;
    let drawn = (k * n as f64 + 0.5 * PRIOR) / (n as f64 + PRIOR);
    (drawn, sigma)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::{Purpose, Streams};

    /// Of exponential numbers over `k`, the tail of the weights is a Pareto one of that shape.
    fn of_shape(k: f64) -> f64 {
        let mut stream = Streams::new(5).stream(Purpose::Simulate, 0, 0, 0);
        let logs: Vec<f64> = (0..20_000).map(|_| -k * stream.uniform().ln()).collect();
        smooth(&logs).k.unwrap()
    }

    #[test]
    fn the_tail_of_pareto_weights_has_their_shape() {
        for k in [0.2, 0.5, 1.0, 2.0] {
            let found = of_shape(k);
            assert!((found - k).abs() < 0.15, "{found}, not {k}");
        }
    }

    #[test]
    fn smoothing_keeps_the_order_and_the_small_ones() {
        let mut stream = Streams::new(6).stream(Purpose::Simulate, 0, 0, 0);
        let logs: Vec<f64> = (0..1000).map(|_| -0.4 * stream.uniform().ln()).collect();
        let Smoothed { log_weights, .. } = smooth(&logs);
        let mut order: Vec<usize> = (0..1000).collect();
        order.sort_by(|&a, &b| logs[a].total_cmp(&logs[b]));
        for pair in order.windows(2) {
            assert!(log_weights[pair[0]] <= log_weights[pair[1]]);
        }
        for &i in &order[..900] {
            assert_eq!(log_weights[i], logs[i]);
        }
        assert!(log_weights.iter().all(|l| l.is_finite()));
    }

    #[test]
    fn an_impossible_largest_weight_is_no_tail() {
        assert_eq!(smooth(&[f64::NEG_INFINITY; 100]).k, Some(f64::INFINITY));
    }
}
