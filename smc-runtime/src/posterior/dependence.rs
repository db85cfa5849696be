//! How predictions depend on one feature, whatever the others are.

use std::fmt;

use super::Posterior;
use super::summary::quantiles;
use crate::base::error::{Error, Result};
use crate::data::Features;
use crate::model::Model;
use crate::model::dist::Response;

/// Values of the feature at which predictions are made, at the most.
const POINTS: usize = 20;

/// Rows over which they are averaged, at the most.
const ROWS: usize = 256;

/// How predictions depend on one feature: their mean over the rows with the feature held at a value. Prints as a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Dependence {
    /// The feature's name.
    pub feature: String,
    /// The class whose probability it is, by name or number; `None` of the mean of a number.
    pub class: Option<String>,
    /// Values of the feature with what is predicted there, in order.
    pub points: Vec<DependencePoint>,
}

/// What is predicted with a feature held at a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DependencePoint {
    /// The value.
    pub value: f64,
    /// The posterior mean of the function, averaged over the rows.
    pub mean: f64,
    /// The 5 % quantile of that average over draws: what is below is not believed.
    pub low: f64,
    /// The 95 % quantile.
    pub high: f64,
}

impl<M: Model> Posterior<M> {
    /// Partial dependence (Friedman, 2001) on `feature`: for up to 20 values of it, quantiles of those that the rows have, the
    /// mean prediction over up to 256 of the rows with the feature held at that value, with a band of 90 % over the posterior's
    /// draws. One for a number, one for the second of two classes, and one for each of several.
    ///
    /// Rows whose feature is held far from what it could be for them count like any others: where features go together, read
    /// it with care.
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
    /// let on_size = &posterior.dependence(&data, "size")?[0];
    /// let (first, last) = (on_size.points[0], on_size.points[on_size.points.len() - 1]);
    /// let slope = (last.mean - first.mean) / (last.value - first.value);
    /// assert!((slope - 0.8).abs() < 0.1 && first.low < first.mean && first.mean < first.high);
    /// println!("{on_size}");
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Posterior::predict`], and if `data` have no such feature.
    pub fn dependence(
        &self,
        data: &impl AsRef<Features>,
        feature: &str,
    ) -> Result<Vec<Dependence>> {
        let data = data.as_ref();
        let Some(column) = data.names().iter().position(|name| name == feature) else {
            let names = data.names().iter().map(|name| format!("`{name}`"));
            let names: Vec<String> = names.collect();
            return Err(Error::config(
                "feature",
                format!("`{feature}`"),
                format!("one of {}", names.join(", ")),
            ));
        };
        let rows = data.rows().min(ROWS);
        let some: Vec<usize> = (0..rows).map(|i| i * data.rows() / rows).collect();
        let some = data.select(&some)?;
        let weights = self.weights();
        let mut all: Vec<Dependence> = Vec::new();
        for value in values(data, column) {
            let prediction = self.predict(&some.held_at(column, value))?;
            let classes = classes(prediction.probabilities(0).as_deref(), self.response());
            for (at, &class) in classes.iter().enumerate() {
                if all.len() == at {
                    all.push(Dependence {
                        feature: feature.to_owned(),
                        class: class.map(|c| prediction.class_name(c)),
                        points: Vec::new(),
                    });
                }
                let average = |k: usize| {
                    let said = (0..rows).map(|row| prediction.said(k, row, class));
                    said.sum::<f64>() / rows as f64
                };
                let draws: Vec<f64> = (0..weights.len()).map(average).collect();
                let [low, high] = quantiles(&draws, &weights, [0.05, 0.95]);
                all[at].points.push(DependencePoint {
                    value: data.original(column, value),
                    mean: draws.iter().zip(&weights).map(|(x, w)| x * w).sum(),
                    low,
                    high,
                });
            }
        }
        Ok(all)
    }

    fn response(&self) -> Response {
        self.predictor().predictive().response()
    }
}

/// The classes whose probability is looked at: the second of two, each of several, none of a number.
fn classes(probabilities: Option<&[f64]>, response: Response) -> Vec<Option<usize>> {
    match probabilities {
        Some(p) if response == Response::Binary || p.len() == 2 => vec![Some(1)],
        Some(p) => (0..p.len()).map(Some).collect(),
        None => vec![None],
    }
}

/// All values that a column has, if they are few, or quantiles of them.
fn values(data: &Features, column: usize) -> Vec<f32> {
    let mut values: Vec<f32> = (0..data.rows()).map(|i| data.row(i)[column]).collect();
    values.sort_by(f32::total_cmp);
    let mut different = values.clone();
    different.dedup();
    if different.len() <= POINTS {
        return different;
    }
    let at = |j: usize| values[(2 * j + 1) * values.len() / (2 * POINTS)];
    let mut chosen: Vec<f32> = (0..POINTS).map(at).collect();
    chosen.dedup();
    chosen
}

impl fmt::Display for Dependence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = self.class.as_ref().map_or_else(
            || "mean".to_owned(),
            |class| format!("probability of `{class}`"),
        );
        let width = self.feature.chars().count().max(10);
        write!(f, "{:>width$}  {what}, 5 % to 95 %", self.feature)?;
        for p in &self.points {
            write!(
                f,
                "\n{:>width$.4}  {:.4}  {:.4} to {:.4}",
                p.value, p.mean, p.low, p.high
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_are_all_taken_and_many_by_their_quantiles() {
        let column = |x: Vec<f32>| values(&Features::new(1, x).unwrap(), 0);
        assert_eq!(column(vec![2.0, 0.0, 2.0, 1.0]), [0.0, 1.0, 2.0]);
        let many = column((0..1000).map(|i| (i * 7 % 1000) as f32).collect());
        let expected: Vec<f32> = (0..20).map(|j| (25 + 50 * j) as f32).collect();
        assert_eq!(many, expected);
    }
}
