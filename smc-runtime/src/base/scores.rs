//! Scores of predictions: of classes, from the predicted probabilities and the class that came, and of real targets, from a
//! predictive distribution function and the number that came. The scores of a whole prediction are those of
//! [`Prediction`](crate::posterior::predict::Prediction).
//!
//! ```
//! use smc_runtime::base::scores::{Classified, accuracy, brier, calibration_error};
//! // Two rows of two classes: right at 0.8, wrong at 0.6.
//! let rows = [Classified::new(&[0.8, 0.2], 0), Classified::new(&[0.4, 0.6], 0)];
//! assert_eq!(accuracy(&rows), 0.5);
//! assert!((brier(&rows) - 0.5 * (0.08 + 0.72)).abs() < 1e-12);
//! assert!((calibration_error(&rows) - 0.5 * (0.2 + 0.6)).abs() < 1e-12);
//! ```

use std::fmt;

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

/// The class of the largest probability; of equally likely ones the first.
pub(crate) fn likeliest(probabilities: &[f64]) -> Option<usize> {
    let classes = (0..probabilities.len()).rev();
    classes.max_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b]))
}

/// Fraction of rows whose likeliest class is the one that came; NaN without rows.
pub fn accuracy(rows: &[Classified]) -> f64 {
    mean(rows, |row| f64::from(u8::from(row.hit)))
}

/// Mean of Σ_c (p_c − 1\[c = y\])² over rows, the sum over all classes (Brier, 1950): 0 where the class that came was
/// certain, 2 where another was; NaN without rows. Of two classes it is twice the mean of (p_1 − y)² that is also called a
/// Brier score, as in scikit-learn's `brier_score_loss` of two classes.
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
    let gap = |bin: &Bin| bin.rows as f64 * (bin.accuracy - bin.confidence).abs();
    calibration(rows).iter().map(gap).sum::<f64>() / rows.len() as f64
}

/// Rows that are about as sure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bin {
    /// How many there are.
    pub rows: usize,
    /// The mean of their confidence.
    pub confidence: f64,
    /// The fraction of them whose likeliest class came.
    pub accuracy: f64,
}

/// The bins of [`calibration_error`] that have rows, from unsure to sure.
///
/// ```
/// use smc_runtime::base::scores::{Bin, Classified, calibration};
/// let rows = [Classified::new(&[0.8, 0.2], 0), Classified::new(&[0.19, 0.81], 0)];
/// let bins = calibration(&rows);
/// assert_eq!((bins.len(), bins[0].rows, bins[0].accuracy), (2, 1, 1.0));
/// ```
pub fn calibration(rows: &[Classified]) -> Vec<Bin> {
    let mut sums = [(0, 0.0, 0.0); BINS];
    for row in rows {
        let above = (row.confidence * BINS as f64).ceil() as usize;
        let (rows, confidence, hits) = &mut sums[above.clamp(1, BINS) - 1];
        *rows += 1;
        *confidence += row.confidence;
        *hits += f64::from(u8::from(row.hit));
    }
    let bins = sums.into_iter().filter(|(rows, ..)| *rows > 0);
    let bins = bins.map(|(rows, confidence, hits)| Bin {
        rows,
        confidence: confidence / rows as f64,
        accuracy: hits / rows as f64,
    });
    bins.collect()
}

/// Entropy −Σ_c p_c·log p_c, in nats: between 0 for a certain class and log K for K equally likely ones.
///
/// ```
/// use smc_runtime::base::scores::entropy;
/// assert_eq!(entropy(&[1.0, 0.0]), 0.0);
/// assert!((entropy(&[0.25; 4]) - 4f64.ln()).abs() < 1e-15);
/// ```
pub fn entropy(probabilities: &[f64]) -> f64 {
    let terms = probabilities.iter().filter(|&&p| p > 0.0);
    -terms.map(|p| p * p.ln()).sum::<f64>() + 0.0
}

/// Area under the receiver operating characteristic: the probability that a positive case scores above a negative one, ties
/// counted half (the Mann-Whitney statistic; Hanley and McNeil, 1982). ½ for scores that know nothing.
///
/// Positive cases are of one class, or out of distribution, with its probability or the predictive entropy as the score.
/// `None` without cases of both kinds, or if a score is NaN.
///
/// ```
/// use smc_runtime::base::scores::auroc;
/// assert_eq!(auroc(&[0.9, 0.4, 0.4, 0.1], &[true, true, false, false]), Some(0.875));
/// ```
pub fn auroc(scores: &[f64], positive: &[bool]) -> Option<f64> {
    let mut cases: Vec<(f64, bool)> = scores
        .iter()
        .copied()
        .zip(positive.iter().copied())
        .collect();
    cases.sort_by(|a, b| a.0.total_cmp(&b.0));
    if cases.iter().any(|c| c.0.is_nan()) {
        return None;
    }
    let (mut below, mut wins) = (0.0, 0.0);
    for tied in cases.chunk_by(|a, b| a.0 == b.0) {
        let positives = tied.iter().filter(|c| c.1).count() as f64;
        let negatives = tied.len() as f64 - positives;
        wins += positives * (below + 0.5 * negatives);
        below += negatives;
    }
    let positives = cases.len() as f64 - below;
    (below > 0.0 && positives > 0.0).then(|| wins / (below * positives))
}

