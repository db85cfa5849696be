//! Targets drawn from the predictive distribution.

use super::Prediction;
use crate::base::exec;
use crate::base::rng::{Purpose, Streams};

impl Prediction<'_> {
    /// `draws` × rows of y: each draw picks one θ_k, with probability W_k, for all rows, and then y given it, row by row. So
    /// the numbers of one draw lie around one function, and those of one row are independent draws from its mixture.
    ///
    /// The same seed gives the same numbers, and fewer draws the first of them. Classes are their numbers 0, 1, ...
    ///
    /// ```
    /// # use smc_runtime::prelude::*;
    /// # fn exceedance<M: Model>(posterior: &Posterior<M>, features: &Features) -> Result<f64> {
    /// // The probability that the largest of all rows exceeds 3.
    /// let draws = posterior.predict(features)?.sample(1000, 1);
    /// let above = |y: &&Vec<f64>| y.iter().any(|&y| y > 3.0);
    /// # Ok(
    /// draws.iter().filter(above).count() as f64 / 1000.0
    /// # )
    /// # }
    /// ```
    pub fn sample(&self, draws: usize, seed: u64) -> Vec<Vec<f64>> {
        let streams = Streams::new(seed);
        let mut below = 0.0;
        let cumulative = self.log_weights.iter().map(|w| {
            below += w.exp();
            below
        });
        let cumulative: Vec<f64> = cumulative.collect();
        exec::map(draws, |draw| {
            // Stage 0 picks the component and stage i + 1 is row i.
            let stream = |stage: usize| streams.stream(Purpose::Predict, stage, draw, 0);
            let level = below * stream(0).uniform();
            let component = cumulative.partition_point(|&c| c <= level);
            let component = component.min(self.draws().saturating_sub(1));
            let rows = 0..self.rows();
            rows.map(|row| {
                let arguments = self.arguments.at(component, row);
                self.outer(self.predictive.sample(arguments, &mut stream(row + 1)))
            })
            .collect()
        })
    }

    /// One y at every row of each of some draws, by their numbers.
    pub(crate) fn sample_of(&self, draws: &[usize], seed: u64) -> Vec<Vec<f64>> {
        let streams = Streams::new(seed);
        exec::map(draws.len(), |number| {
            let y = |row: usize| {
                let mut stream = streams.stream(Purpose::Predict, row + 1, number, 2);
                let arguments = self.arguments.at(draws[number], row);
                self.outer(self.predictive.sample(arguments, &mut stream))
            };
            (0..self.rows()).map(y).collect()
        })
    }
}
