//! Implementations of [`Problem`]: how a model's density and gradient are computed.

#[cfg(feature = "autodiff")]
pub mod autodiff;
mod common;
pub mod fused;

use std::sync::Arc;

use crate::base::error::{Error, Result};
use crate::data::Dataset;
use crate::model::Model;
use crate::problem::Problem;

pub use crate::numerics::Instructions;

/// Which engine computes densities and gradients.
///
/// ```
/// use smc_runtime::engine::{Engine, Instructions};
/// let default = Engine::auto();
/// let truth = Engine::autodiff();
/// // The same bits on every x86-64 machine with AVX2, whatever else it has.
/// let alike = Engine::fused().instructions(Instructions::Avx2);
/// assert_eq!("fused-avx2".parse::<Engine>()?, alike);
/// # Ok::<(), smc_runtime::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Engine {
    kind: Kind,
    instructions: Instructions,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Auto,
    Fused,
    Mixed,
    Autodiff,
    Cuda(usize),
}

impl Engine {
    fn of(kind: Kind) -> Self {
        Self {
            kind,
            instructions: Instructions::Best,
        }
    }

    /// The fastest engine that the model has in this build.
    pub fn auto() -> Self {
        Self::of(Kind::Auto)
    }

    /// Fused kernels on the CPU; an error if a part of the model has no fused form.
    pub fn fused() -> Self {
        Self::of(Kind::Fused)
    }

    /// Automatic differentiation on the CPU, with each run of layers that have a fused form as one operation of the tape:
    /// what a model runs on that has parts without one.
    pub fn mixed() -> Self {
        Self::of(Kind::Mixed)
    }

    /// Automatic differentiation of the model's dfdx expression on the CPU.
    pub fn autodiff() -> Self {
        Self::of(Kind::Autodiff)
    }

    /// Automatic differentiation on CUDA device number `ordinal`; needs the feature `cuda`.
    pub fn cuda(ordinal: usize) -> Self {
        Self::of(Kind::Cuda(ordinal))
    }

    /// The instructions that fused kernels are restricted to; `bind` refuses those that the machine lacks.
    pub fn instructions(mut self, instructions: Instructions) -> Self {
        self.instructions = instructions;
        self
    }
}

impl std::str::FromStr for Engine {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "auto" => Ok(Self::auto()),
            "fused" => Ok(Self::fused()),
            "fused-avx512" => Ok(Self::fused().instructions(Instructions::Avx512)),
            "fused-avx2" => Ok(Self::fused().instructions(Instructions::Avx2)),
            "fused-portable" => Ok(Self::fused().instructions(Instructions::Portable)),
            "mixed" => Ok(Self::mixed()),
            "autodiff" => Ok(Self::autodiff()),
            "cuda" => Ok(Self::cuda(0)),
            other => Err(Error::config(
                "engine",
                other,
                "one of auto, fused, fused-avx512, fused-avx2, fused-portable, mixed, autodiff, cuda",
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
    let (common, data) = common::Common::new(model, data, seed)?;
    Ok(autodiff::on_cpu(common, data, "asked for"))
}

/// Binds `model` to `data`. `seed` orders the rows.
///
/// # Errors
/// If the sizes of the layers do not chain, if `data` do not fit them, if a target is not a class of the likelihood, or
/// if the engine is not available.
pub fn bind<M: Model>(model: M, data: &Dataset, engine: Engine, seed: u64) -> Result<Bound<M>> {
    let (common, data) = common::Common::new(model, data, seed)?;
    on_engine(common, data, engine)
}

/// Binds `model` to `data` with the rows in a given order: bound row i is row `order[i]` of the data.
///
/// ```
/// # use smc_runtime::prelude::*;
/// use smc_runtime::engine::bind_in_order;
/// # fn doubtful<M: Model>(model: M, data: &Dataset) -> Result<()> {
/// let bound = bind_in_order(model, data, Engine::auto(), vec![2, 0, 1])?;
/// assert_eq!(bound.problem.order(), [2, 0, 1]);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Those of [`bind`], and if `order` does not hold each row once.
pub fn bind_in_order<M: Model>(
    model: M,
    data: &Dataset,
    engine: Engine,
    order: Vec<usize>,
) -> Result<Bound<M>> {
    let (common, data) = common::Common::in_order(model, data, order)?;
    on_engine(common, data, engine)
}

fn on_engine<M: Model>(
    common: common::Common<M>,
    data: Dataset,
    engine: Engine,
) -> Result<Bound<M>> {
    let model = common.model.clone();
    let problem: Arc<dyn Problem> = match engine.kind {
        Kind::Auto | Kind::Fused => match fused::Fused::new(common, data, engine.instructions) {
            Ok(fused) => Arc::new(fused),
            Err((given, reason)) if engine.kind == Kind::Auto => {
                let (common, data) = *given;
                on_autodiff(common, data, Some(reason))?
            }
            Err((_, reason)) => {
                return Err(Error::Engine {
                    engine: "fused",
                    reason,
                });
            }
        },
        Kind::Mixed => on_autodiff(common, data, Some("asked for".to_owned()))?,
        Kind::Autodiff => on_autodiff(common, data, None)?,
        Kind::Cuda(ordinal) => on_cuda(common, data, ordinal)?,
    };
    Ok(Bound { model, problem })
}

// One signature for builds with and without the feature.
#[allow(clippy::unnecessary_wraps)]
#[cfg(feature = "autodiff")]
fn on_autodiff<M: Model>(
    common: common::Common<M>,
    data: Dataset,
    not_fused: Option<String>,
) -> Result<Arc<dyn Problem>> {
    Ok(Arc::new(match not_fused {
        Some(reason) => autodiff::with_fused_layers(common, data, reason),
        None => autodiff::on_cpu(common, data, "asked for"),
    }))
}

#[cfg(not(feature = "autodiff"))]
fn on_autodiff<M: Model>(
    _: common::Common<M>,
    _: Dataset,
    not_fused: Option<String>,
) -> Result<Arc<dyn Problem>> {
    let why = not_fused.map_or_else(String::new, |why| format!(", which cannot run this: {why}"));
    Err(Error::Engine {
        engine: "autodiff",
        reason: format!("this build has only the fused engine{why}; enable the feature `autodiff`"),
    })
}

#[cfg(feature = "cuda")]
fn on_cuda<M: Model>(
    common: common::Common<M>,
    data: Dataset,
    ordinal: usize,
) -> Result<Arc<dyn Problem>> {
    Ok(Arc::new(autodiff::on_cuda(common, data, ordinal)?))
}

#[cfg(not(feature = "cuda"))]
fn on_cuda<M: Model>(_: common::Common<M>, _: Dataset, _: usize) -> Result<Arc<dyn Problem>> {
    Err(Error::Engine {
        engine: "cuda",
        reason: "this build has no CUDA; enable the feature `cuda`".to_owned(),
    })
}
