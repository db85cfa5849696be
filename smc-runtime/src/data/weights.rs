//! What data say of each row beside features and target: an offset, and how much the row counts.

use super::class::class;
use super::dataset::Dataset;
use crate::base::error::{Error, Result};

impl Dataset {
    /// A known number per row that the likelihood adds to what the network gives, such as the logarithm of an exposure:
    /// `Poisson(log_rate = output + offset)`. In place of an offset that was there.
    ///
    /// # Errors
    /// If there are more or fewer numbers than rows, or one is not finite.
    ///
    /// ```
    /// use smc_runtime::prelude::*;
    ///
    /// /// Counts per year of observation.
    /// #[bayes_model]
    /// #[likelihood(Poisson(log_rate = output + offset))]
    /// struct Rate {
    ///     #[prior(Normal(0.0, 1.0))]
    ///     output: Linear<1, 1>,
    /// }
    ///
    /// let years = [0.5f32, 2.0, 4.0];
    /// let data = Dataset::new(1, vec![-1.0, 0.0, 1.0], vec![0.0, 2.0, 9.0])?;
    /// assert!(Rate::infer(&data).run().is_err(), "the likelihood names an offset");
    /// let data = data.with_offset(years.map(f32::ln).to_vec())?;
    /// Rate::infer(&data).run()?;
    /// # Ok::<(), smc_runtime::Error>(())
    /// ```
    pub fn with_offset(mut self, offset: Vec<f32>) -> Result<Self> {
        self.inputs = self.inputs.with_offset(offset)?;
        Ok(self)
    }

    /// How often each row counts: row i's log-likelihood is multiplied by weight i, so that a whole number is that row so many
    /// times and 0 leaves it out. In place of weights that were there.
    ///
    /// The posterior and the log-evidence are then those of the weighted likelihood, and so are the row log-likelihoods of
    /// [`Problem`](crate::problem::Problem). Predictions and their scores, LPPD among them, do not look at weights: there every
    /// row counts once.
    ///
    /// # Errors
    /// If there are more or fewer weights than rows, if one is not finite or negative, or if all are 0.
    pub fn with_weights(mut self, weights: Vec<f32>) -> Result<Self> {
        self.inputs.check_each("weight", &weights)?;
        if let Some(row) = weights.iter().position(|&w| w < 0.0) {
            return Err(Error::shape(
                format!("weight of row {row}"),
                "a number that is not negative",
                weights[row].to_string(),
            ));
        }
        if weights.iter().all(|&w| w == 0.0) {
            return Err(Error::shape(
                "weights of rows",
                "one above 0 at least",
                "zeros",
            ));
        }
        self.weights = Some(weights);
        Ok(self)
    }

    /// As [`Dataset::with_weights`], with `weights[k]` for every row of class k.
    ///
    /// # Errors
    /// If a target is not a class below the number of weights, and as [`Dataset::with_weights`].
    ///
    /// ```
    /// use smc_runtime::Dataset;
    /// let data = Dataset::new(0, vec![], vec![0.0, 0.0, 0.0, 1.0])?;
    /// let balanced = data.balanced_class_weights()?;
    /// assert_eq!(balanced, [4.0 / 6.0, 2.0]);
    /// let data = data.with_class_weights(&balanced)?;
    /// assert_eq!(data.weights().unwrap()[2..], [4.0 / 6.0, 2.0]);
    /// # Ok::<(), smc_runtime::Error>(())
    /// ```
    pub fn with_class_weights(self, weights: &[f32]) -> Result<Self> {
        let of = |(row, &y): (usize, &f32)| {
            let weight = class(y).and_then(|c| weights.get(c)).copied();
            weight.ok_or_else(|| {
                Error::shape(
                    format!("target in row {row}"),
                    format!(
                        "a class below {}, the number of class weights",
                        weights.len()
                    ),
                    y.to_string(),
                )
            })
        };
        let weights: Result<Vec<f32>> = self.targets().iter().enumerate().map(of).collect();
        self.with_weights(weights?)
    }

