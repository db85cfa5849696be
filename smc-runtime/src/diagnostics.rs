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

fn mean_variance(x: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let n = x.clone().count() as f64;
    let mean = x.clone().sum::<f64>() / n;
    (mean, x.map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0))
}
