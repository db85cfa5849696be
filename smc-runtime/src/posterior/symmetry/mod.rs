//! The posterior of a network without its copies: [what is the same function](HasSymmetries), [how many chains](chains) find all that differs, and
//! [draws whose neurons mean the same](Aligned).

mod aligned;
mod clusters;
mod fitted;
mod matching;
mod modes;

pub use crate::infer::{chains, chains_for};
pub use aligned::{Aligned, Sides};
pub use modes::{FunctionalMode, FunctionalModes};

use crate::base::error::Result;
use crate::data::Dataset;
use crate::engine::{Engine, unbound};
use crate::model::Model;
pub use crate::model::symmetry::{HiddenLayer, Relabelling, Signs, Symmetries};

/// Models that can say which of their parameter vectors are the same function: all of them.
pub trait HasSymmetries: Model {
    /// The maps of the parameters, for data of so many features, that change neither outputs nor prior: derived from layers and priors.
    ///
    /// ```
    /// use smc_runtime::prelude::*;
    ///
    /// #[bayes_model]
    /// #[likelihood(Normal(mean = output, sd = 0.1))]
    /// struct Net {
    ///     #[prior(Normal(0.0, 1.0))]
    ///     hidden: Linear<2, 3>,
    ///     activation: Tanh,
    ///     #[prior(Normal(0.0, 1.0))]
    ///     output: Linear<3, 1>,
    /// }
    ///
    /// let data = Dataset::new(2, vec![0.0, 1.0], vec![1.0])?;
    /// let found = Net::default().symmetries(&data)?;
    /// // 3! permutations, 2³ signs.
    /// assert!((found.log10() - 48f64.log10()).abs() < 1e-9);
    /// println!("{found}");
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// If model and data do not fit.
    fn symmetries(&self, data: &Dataset) -> Result<Symmetries> {
        let (_, predictor) = unbound(self.clone(), data.columns(), Engine::auto())?;
        Ok(predictor.symmetries())
    }
}

impl<M: Model> HasSymmetries for M {}
