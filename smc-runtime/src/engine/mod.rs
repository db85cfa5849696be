//! Implementations of [`Problem`]: how a model's density and gradient are computed.

#[cfg(feature = "autodiff")]
pub mod autodiff;
mod common;
pub mod fused;

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
    Fused,
    Autodiff,
    Cuda(usize),
}

impl Engine {
    /// The fastest engine that the model has in this build.
    pub fn auto() -> Self {
        Self(Kind::Auto)
    }

    /// Fused kernels on the CPU; an error if a part of the model has no fused form.
    pub fn fused() -> Self {
        Self(Kind::Fused)
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
            "fused" => Ok(Self::fused()),
            "autodiff" => Ok(Self::autodiff()),
            "cuda" => Ok(Self::cuda(0)),
            other => Err(Error::config(
                "engine",
                other,
                "one of auto, fused, autodiff, cuda",
            )),
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
pub(crate) fn on_cpu<M: Model>(
    model: M,
    data: &Dataset,
    seed: u64,
) -> Result<autodiff::Autodiff<M, dfdx::prelude::Cpu>> {
    Ok(autodiff::on_cpu(common::Common::new(model, data, seed)?))
}

/// Binds `model` to `data`. `seed` orders the rows.
///
/// # Errors
/// If the sizes of the layers do not chain, if `data` do not fit them, if a target is not a class of the likelihood, or
/// if the engine is not available.
pub fn bind<M: Model>(model: M, data: &Dataset, engine: Engine, seed: u64) -> Result<Bound<M>> {
    let common = common::Common::new(model, data, seed)?;
    let model = common.model.clone();
    let problem: Arc<dyn Problem> = match engine.0 {
        Kind::Auto | Kind::Fused => match (fused::Fused::new(common), engine.0) {
            (Ok(fused), _) => Arc::new(fused),
            (Err(common), Kind::Auto) => on_autodiff(*common)?,
            (Err(_), _) => {
                return Err(Error::Engine {
                    engine: "fused",
                    reason: "a layer or the likelihood of this model has no fused form, or its output is not the chain of its fields".to_owned(),
                });
            }
        },
        Kind::Autodiff => on_autodiff(common)?,
        Kind::Cuda(ordinal) => on_cuda(common, ordinal)?,
    };
    Ok(Bound { model, problem })
}

// One signature for builds with and without the feature.
#[allow(clippy::unnecessary_wraps)]
#[cfg(feature = "autodiff")]
fn on_autodiff<M: Model>(common: common::Common<M>) -> Result<Arc<dyn Problem>> {
    Ok(Arc::new(autodiff::on_cpu(common)))
}

#[cfg(not(feature = "autodiff"))]
fn on_autodiff<M: Model>(_: common::Common<M>) -> Result<Arc<dyn Problem>> {
    Err(Error::Engine {
        engine: "autodiff",
        reason: "this build has only the fused engine, which this model does not run on; enable the feature `autodiff`".to_owned(),
    })
}

#[cfg(feature = "cuda")]
fn on_cuda<M: Model>(common: common::Common<M>, ordinal: usize) -> Result<Arc<dyn Problem>> {
    Ok(Arc::new(autodiff::on_cuda(common, ordinal)?))
}

#[cfg(not(feature = "cuda"))]
fn on_cuda<M: Model>(_: common::Common<M>, _: usize) -> Result<Arc<dyn Problem>> {
    Err(Error::Engine {
        engine: "cuda",
        reason: "this build has no CUDA; enable the feature `cuda`".to_owned(),
    })
}
