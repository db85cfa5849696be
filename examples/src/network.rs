//! The flags that say which network is meant, and the network.

use clap::{Args, ValueEnum};
use models::{DeepClassifier, DeepHeteroscedastic, DeepRegressor, Nonlinearity};
use smc_runtime::prelude::*;

use crate::choice;

/// The flags of a network with hidden layers.
#[derive(Clone, Debug, Args)]
pub struct NetworkFlags {
    /// Hidden units of a network with one hidden layer; 50 unless given, on images five per class.
    #[arg(long, conflicts_with = "layers")]
    pub hidden: Option<usize>,
    /// Units of every hidden layer, such as 16,16.
    #[arg(long, value_delimiter = ',')]
    pub layers: Vec<usize>,
    /// The function between layers: tanh or relu.
    #[arg(long, default_value = "tanh")]
    pub activation: String,
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
    pub fn widths(&self, usual: usize) -> Vec<usize> {
        if self.layers.is_empty() {
            vec![self.hidden.unwrap_or(usual)]
        } else {
            self.layers.clone()
        }
    }

    /// The function between layers.
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn nonlinearity(&self) -> Result<Nonlinearity> {
        Ok(match choice("activation", &self.activation)? {
            Activation::Tanh => Nonlinearity::Tanh,
            Activation::Relu => Nonlinearity::Relu,
        })
    }

    /// Hands the network for a target with so many classes, or for a number where there is none, to `what`.
    ///
    /// # Errors
    /// For flags that name no network, and those of `what`.
    pub fn hand<U: Use>(&self, classes: usize, what: U) -> Result<U::Gives> {
        let (activation, widths) = (self.nonlinearity()?, self.widths(50));
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
