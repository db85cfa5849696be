//! How strong a layer's prior should be: the number that its precision is multiplied with for the evidence around a mode to be largest.

/// c that maximises ½ P log c − ½ c Σ m² − ½ Σ log(λ + c), the part of Laplace's log-evidence in which a layer's prior of precision c stands: m its P
/// parameters and λ the likelihood's curvature along them, both in units of the prior as it is declared. By c ← γ/Σ m², γ = Σ λ/(λ + c) the number
/// of parameters that the rows determine (D. J. C. MacKay, *Bayesian interpolation*, 1992), between a millionth and a million.
///
/// ```
/// use smc_runtime::family::strength;
/// // One parameter that the rows know to be 2: its square is 1/c.
/// assert!((strength(&[1e9], 4.0) - 0.25).abs() < 1e-6);
/// ```
pub fn strength(curvature: &[f32], squares: f64) -> f64 {
    const ROUNDS: usize = 1000;
    const ENOUGH: f64 = 1e-9;
    let mut c = 1.0;
    for _ in 0..ROUNDS {
        // Curvature below zero is rounding.
        let known = curvature.iter().map(|l| f64::from(l.max(0.0)));
        let determined: f64 = known.map(|l| l / (l + c)).sum();
        let next = (determined / squares.max(1e-300)).clamp(1e-6, 1e6);
        let done = (next / c - 1.0f64).abs() < ENOUGH;
        c = next;
        if done {
            break;
        }
    }
    c
}

/// [`strength`], and by how much the log-density of the prior at the mode changes with it.
pub(super) fn learned(curvature: &[f32], squares: f64) -> (f64, f64) {
    let c = strength(curvature, squares);
    (c, shift(curvature.len(), squares, c))
}

/// By how much log-density the prior at the mode changes where the precision of P parameters is multiplied with `c`: ½ P log c − ½ (c − 1) Σ m².
fn shift(parameters: usize, squares: f64, c: f64) -> f64 {
    0.5 * parameters as f64 * c.ln() - 0.5 * (c - 1.0) * squares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_where_the_evidence_is_largest() {
        let curvature = [0.3f32, 4.0, 50.0, 0.0, 900.0];
        let squares = 7.0;
        let evidence = |c: f64| {
            let log = |l: &f32| (f64::from(*l) + c).ln();
            shift(curvature.len(), squares, c) - 0.5 * curvature.iter().map(log).sum::<f64>()
        };
        let best = strength(&curvature, squares);
        for other in [0.5, 0.9, 0.99, 1.01, 1.1, 2.0] {
            assert!(evidence(best) > evidence(best * other), "{other}");
        }
        assert_eq!(strength(&[1.0], 0.0), 1e6);
    }
}