    /// Weights that make all classes count alike, N/(K·n) for a class of n rows: K is the number of named classes, or else one
    /// more than the largest target.
    ///
    /// # Errors
    /// If a target is not a class 0, 1, ..., and if a class has no rows.
    pub fn balanced_class_weights(&self) -> Result<Vec<f32>> {
        let mut counts = vec![0usize; self.classes().len()];
        for (row, &y) in self.targets().iter().enumerate() {
            let class = class(y).ok_or_else(|| {
                Error::shape(
                    format!("target in row {row}"),
                    "a class, a whole number from 0, to balance",
                    y.to_string(),
                )
            })?;
            if class >= counts.len() {
                counts.resize(class + 1, 0);
            }
            counts[class] += 1;
        }
        if let Some(empty) = counts.iter().position(|&n| n == 0) {
            return Err(Error::shape(
                "classes to balance",
                "rows of every class",
                format!("none of class {empty}"),
            ));
        }
        let (rows, classes) = (self.rows() as f64, counts.len() as f64);
        let weight = |n: usize| (rows / (classes * n as f64)) as f32;
        Ok(counts.into_iter().map(weight).collect())
    }

    /// The offset of every row, if there is one.
    pub fn offset(&self) -> Option<&[f32]> {
        self.inputs.offset()
    }

    /// How often each row counts, unless all count once.
    pub fn weights(&self) -> Option<&[f32]> {
        self.weights.as_deref()
    }

    /// How many rows the rows count for: N unless there are weights.
    pub(crate) fn total_weight(&self) -> f64 {
        match &self.weights {
            None => self.rows() as f64,
            Some(weights) => weights.iter().map(|&w| f64::from(w)).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::standardise::Standardise;

    fn data() -> Dataset {
        let data = Dataset::new(1, vec![1.0, 2.0, 3.0], vec![0.0, 1.0, 1.0]).unwrap();
        let data = data.with_offset(vec![0.1, 0.2, 0.3]).unwrap();
        data.with_weights(vec![1.0, 0.0, 2.5]).unwrap()
    }

    #[test]
    fn offset_and_weights_go_with_their_rows() {
        let chosen = data().select(&[2, 0]).unwrap();
        assert_eq!(chosen.offset(), Some(&[0.3, 0.1][..]));
        assert_eq!(chosen.weights(), Some(&[2.5, 1.0][..]));
        assert_eq!((chosen.total_weight(), data().total_weight()), (3.5, 3.5));
        let scaled = Standardise::fit(&data()).apply(&data()).unwrap();
        assert_eq!(scaled.offset(), data().offset());
        assert_eq!(scaled.weights(), data().weights());
        let (train, test) = data().split(0.4, 3).unwrap();
        for part in [train, test] {
            for i in 0..part.rows() {
                let row = part.row(i)[0] as usize - 1;
                assert_eq!(part.offset().unwrap()[i], data().offset().unwrap()[row]);
                assert_eq!(part.weights().unwrap()[i], data().weights().unwrap()[row]);
            }
        }
    }

    #[test]
    fn what_is_no_offset_or_weight_is_refused() {
        let weights = |w: [f32; 3]| data().with_weights(w.to_vec()).unwrap_err().to_string();
        for (found, expected) in [
            (
                data().with_offset(vec![0.0]).unwrap_err().to_string(),
                "offset of a data set: expected 3 numbers, one per row, found 1 numbers",
            ),
            (
                weights([1.0, f32::NAN, 0.0]),
                "weight in row 1, column weight is NaN; every value must be finite",
            ),
            (
                weights([1.0, 1.0, -0.5]),
                "weight of row 2: expected a number that is not negative, found -0.5",
            ),
            (
                weights([0.0; 3]),
                "weights of rows: expected one above 0 at least, found zeros",
            ),
            (
                data().with_class_weights(&[1.0]).unwrap_err().to_string(),
                "target in row 1: expected a class below 1, the number of class weights, found 1",
            ),
            (
                Dataset::new(0, vec![], vec![2.0, 0.0])
                    .unwrap()
                    .balanced_class_weights()
                    .unwrap_err()
                    .to_string(),
                "classes to balance: expected rows of every class, found none of class 1",
            ),
        ] {
            assert_eq!(found, expected);
        }
    }
}
