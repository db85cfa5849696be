//! Implementations of [`Problem`]: how a model's density and gradient are computed.

#[cfg(feature = "autodiff")]
pub mod autodiff;
// Without an engine only the checks of model and data are used.
#[cfg_attr(not(feature = "autodiff"), allow(dead_code))]
mod common;

use std::sync::Arc;

use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::problem::Problem;

/// Which engine computes densities and gradients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Engine(Kind);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Auto,
    Autodiff,
    Cuda(usize),
}

impl Engine {
    /// The fastest engine that the model has in this build.
    pub fn auto() -> Self {
        Self(Kind::Auto)
    }

    /// Automatic differentiation of the model's dfdx expression on the CPU.
    pub fn autodiff() -> Self {
        Self(Kind::Autodiff)
    }

    /// Automatic differentiation on CUDA device number `ordinal`; needs the feature `cuda`.
    pub fn cuda(ordinal: usize) -> Self {
        Self(Kind::Cuda(ordinal))
    }
}

impl std::str::FromStr for Engine {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "auto" => Ok(Self::auto()),
            "autodiff" => Ok(Self::autodiff()),
            "cuda" => Ok(Self::cuda(0)),
            other => Err(Error::config("engine", other, "one of auto, autodiff, cuda")),
        }
    }
}

/// A model with its sizes filled in, and the same model bound to data.
pub struct Bound<M> {
    /// The model.
    pub model: M,
    /// The model bound to the data.
    pub problem: Arc<dyn Problem>,
}

/// The engine on the CPU itself, for checks that need it in `f64`.
#[cfg(feature = "autodiff")]
pub(crate) fn on_cpu<M: Model>(model: M, data: &Dataset, seed: u64) -> Result<autodiff::Autodiff<M, dfdx::prelude::Cpu>> {
    Ok(autodiff::on_cpu(common::Common::new(model, data, seed)?))
}

/// Binds `model` to `data`. `seed` orders the rows.
///
/// # Errors
/// If the sizes of the layers do not chain, if `data` do not fit them, if a target is not a class of the likelihood, or
/// if the engine is not available.
pub fn bind<M: Model>(model: M, data: &Dataset, engine: Engine, seed: u64) -> Result<Bound<M>> {
    let common = common::Common::new(model, data, seed)?;
    #[cfg(not(feature = "autodiff"))]
    {
        drop(common);
        Err(Error::Engine {
            engine: match engine.0 {
                Kind::Auto | Kind::Autodiff => "autodiff",
                Kind::Cuda(_) => "cuda",
            },
            reason: "this build has no engine; enable the feature `autodiff`".to_owned(),
        })
    }
    #[cfg(feature = "autodiff")]
    {
        let model = common.model.clone();
        let problem: Arc<dyn Problem> = match engine.0 {
            Kind::Auto | Kind::Autodiff => Arc::new(autodiff::on_cpu(common)),
            #[cfg(feature = "cuda")]
            Kind::Cuda(ordinal) => Arc::new(autodiff::on_cuda(common, ordinal)?),
            #[cfg(not(feature = "cuda"))]
            Kind::Cuda(_) => {
                return Err(Error::Engine {
                    engine: "cuda",
                    reason: "this build has no CUDA; enable the feature `cuda`".to_owned(),
                });
            }
        };
        Ok(Bound { model, problem })
    }
}
