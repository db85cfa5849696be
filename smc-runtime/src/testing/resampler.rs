//! The laws of a resampling scheme.

use super::near;
use crate::base::rng::{Purpose, Streams};
use crate::sampling::resample::Resample;

/// Checks a resampling scheme: J ancestors, none without weight, and offspring counts that are unbiased within 4.5
/// standard errors over 20000 draws.
///
/// # Errors
/// What is wrong, in words.
pub fn check_resampler(scheme: &dyn Resample) -> Result<(), String> {
    const RUNS: usize = 20_000;
    let skewed: Vec<f64> = (0..7)
        .map(|i| 0.5f64.powi(i + 1) + f64::from(u8::from(i == 6)) * 0.5f64.powi(7))
        .collect();
    for weights in [
        vec![1.0],
        vec![0.05, 0.0, 0.41, 0.24, 0.3],
        skewed,
        vec![0.0, 0.0, 1.0],
        vec![0.25; 4],
    ] {
        let n = weights.len();
        let mut counts = vec![Vec::with_capacity(RUNS); n];
        for run in 0..RUNS {
            for counts in &mut counts {
                counts.push(0.0);
            }
            let mut stream = Streams::new(11).stream(Purpose::Resample, run, 0, 0);
            let ancestors = scheme.ancestors(&weights, &mut stream);
            if ancestors.len() != n {
                return Err(format!("{} ancestors for {n} particles", ancestors.len()));
            }
            for a in ancestors {
                if weights.get(a).is_none_or(|&w| w <= 0.0) {
                    return Err(format!(
                        "particle {a} has offspring; the weights are {weights:?}"
                    ));
                }
                *counts[a].last_mut().unwrap_or(&mut 0.0) += 1.0;
            }
        }
        for (i, (counts, weight)) in counts.iter().zip(&weights).enumerate() {
            let what = format!(
                "the mean number of offspring of particle {i} under the weights {weights:?}"
            );
            near(&what, counts, n as f64 * weight, 4.5)?;
        }
    }
    Ok(())
}