/// Continuous ranked probability score of one number y, ∫ (F(z) − 1\[z >= y\])² dz (Matheson and Winkler, 1976; Gneiting
/// and Raftery, 2007): in the units of y, 0 for a certain prediction that is right, and |y − x| for one that is certain of x.
///
/// `cdf` is F, and `low` and `high` are points beyond which it is as good as 0 and 1; NaN if one of them is. The integral is
/// by adaptive Simpson over sinh⁻¹((z − y)/scale), which tails of any length suit, to about a millionth of `scale`: a
/// length on which F changes, such as its standard deviation.
///
/// ```
/// use smc_runtime::base::scores::crps;
/// // Uniform between 0 and 1: y³/3 + (1 − y)³/3.
/// let found = crps(|z| z.clamp(0.0, 1.0), 0.0, 1.0, 0.5, 0.3);
/// assert!((found - 1.0 / 12.0).abs() < 1e-6);
/// ```
pub fn crps(cdf: impl Fn(f64) -> f64, low: f64, high: f64, y: f64, scale: f64) -> f64 {
    if low.is_nan() || high.is_nan() {
        return f64::NAN;
    }
    let side = |sign: f64, end: f64, f: &dyn Fn(f64) -> f64| {
        let outwards = |t: f64| f(y + sign * scale * t.sinh()) * scale * t.cosh();
        let length = (sign * (end - y) / scale).max(0.0).asinh();
        integral(&outwards, length, 1e-6 * scale)
    };
    let below = side(-1.0, low, &|z| cdf(z).powi(2));
    below + side(1.0, high, &|z| (1.0 - cdf(z)).powi(2))
}

/// ∫ f from 0 to `length` by Simpson's rule, halving where two halves disagree with their whole.
fn integral(f: &dyn Fn(f64) -> f64, length: f64, tolerance: f64) -> f64 {
    const PANELS: usize = 8;
    const HALVINGS: usize = 24;
    /// An interval with the values at its ends and its middle.
    struct Panel {
        ends: (f64, f64),
        values: [f64; 3],
        simpson: f64,
    }
    let panel = |ends: (f64, f64), first: f64, last: f64| {
        let values = [first, f(0.5 * (ends.0 + ends.1)), last];
        let simpson = (ends.1 - ends.0) / 6.0 * (values[0] + 4.0 * values[1] + values[2]);
        Panel {
            ends,
            values,
            simpson,
        }
    };
    if length <= 0.0 {
        return 0.0;
    }
    let at = |i: usize| length * i as f64 / PANELS as f64;
    let mut total = 0.0;
    let mut before = f(0.0);
    for i in 0..PANELS {
        let behind = f(at(i + 1));
        let mut open = vec![(panel((at(i), at(i + 1)), before, behind), 0)];
        before = behind;
        while let Some((whole, halvings)) = open.pop() {
            let middle = 0.5 * (whole.ends.0 + whole.ends.1);
            let left = panel((whole.ends.0, middle), whole.values[0], whole.values[1]);
            let right = panel((middle, whole.ends.1), whole.values[1], whole.values[2]);
            let gap = left.simpson + right.simpson - whole.simpson;
            let share = (whole.ends.1 - whole.ends.0) / length;
            // The halves are 16 times as close as the whole (Richardson); a value that is not finite never settles.
            if gap.abs() <= 15.0 * tolerance * share || halvings >= HALVINGS || !gap.is_finite() {
                total += left.simpson + right.simpson + gap / 15.0;
            } else {
                open.push((left, halvings + 1));
                open.push((right, halvings + 1));
            }
        }
    }
    total
}

/// How often each class came and was predicted. Prints as a table, classes that came down and predicted ones across.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    classes: Vec<String>,
    counts: Vec<usize>,
}

impl Confusion {
    /// Counts of pairs (class that came, class predicted), both below the number of `classes`; other pairs are left out.
    ///
    /// ```
    /// use smc_runtime::base::scores::Confusion;
    /// let classes = ["no", "yes"].map(str::to_owned).to_vec();
    /// let found = Confusion::new(classes, [(0, 0), (1, 0), (1, 1), (1, 1)]);
    /// assert_eq!((found.count(1, 0), found.recall(1), found.precision(0)), (1, Some(2.0 / 3.0), Some(0.5)));
    /// ```
    pub fn new(classes: Vec<String>, pairs: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let n = classes.len();
        let mut counts = vec![0; n * n];
        for (came, predicted) in pairs {
            if came < n && predicted < n {
                counts[came * n + predicted] += 1;
            }
        }
        Self { classes, counts }
    }

