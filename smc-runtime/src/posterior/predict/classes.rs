//! Probabilities of classes, and how uncertain they are.

use super::Prediction;
use crate::base::exec;
use crate::base::scores;

impl Prediction<'_> {
    /// Class probabilities at row `row`, for classes.
    pub fn probabilities(&self, row: usize) -> Option<Vec<f64>> {
        let mut total: Option<Vec<f64>> = None;
        for (k, w) in self.log_weights.iter().enumerate() {
            let p = self.predictive.probabilities(self.arguments.at(k, row))?;
            let total = total.get_or_insert_with(|| vec![0.0; p.len()]);
            for (t, p) in total.iter_mut().zip(p) {
                *t += w.exp() * p;
            }
        }
        total
    }

    /// [Entropy](scores::entropy) of the predicted classes at every row, in nats, for classes: the sum of
    /// [`expected_entropy`](Prediction::expected_entropy) and [`mutual_information`](Prediction::mutual_information).
    pub fn entropy(&self) -> Option<Vec<f64>> {
        let row = |i: usize| Some(scores::entropy(&self.probabilities(i)?));
        exec::map(self.rows(), row).into_iter().collect()
    }

    /// Mean over draws of the entropy of the classes at every row, in nats, for classes: the aleatoric part of
    /// [`Prediction::entropy`].
    pub fn expected_entropy(&self) -> Option<Vec<f64>> {
        let row = |i: usize| {
            let draws = self.log_weights.iter().enumerate();
            draws
                .map(|(k, w)| {
                    let p = self.predictive.probabilities(self.arguments.at(k, i))?;
                    Some(w.exp() * scores::entropy(&p))
                })
                .sum()
        };
        exec::map(self.rows(), row).into_iter().collect()
    }

    /// Mutual information of class and parameters at every row, in nats, for classes: how far draws disagree, the epistemic part
    /// of [`Prediction::entropy`] (Houlsby et al., 2011).
    pub fn mutual_information(&self) -> Option<Vec<f64>> {
        let (total, expected) = (self.entropy()?, self.expected_entropy()?);
        // Never below zero (Jensen), but for rounding.
        Some(
            total
                .iter()
                .zip(expected)
                .map(|(t, e)| (t - e).max(0.0))
                .collect(),
        )
    }
}
