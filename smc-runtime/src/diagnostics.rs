//! Convergence across independent chains, of scalars such as predictions. In weight space R-hat means nothing for a
//! network: its symmetries give every chain another, equally good, labelling.

/// Split R-hat of one scalar: `chains` holds its draws chain by chain (Gelman et al., Bayesian Data Analysis, 3rd ed.).
///
/// `None` with fewer than four draws per chain, or if nothing varies.
///
/// ```
/// use smc_runtime::diagnostics::r_hat;
/// let apart = [vec![0.0, 0.1, 0.0, 0.1], vec![5.0, 5.1, 5.0, 5.1]];
/// assert!(r_hat(&apart).unwrap() > 5.0);
/// ```
pub fn r_hat(chains: &[Vec<f64>]) -> Option<f64> {
    let half = chains.iter().map(Vec::len).min()? / 2;
    if half < 2 {
        return None;
    }
    let halves: Vec<&[f64]> = chains
        .iter()
        .flat_map(|c| [&c[..half], &c[c.len() - half..]])
        .collect();
    let moments: Vec<(f64, f64)> = halves
        .iter()
        .map(|h| mean_variance(h.iter().copied()))
        .collect();
    let within = moments.iter().map(|m| m.1).sum::<f64>() / moments.len() as f64;
    let (_, between) = mean_variance(moments.iter().map(|m| m.0));
    let n = half as f64;
    let value = (((n - 1.0) / n * within + between) / within).sqrt();
    value.is_finite().then_some(value)
}

/// R-hat of one scalar across weighted groups, such as islands: √((W + B)/W) with W the mean of the variances within groups
/// and B the variance of their means. Each group is its draws and their weights, which need not sum to 1.
///
/// Groups do not count by their own evidence here: R-hat asks whether they found the same. `None` with fewer than two
/// groups that have weight, if one of them is a single draw, or if nothing varies.
///
/// ```
/// use smc_runtime::diagnostics::weighted_r_hat;
/// let same = [(vec![0.0, 1.0, 2.0], vec![0.2, 0.6, 0.2]), (vec![2.0, 1.0, 0.0], vec![1.0, 3.0, 1.0])];
/// assert_eq!(weighted_r_hat(&same), Some(1.0));
/// ```
pub fn weighted_r_hat(groups: &[(Vec<f64>, Vec<f64>)]) -> Option<f64> {
    let moments = groups.iter().filter_map(|(values, weights)| {
        let total: f64 = weights.iter().sum();
        let expect = |f: &dyn Fn(f64) -> f64| {
            let products = values.iter().zip(weights).map(|(&x, w)| w * f(x));
            products.sum::<f64>() / total
        };
        let mean = expect(&|x| x);
        let squares: f64 = weights.iter().map(|w| (w / total).powi(2)).sum();
        let variance = expect(&|x| (x - mean).powi(2)) / (1.0 - squares);
        (total > 0.0).then_some((mean, variance))
    });
    let moments: Vec<(f64, f64)> = moments.collect();
    if moments.len() < 2 {
        return None;
    }
    let within = moments.iter().map(|m| m.1).sum::<f64>() / moments.len() as f64;
    let (_, between) = mean_variance(moments.iter().map(|m| m.0));
    let value = ((within + between) / within).sqrt();
    value.is_finite().then_some(value)
}

pub(crate) fn mean_variance(x: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let n = x.clone().count() as f64;
    let mean = x.clone().sum::<f64>() / n;
    (mean, x.map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0))
}
