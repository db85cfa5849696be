//! How many independent chains visit every mode.

use crate::base::error::{Error, Result};

/// Modes at the most: the formula sums over all sets of them.
const MOST: usize = 20;

/// The number of independent chains that visit each of some functional modes, which a chain ends in with these `probabilities`, with at least the given
/// `probability`: by Markov's inequality on the number of chains until all are seen, ⌈E\[G\]/(1 − p)⌉ with
/// E\[G\] = Σ_{q<ν} (−1)^{ν−1−q} Σ_{|J|=q} 1/(1 − Π_J) (Wiese et al., 2023).
///
/// ```
/// use smc_runtime::posterior::symmetry::chains_for;
/// // Two modes alike: on average three chains see both.
/// assert_eq!(chains_for(&[0.5, 0.5], 0.99)?, 300);
/// # Ok::<(), smc_runtime::Error>(())
/// ```
///
/// # Errors
/// If there is no mode, if there are more than 20, if a probability is not above 0, if they do not sum to 1, or if `probability` is not one below 1.
pub fn chains_for(probabilities: &[f64], probability: f64) -> Result<u64> {
    let modes = probabilities.len();
    if !(1..=MOST).contains(&modes) {
        return Err(Error::config(
            "modes",
            modes,
            format!("between 1 and {MOST} are possible"),
        ));
    }
    if !(0.0..1.0).contains(&probability) {
        let expected = "a number from 0 and below 1 is needed";
        return Err(Error::config("probability", probability, expected));
    }
    if let Some(wrong) = probabilities.iter().find(|p| !(**p > 0.0 && **p <= 1.0)) {
        return Err(Error::config(
            "probability of a mode",
            wrong,
            "a number above 0 is needed",
        ));
    }
    let sum: f64 = probabilities.iter().sum();
    if (sum - 1.0).abs() > 1e-6 {
        return Err(Error::config(
            "sum of the probabilities",
            sum,
            "1 is needed",
        ));
    }
    let mut expected = 0.0;
    // Every proper subset, as bits.
    for set in 0..(1u32 << modes) - 1 {
        let inside = (0..modes).filter(|k| set >> k & 1 == 1);
        let mass: f64 = inside.map(|k| probabilities[k]).sum();
        let sign = if (modes as u32 - 1 - set.count_ones()).is_multiple_of(2) {
            1.0
        } else {
            -1.0
        };
        expected += sign / (1.0 - mass);
    }
    // What rounding adds is no chain.
    Ok((expected / (1.0 - probability) - 1e-9).ceil().max(1.0) as u64)
}

/// [`chains_for`] so many `modes`, whose probabilities fall as the density of a half-normal variable from 0 to 1.96, as in the paper.
///
/// ```
/// use smc_runtime::posterior::symmetry::chains;
/// assert_eq!([2, 3, 4, 5, 8].map(|modes| chains(modes, 0.99).unwrap()), [798, 1274, 1805, 2385, 4367]);
/// ```
///
/// # Errors
/// Those of [`chains_for`].
pub fn chains(modes: usize, probability: f64) -> Result<u64> {
    let last = modes.saturating_sub(1).max(1) as f64;
    let density = |k: usize| (-0.5 * (1.96 * k as f64 / last).powi(2)).exp();
    let all: Vec<f64> = (0..modes.min(MOST + 1)).map(density).collect();
    let sum: f64 = all.iter().sum();
    chains_for(
        &all.iter().map(|p| p / sum).collect::<Vec<_>>(),
        probability,
    )
}
