//! How much each feature matters to the predictions: what they lose when its column is shuffled.

use std::fmt;

use super::Posterior;
use super::predict::Scored;
use crate::base::diagnostics::mean_variance;
use crate::base::error::{Error, Result};
use crate::base::rng::{Purpose, Streams};
use crate::data::{Dataset, Features};
use crate::model::Model;
use crate::model::layout::Role;

/// Shuffles of each column.
const REPEATS: usize = 5;

/// What predictions lose without each feature, the largest loss first. Prints as a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Importance {
    /// Rows that it was measured on.
    pub rows: usize,
    /// Each feature, or each column of a table whose levels are several features.
    pub features: Vec<FeatureImportance>,
    /// The name of the model's parameter with a scale for each feature, if it has one: its prior decides by itself how much a
    /// feature may matter.
    pub relevance: Option<String>,
}

/// What predictions lose without one feature.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureImportance {
    /// The feature's name; of `colour=red`, `colour=green` and `colour=missing` together it is `colour`.
    pub feature: String,
    /// How much the mean log predictive density of a row falls, in nats: about 0 for a feature that is not used, and below 0 only
    /// by chance.
    pub loss: f64,
    /// Its standard error, from how much rows differ: another sample of rows would change it so much.
    pub error: f64,
    /// The posterior mean of the model's scale for the feature, if it has one.
    pub relevance: Option<f64>,
}

impl<M: Model> Posterior<M> {
    /// What each feature matters to the predictions at the rows of `data`: the fall of the log predictive density when the
    /// feature's column is shuffled among the rows, the mean of five shuffles (permutation importance; Breiman, 2001). On
    /// held-out rows it tells what helps to predict, on training rows what was learned.
    ///
    /// Features that say the same share what they matter: the loss of either alone is small. It takes five predictions for
    /// every feature.
    ///
    /// ```
    /// use smc_runtime::prelude::*;
    ///
    /// #[bayes_model]
    /// #[likelihood(Normal(mean = output, sd = 0.2))]
    /// struct Plane {
    ///     #[prior(Normal(0.0, 1.0))]
    ///     output: Linear<2, 1>,
    /// }
    ///
    /// let x: Vec<f32> = (0..80).map(|i| ((i * 37) % 41) as f32 / 20.0 - 1.0).collect();
    /// let y = x.chunks(2).map(|row| 0.8 * row[0]).collect();
    /// let data = Dataset::new(2, x, y)?.with_names(["size", "age"])?;
    /// let posterior = Plane::infer(&data).with(smc().particles(32)).run()?;
    /// let importance = posterior.importance(&data)?;
    /// assert_eq!(importance.features[0].feature, "size");
    /// assert!(importance.features[0].loss > 1.0 && importance.features[1].loss.abs() < 0.1);
    /// println!("{importance}");
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Posterior::predict`], and with fewer than two rows, of which none could be shuffled.
    pub fn importance(&self, data: &Dataset) -> Result<Importance> {
        if data.rows() < 2 {
            let found = format!("{} rows", data.rows());
            return Err(Error::shape("rows to shuffle", "at least 2", found));
        }
        let before = self.predict(data)?.log_densities();
        // In the order of the training rows, in which the parameters are.
        let inputs = self.in_order(data.inputs())?;
        let densities = |inputs: &Features| -> Result<Vec<f64>> {
            let prediction = self.prediction(inputs)?;
            Ok(Scored::new(prediction, data.targets().to_vec(), 0).log_densities())
        };
        let relevance = self.relevance(data.columns());
        let mut features = Vec::new();
        for (number, (feature, columns)) in groups(inputs.names()).into_iter().enumerate() {
            let mut losses = vec![0.0; data.rows()];
            for repeat in 0..REPEATS {
                let mut stream = Streams::new(0).stream(Purpose::Shuffle, 0, number, repeat);
                let order = stream.permutation(data.rows());
                let after = densities(&inputs.with_columns_of(&columns, &order))?;
                for (loss, (b, a)) in losses.iter_mut().zip(before.iter().zip(after)) {
                    *loss += (b - a) / REPEATS as f64;
                }
            }
            let (loss, variance) = mean_variance(losses.iter().copied());
            let scale = relevance.as_ref().map(|(_, scales)| {
                let sum: f64 = columns.iter().map(|&c| scales[c]).sum();
                sum / columns.len() as f64
            });
            features.push(FeatureImportance {
                feature,
                loss,
                error: (variance / data.rows() as f64).sqrt(),
                relevance: scale,
            });
        }
        features.sort_by(|a, b| b.loss.total_cmp(&a.loss));
        Ok(Importance {
            rows: data.rows(),
            features,
            relevance: relevance.map(|(name, _)| name),
        })
    }

    /// The name and the posterior mean of the parameter that has one element for each of the features.
    fn relevance(&self, features: usize) -> Option<(String, Vec<f64>)> {
        let blocks = self.layout().blocks().iter();
        let mut scales = blocks.filter(|b| b.role == Role::Parameter && b.shape == [features]);
        let block = scales.next().filter(|_| features > 1)?;
        let weights = self.weights();
        let mean = |at: usize| -> f64 {
            let values = self.positions().coordinate(at).into_iter();
            let constrained = values.map(|u| block.support.constrain(u));
            constrained.zip(&weights).map(|(x, w)| w * x).sum()
        };
        Some((block.name.clone(), block.range.clone().map(mean).collect()))
    }
}

/// The columns of each feature: those of one column of a table, whose names go on with `=`, belong together.
fn groups(names: &[String]) -> Vec<(String, Vec<usize>)> {
    let mut groups: Vec<(String, Vec<usize>)> = Vec::new();
    for (column, name) in names.iter().enumerate() {
        let feature = name.split_once('=').map_or(name.as_str(), |(f, _)| f);
        match groups.iter_mut().find(|(known, _)| known == feature) {
            Some((_, columns)) => columns.push(column),
            None => groups.push((feature.to_owned(), vec![column])),
        }
    }
    groups
}

impl fmt::Display for Importance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.features.iter().map(|x| x.feature.chars().count());
        let width = names.chain(["feature".len()]).max().unwrap_or_default();
        write!(f, "{:<width$}  loss of LPPD   error", "feature")?;
        if let Some(name) = &self.relevance {
            write!(f, "  {name}")?;
        }
        for x in &self.features {
            write!(
                f,
                "\n{:<width$}  {:>12.4}  {:>6.4}",
                x.feature, x.loss, x.error
            )?;
            if let Some(relevance) = x.relevance {
                write!(f, "  {relevance:.3}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_indicators_of_a_column_belong_together() {
        let names = [
            "age",
            "colour=red",
            "size",
            "colour=blue",
            "age=missing",
            "a=b=c",
        ];
        let found = groups(&names.map(str::to_owned));
        let expected = [
            ("age", vec![0, 4]),
            ("colour", vec![1, 3]),
            ("size", vec![2]),
            ("a", vec![5]),
        ];
        assert_eq!(
            found,
            expected.map(|(name, columns)| (name.to_owned(), columns))
        );
    }
}
