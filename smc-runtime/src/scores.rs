//! Scores of predicted classes, row by row: from the predicted probabilities and the class that came. The scores of a
//! whole prediction are those of [`Prediction`](crate::predict::Prediction).
//!
//! ```
//! use smc_runtime::scores::{Classified, accuracy, brier, calibration_error};
//! // Two rows of two classes: right at 0.8, wrong at 0.6.
//! let rows = [Classified::new(&[0.8, 0.2], 0), Classified::new(&[0.4, 0.6], 0)];
//! assert_eq!(accuracy(&rows), 0.5);
//! assert!((brier(&rows) - 0.5 * (0.08 + 0.72)).abs() < 1e-12);
//! assert!((calibration_error(&rows) - 0.5 * (0.2 + 0.6)).abs() < 1e-12);
//! ```

/// Bins of [`calibration_error`].
pub const BINS: usize = 15;

/// What the scores need to know of one row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Classified {
    /// The probability of the likeliest class.
    pub confidence: f64,
    /// Whether the likeliest class is the one that came; of equally likely ones the first counts.
    pub hit: bool,
    /// Σ_c (p_c − 1\[c = y\])², between 0 and 2.
    pub brier: f64,
}

impl Classified {
    /// A row whose classes have `probabilities` and of which `class` came.
    pub fn new(probabilities: &[f64], class: usize) -> Self {
        let (mut best, mut confidence, mut brier) = (None, f64::NEG_INFINITY, 0.0);
        for (c, &p) in probabilities.iter().enumerate() {
            if p > confidence {
                (best, confidence) = (Some(c), p);
            }
            let came = f64::from(u8::from(c == class));
            brier += (p - came).powi(2);
        }
        Self {
            confidence,
            hit: best == Some(class),
            brier,
        }
    }
}

/// Fraction of rows whose likeliest class is the one that came; NaN without rows.
pub fn accuracy(rows: &[Classified]) -> f64 {
    mean(rows, |row| f64::from(u8::from(row.hit)))
}

/// Mean of Σ_c (p_c − 1\[c = y\])² over rows (Brier, 1950): 0 where the class that came was certain, 2 where another was;
/// NaN without rows.
pub fn brier(rows: &[Classified]) -> f64 {
    mean(rows, |row| row.brier)
}

/// The expected calibration error (ECE; Guo et al., 2017), between 0 and 1: rows fall by their confidence, the probability
/// of the likeliest class, into 15 bins of equal width, ((b − 1)/15, b/15\]; it is Σ_b (n_b/N)·|accuracy_b − confidence_b|,
/// of the means in each bin. NaN without rows.
///
/// Of finitely many rows it is above 0 even where predictions are perfectly calibrated, by about
/// (1/N)·Σ_b √((2/π)·Σ_{i in b} p_i(1 − p_i)) with p_i the confidence of row i: compare it with that before calling a model
/// badly calibrated.
pub fn calibration_error(rows: &[Classified]) -> f64 {
    let mut gaps = [0.0; BINS];
    for row in rows {
        let above = (row.confidence * BINS as f64).ceil() as usize;
        gaps[above.clamp(1, BINS) - 1] += f64::from(u8::from(row.hit)) - row.confidence;
    }
    gaps.iter().map(|gap| gap.abs()).sum::<f64>() / rows.len() as f64
}

fn mean(rows: &[Classified], f: impl Fn(&Classified) -> f64) -> f64 {
    rows.iter().map(f).sum::<f64>() / rows.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hand_made_cases_have_their_scores() {
        let sure = Classified::new(&[0.0, 1.0, 0.0], 1);
        assert_eq!((sure.confidence, sure.hit, sure.brier), (1.0, true, 0.0));
        let wrong = Classified::new(&[0.0, 1.0, 0.0], 2);
        assert_eq!(
            (wrong.confidence, wrong.hit, wrong.brier),
            (1.0, false, 2.0)
        );
        let even = Classified::new(&[0.25; 4], 3);
        assert_eq!((even.confidence, even.hit, even.brier), (0.25, false, 0.75));
        assert!(Classified::new(&[0.25; 4], 0).hit);

        let rows = [sure, wrong, sure, even];
        assert_eq!(accuracy(&rows), 0.5);
        assert_eq!(brier(&rows), 2.75 / 4.0);
        // The last bin has three rows, accuracy ⅔ and confidence 1; even's bin accuracy 0 and confidence ¼.
        assert_eq!(calibration_error(&rows), (3.0 * (1.0 / 3.0) + 0.25) / 4.0);
    }

    #[test]
    fn gaps_cancel_within_a_bin_and_add_up_across_bins() {
        let row = |confidence: f64, hit: bool| Classified {
            confidence,
            hit,
            brier: 0.0,
        };
        // 0.75 and 0.78 share the bin (11/15, 12/15]; 0.70 is in the one below.
        let together = [row(0.75, true), row(0.78, false)];
        assert!((calibration_error(&together) - 0.5 * 0.53).abs() < 1e-12);
        let apart = [row(0.70, true), row(0.78, false)];
        assert!((calibration_error(&apart) - 0.5 * (0.3 + 0.78)).abs() < 1e-12);
        // A bin includes its upper end: 0.2 = 3/15 is in the third.
        let edge = [row(0.2, true), row(0.19, false)];
        assert!((calibration_error(&edge) - 0.5 * 0.61).abs() < 1e-12);
    }
}
