//! Draws whose neurons mean the same.

use std::fmt;

use super::Symmetries;
use super::clusters::relabelled;
use super::matching::matched;
use crate::base::error::{Error, Result};
use crate::base::exec;
use crate::base::rng::{Purpose, Streams};
use crate::model::Model;
use crate::posterior::Posterior;
use crate::problem::population::Population;

/// A posterior whose draws have been given their copies that are nearest to each other: neuron k of one is neuron k of another. What it predicts is what the
/// posterior predicts, and its weights can be averaged, compared and summarised.
pub struct Aligned<M> {
    /// The draws.
    pub posterior: Posterior<M>,
    /// The maps that were made use of.
    pub symmetries: Symmetries,
    /// How much weights vary before and after, hidden layer by hidden layer.
    pub spread: Vec<(String, Sides)>,
    /// Passes over all draws until nothing changed.
    pub passes: usize,
}

/// The mean over the numbers of a layer's neurons of their standard deviation over draws.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sides {
    /// As the draws came.
    pub before: f64,
    /// Aligned.
    pub after: f64,
}

/// Passes at the most, and the share of the spread that one must take off for another to follow.
const PASSES: usize = 30;
const WORTH: f64 = 2e-3;

impl<M: Model> Posterior<M> {
    /// The maps of its parameters that change neither outputs nor prior.
    pub fn symmetries(&self) -> Symmetries {
        self.predictor().symmetries()
    }

