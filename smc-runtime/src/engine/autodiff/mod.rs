//! Gradients by automatic differentiation of the model's dfdx expression, on the CPU or on CUDA.
//!
//! A group of particles is one leading axis of every tensor; rows come in tiles of a fixed size, so that the memory of
//! the tape does not depend on N and a particle's bits do not depend on the group. Each thread has a device and a tape
//! of its own.

mod backend;
mod predictor;
mod problem;
mod walk;

pub(crate) use problem::Autodiff;

use std::marker::PhantomData;
use std::sync::Arc;

use dfdx::prelude::Cpu;

use self::predictor::AutodiffPredictor;
use super::common::{Common, Given};
use super::fused::operation::Operations;
#[cfg(feature = "cuda")]
use crate::base::error::Error;
use crate::base::error::Result;
use crate::model::Model;
use crate::model::architecture::Architecture;
use crate::model::tensor::Fuses;
use crate::problem::{Choice, Layer};

/// Rows per tile, at least, where layers are fused: a fused pass over few rows spends its time on the weights.
const FUSED_ROWS: usize = 256;

/// The expression alone.
pub(crate) fn on_cpu<M: Model>(
    given: Given<'_, M>,
    reason: &'static str,
) -> Result<Autodiff<M, Cpu>> {
    let choice = Choice {
        name: "autodiff (dfdx, CPU)",
        reason: reason.into(),
    };
    bound(given, 0, choice, false)
}

/// The expression, in which runs of layers that have a fused form are one operation each.
pub(crate) fn with_fused_layers<M: Model>(
    given: Given<'_, M>,
    reason: String,
) -> Result<Autodiff<M, Cpu>> {
    let fuses = Operations::new(
        given.common.model.fields(),
        &given.common.architecture,
        None,
    );
    let name = match fuses {
        Some(_) => "autodiff with fused layers (dfdx, CPU)",
        None => "autodiff (dfdx, CPU)",
    };
    let choice = Choice {
        name,
        reason: reason.into(),
    };
    bound(given, 0, choice, fuses.is_some())
}

/// # Errors
/// If there is no such device.
#[cfg(feature = "cuda")]
pub(crate) fn on_cuda<M: Model>(
    given: Given<'_, M>,
    ordinal: usize,
) -> Result<Autodiff<M, dfdx::prelude::Cuda>> {
    dfdx::prelude::Cuda::try_build(ordinal, 0).map_err(|e| Error::Engine {
        engine: "cuda",
        reason: format!("device {ordinal}: {e:?}"),
    })?;
    let choice = Choice {
        name: "autodiff (dfdx, CUDA)",
        reason: "asked for".into(),
    };
    bound(given, ordinal, choice, false)
}

/// Rows per tile: the widest activation of a tile is about 128 KiB. It depends on the model alone.
fn tile_rows(architecture: &Architecture) -> usize {
    let widths = architecture.nodes.iter().map(|n| n.gives.len());
    let widest = widths
        .chain([architecture.inputs])
        .max()
        .unwrap_or(1)
        .max(1);
    (32_768 / widest).next_power_of_two().clamp(32, 1024)
}

fn bound<M: Model, D>(
    given: Given<'_, M>,
    ordinal: usize,
    choice: Choice,
    fuses: bool,
) -> Result<Autodiff<M, D>> {
    let fused = |data: Option<&_>| {
        let Common {
            model,
            architecture,
            ..
        } = &given.common;
        let made = || Operations::new(model.fields(), architecture, data);
        let made = fuses.then(made).flatten();
        made.map(|made| Arc::new(made) as Arc<dyn Fuses>)
    };
    let view = given.view();
    let (of_rows, of_features) = (fused(Some(&view)), fused(None));
    let data = view.to_dataset()?;
    let Given { common, order, .. } = given;
    let tile = tile_rows(&common.architecture);
    Ok(Autodiff {
        operations: of_rows,
        layers: Layer::all(&common.architecture, &common.layout),
        predictor: Arc::new(AutodiffPredictor {
            choice,
            operations: of_features,
            ordinal,
            tile: if fuses { tile.max(FUSED_ROWS) } else { tile },
            device: PhantomData,
            common,
        }),
        data,
        order,
    })
}