    /// Names of the classes.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Rows of which the class `came` and `predicted` was the likeliest; 0 for classes that do not exist.
    pub fn count(&self, came: usize, predicted: usize) -> usize {
        let n = self.classes.len();
        if came < n && predicted < n {
            self.counts[came * n + predicted]
        } else {
            0
        }
    }

    /// Fraction of the rows of a class for which it was the likeliest; `None` if it never came.
    pub fn recall(&self, class: usize) -> Option<f64> {
        let rows: usize = (0..self.classes.len()).map(|p| self.count(class, p)).sum();
        (rows > 0).then(|| self.count(class, class) as f64 / rows as f64)
    }

    /// Fraction of the rows for which a class was the likeliest that are of it; `None` if it never was.
    pub fn precision(&self, class: usize) -> Option<f64> {
        let rows: usize = (0..self.classes.len()).map(|c| self.count(c, class)).sum();
        (rows > 0).then(|| self.count(class, class) as f64 / rows as f64)
    }
}

impl fmt::Display for Confusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let largest = self.counts.iter().max().map_or(0, |n| n.to_string().len());
        let names = self.classes.iter().map(|c| c.chars().count());
        let width = names.max().unwrap_or(0).max(largest).max(4);
        write!(f, "{:width$}", "came")?;
        for class in &self.classes {
            write!(f, "  {class:>width$}")?;
        }
        for (came, class) in self.classes.iter().enumerate() {
            write!(f, "\n{class:width$}")?;
            for predicted in 0..self.classes.len() {
                write!(f, "  {:>width$}", self.count(came, predicted))?;
            }
        }
        Ok(())
    }
}

fn mean(rows: &[Classified], f: impl Fn(&Classified) -> f64) -> f64 {
    rows.iter().map(f).sum::<f64>() / rows.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_crps_without_ends_is_no_number() {
        assert!(crps(|_| 0.5, f64::NAN, 1.0, 0.0, 1.0).is_nan());
    }

    proptest! {
        #[test]
        fn auroc_is_the_fraction_of_pairs_in_order(
            cases in prop::collection::vec((0u8..5, any::<bool>()), 2..40),
        ) {
            let (scores, positive): (Vec<f64>, Vec<bool>) = cases.iter().map(|&(s, p)| (f64::from(s), p)).unzip();
            let (mut pairs, mut wins) = (0.0, 0.0);
            for (a, _) in cases.iter().filter(|c| c.1) {
                for (b, _) in cases.iter().filter(|c| !c.1) {
                    pairs += 1.0;
                    wins += match a.cmp(b) {
                        std::cmp::Ordering::Greater => 1.0,
                        std::cmp::Ordering::Equal => 0.5,
                        std::cmp::Ordering::Less => 0.0,
                    };
                }
            }
            match auroc(&scores, &positive) {
                Some(found) => prop_assert!((found - wins / pairs).abs() < 1e-12),
                None => prop_assert_eq!(pairs, 0.0),
            }
            // Turned round, it is the rest to 1.
            let turned: Vec<f64> = scores.iter().map(|s| -s).collect();
            let sum = auroc(&scores, &positive).zip(auroc(&turned, &positive));
            prop_assert!(sum.is_none_or(|(a, b)| (a + b - 1.0).abs() < 1e-12));
        }

        #[test]
        fn entropy_is_between_zero_and_that_of_equal_chances(p in prop::collection::vec(0.0f64..1.0, 1..8)) {
            let total: f64 = p.iter().sum::<f64>() + 1e-9;
            let p: Vec<f64> = p.iter().map(|x| (x + 1e-9 / p.len() as f64) / total).collect();
            prop_assert!((0.0..=(p.len() as f64).ln() + 1e-12).contains(&entropy(&p)));
        }
    }

    #[test]
    fn scores_without_both_kinds_have_no_auroc() {
        assert_eq!(auroc(&[0.1, 0.2], &[true, true]), None);
        assert_eq!(auroc(&[], &[]), None);
        assert_eq!(auroc(&[f64::NAN, 0.2], &[true, false]), None);
    }

    #[test]
    fn the_confusion_of_a_few_rows_prints_as_a_table() {
        let classes = ["no", "maybe"].map(str::to_owned).to_vec();
        let found = Confusion::new(classes, [(0, 0), (0, 1), (1, 1), (0, 0), (7, 0)]);
        assert_eq!(
            found.to_string(),
            "came      no  maybe\nno         2      1\nmaybe      0      1"
        );
        assert_eq!(
            (found.precision(1), found.recall(0)),
            (Some(0.5), Some(2.0 / 3.0))
        );
        assert_eq!((found.count(9, 0), found.recall(2)), (0, None));
    }

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