    /// The same posterior with the copy of every draw that is nearest to a consensus of all: permutations by linear assignment and signs, hidden layer
    /// by hidden layer, the consensus being the mean of what is matched (in the first pass one draw, by what comes into neurons alone), until a pass takes off less than a
    /// fifth of a percent of what weights vary. Ours; the algorithm of Wiese et al. (2023) by
    /// clusters of neurons is another.
    ///
    /// ```
    /// use smc_runtime::prelude::*;
    ///
    /// #[bayes_model]
    /// #[likelihood(Normal(mean = output, sd = 0.1))]
    /// #[infer(mcmc(chains = 4, warmup = 100, draws = 50))]
    /// struct Net {
    ///     #[prior(Normal(0.0, 1.0))]
    ///     hidden: Linear<1, 3>,
    ///     activation: Tanh,
    ///     #[prior(Normal(0.0, 1.0))]
    ///     output: Linear<3, 1>,
    /// }
    ///
    /// let x: Vec<f32> = (0..40).map(|i| i as f32 / 10.0 - 2.0).collect();
    /// let y = x.iter().map(|x| x.sin()).collect();
    /// let data = Dataset::new(1, x, y)?;
    /// let posterior = Net::infer(&data).seed(1).run()?;
    /// let before = posterior.predict(&data)?.mean();
    /// let aligned = posterior.aligned()?;
    /// assert!(aligned.spread[0].1.after < aligned.spread[0].1.before);
    /// let after = aligned.posterior.predict(&data)?.mean();
    /// assert!(before.iter().zip(after).all(|(a, b)| (a - b).abs() < 1e-5));
    /// println!("{aligned}");
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Lacks`] where no layer can be relabelled, with the reason.
    pub fn aligned(self) -> Result<Aligned<M>> {
        let symmetries = self.that_can_be_aligned()?;
        let draws: Vec<(usize, f64)> = self.weights().into_iter().enumerate().collect();
        let mut positions = self.positions().clone();
        let before = spreads(&symmetries, &positions, &draws);
        let heaviest = draws.iter().max_by(|a, b| a.1.total_cmp(&b.1));
        let heaviest = [(heaviest.map_or(0, |(draw, _)| *draw), 1.0)];
        let (mut passes, mut after) = (0, before.clone());
        while passes < PASSES {
            passes += 1;
            let mut changed = false;
            for layer in &symmetries.layers {
                // At first what one draw says, and by what comes in alone: from features, and from layers that are aligned already; what
                // goes out goes to neurons that are not.
                let (of, numbers) = match passes {
                    1 => (&heaviest[..], layer.incoming()),
                    _ => (&draws[..], usize::MAX),
                };
                let consensus = consensus(layer, &positions, of);
                let made = exec::map(positions.len(), |k| {
                    matched(layer, positions.row(k), &consensus, numbers)
                });
                for (k, made) in made.iter().enumerate() {
                    if !made.is_nothing() {
                        changed = true;
                        layer.apply(made, positions.on_host().row_mut(k));
                    }
                }
            }
            let now = spreads(&symmetries, &positions, &draws);
            let total = |spread: &[f64]| spread.iter().sum::<f64>();
            let little = total(&after) - total(&now) < WORTH * total(&after);
            after = now;
            if passes > 1 && (!changed || little) {
                break;
            }
        }
        Ok(self.with_aligned(symmetries, positions, [before, after], passes))
    }

    /// The same by the algorithm of Wiese et al. (2023), reconstructed: from the last hidden layer to the first, signs by a hyperplane and neurons by clusters on the graph of nearest neighbours, one
    /// of each draw in each. Draws of six networks came less near to each other than by [`aligned`](Self::aligned), and later; it is here to be held against it.
    ///
    /// # Errors
    /// Those of [`aligned`](Self::aligned); and above 50 000 neurons of all draws in a layer, whose distances would take hours.
    pub fn aligned_by_clusters(self) -> Result<Aligned<M>> {
        const MOST: usize = 50_000;
        let symmetries = self.that_can_be_aligned()?;
        let draws: Vec<(usize, f64)> = self.weights().into_iter().enumerate().collect();
        let mut positions = self.positions().clone();
        let before = spreads(&symmetries, &positions, &draws);
        let streams = Streams::new(self.report().seed).branch(Purpose::Propose);
        for (number, layer) in symmetries.layers.iter().enumerate().rev() {
            let neurons = layer.units * positions.len();
            if neurons > MOST {
                let expected = format!("at most {MOST} neurons of all draws, or `aligned()`");
                return Err(Error::config("clusters", neurons, expected));
            }
            let made = relabelled(layer, &positions, streams.member(number));
            for (k, made) in made.iter().enumerate() {
                layer.apply(made, positions.on_host().row_mut(k));
            }
        }
        let after = spreads(&symmetries, &positions, &draws);
        Ok(self.with_aligned(symmetries, positions, [before, after], 1))
    }

    fn that_can_be_aligned(&self) -> Result<Symmetries> {
        let symmetries = self.symmetries();
        let some = |layer: &super::HiddenLayer| layer.permutations || layer.signs.is_some();
        if !symmetries.layers.iter().any(some) {
            return Err(Error::lacks("aligned draws", symmetries.to_string()));
        }
        Ok(symmetries)
    }

    fn with_aligned(
        self,
        symmetries: Symmetries,
        positions: Population,
        [before, after]: [Vec<f64>; 2],
        passes: usize,
    ) -> Aligned<M> {
        let names = symmetries.layers.iter().map(|l| l.name.clone());
        let sides = before.into_iter().zip(after);
        let sides = sides.map(|(before, after)| Sides { before, after });
        Aligned {
            spread: names.zip(sides).collect(),
            posterior: self.with_positions(positions),
            symmetries,
            passes,
        }
    }
}

/// The weighted mean of neuron `k` over some draws, and that of its squares.
fn moments(
    layer: &super::HiddenLayer,
    positions: &Population,
    draws: &[(usize, f64)],
    k: usize,
) -> (Vec<f64>, Vec<f64>) {
    let (mut mean, mut squares) = (Vec::new(), Vec::new());
    for &(draw, weight) in draws {
        let neuron = layer.neuron(positions.row(draw), k);
        mean.resize(neuron.len(), 0.0);
        squares.resize(neuron.len(), 0.0);
        for ((m, s), x) in mean.iter_mut().zip(&mut squares).zip(neuron) {
            *m += weight * f64::from(x);
            *s += weight * f64::from(x).powi(2);
        }
    }
    (mean, squares)
}

/// The weighted mean of every neuron over some draws.
fn consensus(
    layer: &super::HiddenLayer,
    positions: &Population,
    draws: &[(usize, f64)],
) -> Vec<Vec<f32>> {
    exec::map(layer.units, |k| {
        let (mean, _) = moments(layer, positions, draws, k);
        mean.into_iter().map(|m| m as f32).collect()
    })
}

/// For every hidden layer the mean standard deviation of the numbers of its neurons.
fn spreads(symmetries: &Symmetries, positions: &Population, draws: &[(usize, f64)]) -> Vec<f64> {
    let of = |layer: &super::HiddenLayer| {
        let each = exec::map(layer.units, |k| {
            let (mean, squares) = moments(layer, positions, draws, k);
            let of = |(m, s): (&f64, &f64)| (s - m * m).max(0.0).sqrt();
            (mean.iter().zip(&squares).map(of).sum::<f64>(), mean.len())
        });
        let numbers: usize = each.iter().map(|(_, n)| n).sum();
        each.iter().map(|(s, _)| s).sum::<f64>() / numbers.max(1) as f64
    };
    symmetries.layers.iter().map(of).collect()
}

impl<M> fmt::Display for Aligned<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.symmetries)?;
        for (name, sides) in &self.spread {
            writeln!(
                f,
                "`{name}`: standard deviation of a weight {:.3} before, {:.3} after",
                sides.before, sides.after
            )?;
        }
        write!(f, "aligned in {} passes", self.passes)
    }
}
