//! The flags that say which network is meant, and the network.

use clap::{Args, ValueEnum};
use models::{DeepClassifier, DeepHeteroscedastic, DeepRegressor, Layers, Nonlinearity};
use smc_runtime::prelude::*;

use crate::algorithm::{Algorithm, BudgetFlags};
use crate::{Flags, choice};

/// The flags of a network with hidden layers.
#[derive(Clone, Debug, Args)]
pub struct NetworkFlags {
    /// Hidden units of a network with one hidden layer; 50 unless given, on images five per class.
    #[arg(long, conflicts_with = "layers")]
    pub hidden: Option<usize>,
    /// Units of every hidden layer, such as 16,16; auto, on tables, for those of a few networks that predict rows held out of the
    /// training rows best.
    #[arg(long)]
    pub layers: Option<String>,
    /// The function between layers, tanh or relu; tanh unless layers are chosen.
    #[arg(long)]
    pub activation: Option<String>,
    /// The noise of a numeric target: shared, Student's t of one scale, or per-row, normal with a scale that is a function of the
    /// features.
    #[arg(long, default_value = "shared")]
    pub noise: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Activation {
    Tanh,
    Relu,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Noise {
    Shared,
    PerRow,
}

/// What is done with a network, whatever its type.
pub trait Use {
    /// What comes of it.
    type Gives;

    /// Does it.
    ///
    /// # Errors
    /// Its own.
    fn with<M: Infers>(self, model: M) -> Result<Self::Gives>;
}

impl NetworkFlags {
    /// Units of every hidden layer; of one with `usual` units unless flags say otherwise.
    ///
    /// # Errors
    /// If `--layers` is no list of numbers.
    pub fn widths(&self, usual: usize) -> Result<Vec<usize>> {
        let Some(layers) = &self.layers else {
            return Ok(vec![self.hidden.unwrap_or(usual)]);
        };
        let width = |width: &str| {
            let expected = "the units of every hidden layer, such as 16,16";
            let parsed = width.trim().parse();
            parsed.map_err(|_| Error::config("layers", layers.clone(), expected))
        };
        layers.split(',').map(width).collect()
    }

    /// The function between layers.
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn nonlinearity(&self) -> Result<Nonlinearity> {
        let name = self.activation.as_deref().unwrap_or("tanh");
        Ok(match choice("activation", name)? {
            Activation::Tanh => Nonlinearity::Tanh,
            Activation::Relu => Nonlinearity::Relu,
        })
    }

    /// The same flags with the layers that suit `data`, if they are to be chosen, and the budget that is left; a linear model has none.
    ///
    /// # Errors
    /// Those of [`Layers::chosen`].
    pub fn chosen(
        &self,
        infer: Algorithm,
        data: &Dataset,
        flags: &Flags,
        budget: BudgetFlags,
    ) -> Result<(Self, BudgetFlags)> {
        if self.layers.as_deref() != Some("auto") {
            return Ok((self.clone(), budget));
        }
        if infer == Algorithm::Linear {
            let layers = None;
            return Ok((
                Self {
                    layers,
                    ..self.clone()
                },
                budget,
            ));
        }
        let candidates = Layers::for_rows(data.rows()).len() as f64;
        let each = budget.seconds.map(|all| CHOOSING * all / candidates);
        let algorithm = match (each, flags.smoke) {
            (Some(seconds), _) => auto().seconds(seconds),
            (None, true) => auto().gradients(50_000),
            (None, false) => auto(),
        };
        let chosen = Layers::chosen(data, algorithm, flags.seed)?;
        eprintln!("{chosen}\n");
        let widths: Vec<String> = chosen.layers.widths.iter().map(usize::to_string).collect();
        let network = Self {
            layers: Some(widths.join(",")),
            activation: Some(chosen.layers.activation.to_string()),
            ..self.clone()
        };
        let seconds = budget.seconds.map(|all| (1.0 - CHOOSING) * all);
        Ok((network, BudgetFlags { seconds, ..budget }))
    }

    /// Hands the network for a target with so many classes, or for a number where there is none, to `what`.
    ///
    /// # Errors
    /// For flags that name no network, and those of `what`.
    pub fn hand<U: Use>(&self, classes: usize, what: U) -> Result<U::Gives> {
        let (activation, widths) = (self.nonlinearity()?, self.widths(50)?);
        match (classes, choice("noise", &self.noise)?) {
            (0, Noise::Shared) => what.with(DeepRegressor::sized(&widths)?.activation(activation)),
            (0, Noise::PerRow) => {
                what.with(DeepHeteroscedastic::sized(&widths)?.activation(activation))
            }
            (classes, _) => {
                what.with(DeepClassifier::sized(&widths, classes)?.activation(activation))
            }
        }
    }
}

/// Share of a budget of seconds in which layers are chosen.
const CHOOSING: f64 = 0.4;

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Both {
        #[command(flatten)]
        flags: Flags,
        #[command(flatten)]
        network: NetworkFlags,
    }

    #[test]
    fn a_linear_model_has_no_layers_to_choose() {
        let Both { flags, network } = Both::parse_from(["example", "--layers", "auto"]);
        assert!(network.widths(50).is_err());
        let data = crate::wine().unwrap();
        let budget = BudgetFlags {
            seconds: Some(1.0),
            fit: crate::fit::FitFlags::default(),
        };
        let chosen = network.chosen(Algorithm::Linear, &data, &flags, budget);
        let (network, left) = chosen.unwrap();
        assert_eq!(network.widths(50).unwrap(), [50]);
        assert_eq!(left.seconds, Some(1.0));
    }
}
