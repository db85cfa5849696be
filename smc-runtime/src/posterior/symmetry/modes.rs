//! The functions that the chains of a posterior found.

use std::fmt;

use crate::base::error::{Error, Result};
use crate::data::Features;
use crate::infer::{Said, chains_for, grouped};
use crate::model::Model;
use crate::posterior::Posterior;

/// The functional modes that independent chains ended in: functions, not weights, of which a network has many copies.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionalModes {
    /// The mode of each chain, by its number among `modes`.
    pub of: Vec<usize>,
    /// The modes, the one that most chains ended in first.
    pub modes: Vec<FunctionalMode>,
}

/// A function that some chains found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FunctionalMode {
    /// How many chains ended in it.
    pub chains: usize,
    /// Their share.
    pub probability: f64,
    /// The interval that holds the probability of ending in it with a probability of .9 (Wilson).
    pub between: [f64; 2],
}

/// z for an interval of 90 %.
const Z: f64 = 1.644_853_626_951_472_2;

impl FunctionalModes {
    fn new(of: Vec<usize>) -> Self {
        let found = of.iter().max().map_or(0, |last| last + 1);
        let n = of.len() as f64;
        let mode = |number: usize| {
            let chains = of.iter().filter(|m| **m == number).count();
            let p = chains as f64 / n;
            let (centre, width) = (
                (p + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n),
                Z / (1.0 + Z * Z / n) * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt(),
            );
            FunctionalMode {
                chains,
                probability: p,
                between: [(centre - width).max(0.0), (centre + width).min(1.0)],
            }
        };
        Self {
            modes: (0..found).map(mode).collect(),
            of,
        }
    }

    /// The probability that one more chain would end in a mode that none has found, as the modes that one chain alone found show
    /// it (Good and Turing).
    pub fn unseen(&self) -> f64 {
        let alone = self.modes.iter().filter(|mode| mode.chains == 1).count();
        alone as f64 / self.of.len() as f64
    }

    /// The probability that a mode has at the most, if it was missed: one with more would have been found with a probability of .95.
    pub fn missed_at_most(&self) -> f64 {
        1.0 - 0.05f64.powf(1.0 / self.of.len() as f64)
    }

    /// How many chains see each of these modes with this probability ([`chains_for`]).
    ///
    /// # Errors
    /// Those of [`chains_for`]: if the modes are more than 20.
    pub fn chains(&self, probability: f64) -> Result<u64> {
        let each: Vec<f64> = self.modes.iter().map(|mode| mode.probability).collect();
        chains_for(&each, probability)
    }
}

impl<M: Model> Posterior<M> {
    /// The functional modes that the chains of a run found, by what they say of the rows of `features`: two groups of chains are one mode where their
    /// mean functions are not farther apart than the chains vary themselves, on average over rows (R-hat of the two would be √2), joined from the
    /// nearest pair on. Ours.
    ///
    /// Chains that have not left the neighbourhood of their start look like modes of their own; ask [`Posterior::function_r_hat`] of longer ones.
    ///
    /// ```
    /// use smc_runtime::prelude::*;
    ///
    /// #[bayes_model]
    /// #[likelihood(Normal(mean = output, sd = 0.1))]
    /// #[infer(mcmc(chains = 6, warmup = 100, draws = 20))]
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
    /// let found = Net::infer(&data).seed(1).run()?.functional_modes(&data)?;
    /// assert_eq!(found.of.len(), 6);
    /// println!("{found}");
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Posterior::predict`]; [`Error::Lacks`] without two chains of at least four draws each.
    pub fn functional_modes(&self, features: &impl AsRef<Features>) -> Result<FunctionalModes> {
        const LEAST: usize = 4;
        let chains = self.chains().unwrap_or(0);
        let each = self.len() / chains.max(1);
        if chains < 2 || each < LEAST {
            let why = format!(
                "{chains} chains of {each} draws do not tell one function from another: it needs 2 chains of {LEAST}"
            );
            return Err(Error::lacks("functional modes", why));
        }
        let prediction = self.prediction(features.as_ref())?;
        let rows: Vec<Vec<f64>> = (0..prediction.rows())
            .map(|row| prediction.functions(row))
            .collect();
        let draw = |k: usize| rows.iter().map(|row| row[k]).collect::<Vec<f64>>();
        let said: Vec<Said> = (0..chains)
            .map(|chain| {
                let draws: Vec<Vec<f64>> = (chain * each..(chain + 1) * each).map(draw).collect();
                Said::of(draws.iter().map(Vec::as_slice))
            })
            .collect();
        Ok(FunctionalModes::new(grouped(&said)))
    }
}

impl fmt::Display for FunctionalModes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} functional modes of {} chains",
            self.modes.len(),
            self.of.len()
        )?;
        for (number, mode) in self.modes.iter().enumerate().take(8) {
            let [low, high] = mode.between;
            let (chains, p) = (mode.chains, mode.probability);
            writeln!(
                f,
                "  {:>2}  {chains:>4} chains, {p:.2} ({low:.2} to {high:.2})",
                number + 1
            )?;
        }
        if self.modes.len() > 8 {
            writeln!(f, "  and {} more", self.modes.len() - 8)?;
        }
        write!(
            f,
            "one more chain finds another mode with a probability of about {:.2}; a mode that was missed has at most {:.2}",
            self.unseen(),
            self.missed_at_most()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_counted_and_say_how_sure() {
        let found = FunctionalModes::new(vec![0, 1, 0, 0, 2, 1, 0, 0]);
        let chains: Vec<usize> = found.modes.iter().map(|mode| mode.chains).collect();
        assert_eq!(chains, [5, 2, 1]);
        assert!((found.unseen() - 0.125).abs() < 1e-12);
        // (1 − p)⁸ = .05.
        assert!(((1.0 - found.missed_at_most()).powi(8) - 0.05).abs() < 1e-12);
        let [low, high] = found.modes[0].between;
        assert!(
            low < 0.625 && 0.625 < high && low > 0.3 && high < 0.9,
            "{low} {high}"
        );
        let shares = [0.625, 0.25, 0.125];
        assert_eq!(
            found.chains(0.99).unwrap(),
            chains_for(&shares, 0.99).unwrap()
        );
    }
}
