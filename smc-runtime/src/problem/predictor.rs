//! A model with its sizes filled in and no data: its prior, and what it says of a target at any features.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;

use super::arguments::Arguments;
use super::density::Density;
use super::population::Population;
use super::transparent::Transparent;
use crate::base::error::{Error, Result};
use crate::data::{Dataset, Features};
use crate::model::architecture::Architecture;
use crate::model::dist::Predictive;
use crate::model::layout::Layout;
use crate::model::symmetry::Symmetries;

/// The engine that a model runs on, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// The engine's name.
    pub name: Cow<'static, str>,
    /// Why it was chosen.
    pub reason: Cow<'static, str>,
}

impl std::fmt::Display for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.name, self.reason)
    }
}

/// A parameter that stands nowhere but in the priors of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hyperparameter {
    /// The number of its block in the layout.
    pub block: usize,
    /// The blocks whose priors name it.
    pub governs: Vec<usize>,
}

/// A model with its sizes filled in, type erased: what a posterior keeps, so that it can predict when the training rows are
/// gone.
///
/// Contract. Parameter vectors are those of [`Predictor::layout`]; densities are normalised, constants included, with
/// respect to unconstrained coordinates. A log-density is `f64` and may be −∞ or NaN where a parameter vector is
/// impossible. A gradient is *added* to what is there. A particle's value, gradient and arguments have the same bits alone, in any
/// group, in any order, on any number of threads. It holds no data.
pub trait Predictor: Send + Sync {
    /// Names, shapes and places of the parameters.
    fn layout(&self) -> &Layout;

    /// The network as data.
    fn architecture(&self) -> &Architecture;

    /// The engine, and why it was chosen.
    fn engine(&self) -> &Choice;

    /// p(θ).
    fn prior(&self) -> &dyn Density;

    /// The parameters that stand nowhere but in the priors of others, such as a scale of weights: together with what they govern they
    /// may have a density without a maximum.
    fn hyperparameters(&self) -> &[Hyperparameter] {
        &[]
    }

    /// The arguments of the likelihood at the rows of `data`.
    ///
    /// # Errors
    /// If `data` has another number of features than the data that the model was bound to.
    fn arguments(&self, thetas: &Population, data: &Features) -> Result<Arguments>;

    /// The likelihood, to read [`Arguments`] with.
    fn predictive(&self) -> &dyn Predictive;

    /// Whether every target of `data` is one that the likelihood can give.
    ///
    /// # Errors
    /// For a class that does not exist, naming the row.
    fn check_targets(&self, data: &Dataset) -> Result<()>;

    /// The maps of its parameters that change neither outputs nor prior; none where nothing is known.
    fn symmetries(&self) -> Symmetries {
        Symmetries::none("nothing is known of this model")
    }

    /// The capability to show the network's outputs and their slopes; `Err` says which part of the model lacks it.
    ///
    /// # Errors
    /// [`Error::Lacks`], naming the part.
    fn transparent(&self) -> Result<&dyn Transparent> {
        Err(Error::lacks(
            "outputs with their slopes at any rows",
            format!("the engine {} does not offer them", self.engine().name),
        ))
    }
}

const _: fn(&dyn Predictor) = |_| ();
