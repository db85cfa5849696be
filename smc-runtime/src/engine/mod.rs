//! Implementations of [`Problem`]: how a model's density and gradient are computed.

#[cfg(feature = "autodiff")]
pub mod autodiff;
mod common;
pub mod fused;

use std::sync::Arc;

use self::common::{Common, Given};

use crate::base::error::{Error, Result};
use crate::data::{Dataset, Standardise};
use crate::model::Model;
use crate::problem::{Predictor, Problem};

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
    which: Which,
    instructions: Instructions,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Which {
    #[default]
    Auto,
    Fused,
    Mixed,
    Autodiff,
    Cuda(usize),
}

impl Engine {
    fn of(which: Which) -> Self {
        Self {
            which,
            instructions: Instructions::Best,
        }
    }

    /// The fastest engine that the model has in this build.
    pub fn auto() -> Self {
        Self::of(Which::Auto)
    }

    /// Fused kernels on the CPU; an error if a part of the model has no fused form.
    pub fn fused() -> Self {
        Self::of(Which::Fused)
    }

    /// Automatic differentiation on the CPU, with each run of layers that have a fused form as one operation of the tape:
    /// what a model runs on that has parts without one.
    pub fn mixed() -> Self {
        Self::of(Which::Mixed)
    }

    /// Automatic differentiation of the model's dfdx expression on the CPU.
    pub fn autodiff() -> Self {
        Self::of(Which::Autodiff)
    }

    /// Automatic differentiation on CUDA device number `ordinal`; needs the feature `cuda`.
    pub fn cuda(ordinal: usize) -> Self {
        Self::of(Which::Cuda(ordinal))
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
    /// The model, its sizes filled in.
    pub model: M,
    /// The model bound to the data.
    pub problem: Arc<dyn Problem>,
}

/// The engine on the CPU itself, for checks that need it in `f64`.
#[cfg(all(feature = "autodiff", any(test, feature = "testing")))]
pub(crate) fn on_cpu<M: Model>(
    model: M,
    data: &Dataset,
    seed: u64,
) -> Result<autodiff::Autodiff<M, dfdx::prelude::Cpu>> {
    let given = Given::new(model, data, None, None, seed)?;
    autodiff::on_cpu(given, "asked for")
}

/// Binds `model` to `data`. `seed` orders the rows.
///
/// # Errors
/// If the sizes of the layers do not chain, if `data` do not fit them, if a target is not a class of the likelihood, or
/// if the engine is not available.
pub fn bind<M: Model>(model: M, data: &Dataset, engine: Engine, seed: u64) -> Result<Bound<M>> {
    bind_rows(model, data, None, None, engine, seed)
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
    bind_rows(model, data, None, Some(order), engine, 0)
}

/// Binds `model` to `data` as `scale` standardises them, if there is one, in an order that `seed` decides unless there is one.
/// No copy of the data is made beside what the engine packs.
pub(crate) fn bind_rows<M: Model>(
    model: M,
    data: &Dataset,
    scale: Option<&Standardise>,
    order: Option<Vec<usize>>,
    engine: Engine,
    seed: u64,
) -> Result<Bound<M>> {
    on_engine(Given::new(model, data, scale, order, seed)?, engine)
}

fn on_engine<M: Model>(given: Given<'_, M>, engine: Engine) -> Result<Bound<M>> {
    let model = given.common.model.clone();
    let problem: Arc<dyn Problem> = match engine.which {
        Which::Auto | Which::Fused => match fused::program_of(&given.common, engine.instructions) {
            Ok(program) => Arc::new(fused::Fused::new(given, program)),
            Err(reason) if engine.which == Which::Auto => on_autodiff(given, Some(reason))?,
            Err(reason) => {
                return Err(Error::Engine {
                    engine: "fused",
                    reason,
                });
            }
        },
        Which::Mixed => on_autodiff(given, Some("asked for".to_owned()))?,
        Which::Autodiff => on_autodiff(given, None)?,
        Which::Cuda(ordinal) => on_cuda(given, ordinal)?,
    };
    Ok(Bound { model, problem })
}

/// A model without data: its sizes filled in for `columns` features, and what predicts with it.
///
/// # Errors
/// If the sizes of the layers do not chain, or if the engine is not available; no model without data is on CUDA.
pub(crate) fn unbound<M: Model>(
    model: M,
    columns: usize,
    engine: Engine,
) -> Result<(M, Arc<dyn Predictor>)> {
    let common = Common::new(model, &vec![0.0; columns], 0)?;
    let model = common.model.clone();
    let predictor: Arc<dyn Predictor> = match engine.which {
        Which::Auto | Which::Fused => match fused::program_of(&common, engine.instructions) {
            Ok(program) => Arc::new(fused::FusedPredictor::new(common, Arc::new(program))),
            Err(reason) if engine.which == Which::Auto => unfused(common, Some(reason))?,
            Err(reason) => {
                return Err(Error::Engine {
                    engine: "fused",
                    reason,
                });
            }
        },
        Which::Mixed => unfused(common, Some("asked for".to_owned()))?,
        Which::Autodiff => unfused(common, None)?,
        Which::Cuda(_) => {
            return Err(Error::Engine {
                engine: "cuda",
                reason: "a posterior that is loaded predicts on the CPU".to_owned(),
            });
        }
    };
    Ok((model, predictor))
}

#[cfg(feature = "autodiff")]
#[expect(
    clippy::unnecessary_wraps,
    reason = "without the feature it is an error"
)]
fn unfused<M: Model>(common: Common<M>, not_fused: Option<String>) -> Result<Arc<dyn Predictor>> {
    Ok(Arc::new(autodiff::unbound(common, not_fused)))
}

#[cfg(not(feature = "autodiff"))]
fn unfused<M: Model>(_: Common<M>, not_fused: Option<String>) -> Result<Arc<dyn Predictor>> {
    Err(no_autodiff(not_fused))
}

#[cfg(feature = "autodiff")]
fn on_autodiff<M: Model>(
    given: Given<'_, M>,
    not_fused: Option<String>,
) -> Result<Arc<dyn Problem>> {
    Ok(Arc::new(match not_fused {
        Some(reason) => autodiff::with_fused_layers(given, reason)?,
        None => autodiff::on_cpu(given, "asked for")?,
    }))
}

#[cfg(not(feature = "autodiff"))]
fn on_autodiff<M: Model>(_: Given<'_, M>, not_fused: Option<String>) -> Result<Arc<dyn Problem>> {
    Err(no_autodiff(not_fused))
}

#[cfg(not(feature = "autodiff"))]
fn no_autodiff(not_fused: Option<String>) -> Error {
    let why = not_fused.map_or_else(String::new, |why| format!(", which cannot run this: {why}"));
    Error::Engine {
        engine: "autodiff",
        reason: format!("this build has only the fused engine{why}; enable the feature `autodiff`"),
    }
}

#[cfg(feature = "cuda")]
fn on_cuda<M: Model>(given: Given<'_, M>, ordinal: usize) -> Result<Arc<dyn Problem>> {
    Ok(Arc::new(autodiff::on_cuda(given, ordinal)?))
}

#[cfg(not(feature = "cuda"))]
fn on_cuda<M: Model>(_: Given<'_, M>, _: usize) -> Result<Arc<dyn Problem>> {
    Err(Error::Engine {
        engine: "cuda",
        reason: "this build has no CUDA; enable the feature `cuda`".to_owned(),
    })
}
