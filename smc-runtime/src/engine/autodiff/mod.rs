//! Gradients by automatic differentiation of the model's dfdx expression, on the CPU or on CUDA.
//!
//! A group of particles is one leading axis of every tensor; rows come in tiles of a fixed size, so that the memory of
//! the tape does not depend on N and a particle's bits do not depend on the group. Each thread has a device and a tape
//! of its own.

mod backend;
#[cfg(feature = "cuda")]
mod cuda;
mod predictor;
mod problem;
#[cfg(test)]
mod tests;
mod walk;

pub(crate) use problem::Autodiff;

use std::marker::PhantomData;
use std::sync::Arc;

use dfdx::prelude::Cpu;

use self::backend::Place;
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

/// How often an expression holds what a layer gives: the value, its derivative, and what operations between layers make of both.
const COPIES: usize = 8;

/// The expression alone.
pub(crate) fn on_cpu<M: Model>(
    given: Given<'_, M>,
    reason: &'static str,
) -> Result<Autodiff<M, Cpu>> {
    bound(given, 0, with_fused(false, reason.to_owned()), false)
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
    let fuses = fuses.is_some();
    bound(given, 0, with_fused(fuses, reason), fuses)
}

/// # Errors
/// If there is no such device.
#[cfg(feature = "cuda")]
pub(crate) fn on_cuda<M: Model>(
    given: Given<'_, M>,
    ordinal: usize,
) -> Result<Autodiff<M, dfdx::prelude::Cuda>> {
    let missing = |said: String| Error::Engine {
        engine: "cuda",
        reason: format!("device {ordinal}: {said}"),
    };
    cuda::open(ordinal).map_err(missing)?;
    let choice = Choice {
        name: "autodiff (dfdx, CUDA)".into(),
        reason: "asked for".into(),
    };
    let mut bound = bound(given, ordinal, choice, false)?;
    bound.place = Place::keeping(ordinal);
    // Some kernels are compiled, and libraries asked, only when they are used.
    cuda::tried(ordinal, || bound.on_first_row()).map_err(missing)?;
    Ok(bound)
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

/// The model without data on the CPU, with fused layers unless the expression alone is asked for.
pub(crate) fn unbound<M: Model>(
    common: Common<M>,
    not_fused: Option<String>,
) -> AutodiffPredictor<M, Cpu> {
    let Some(reason) = not_fused else {
        let choice = with_fused(false, "asked for".to_owned());
        return predictor(common, 0, choice, false);
    };
    let fuses = Operations::new(common.model.fields(), &common.architecture, None).is_some();
    predictor(common, 0, with_fused(fuses, reason), fuses)
}

/// The choice of fused layers, where there are some.
fn with_fused(fuses: bool, reason: String) -> Choice {
    Choice {
        name: if fuses {
            "autodiff with fused layers (dfdx, CPU)".into()
        } else {
            "autodiff (dfdx, CPU)".into()
        },
        reason: reason.into(),
    }
}

fn predictor<M: Model, D>(
    common: Common<M>,
    ordinal: usize,
    choice: Choice,
    fuses: bool,
) -> AutodiffPredictor<M, D> {
    let made = || Operations::new(common.model.fields(), &common.architecture, None);
    let operations = fuses.then(made).flatten();
    let tile = tile_rows(&common.architecture);
    let widths = common.architecture.nodes.iter().map(|n| n.gives.len());
    AutodiffPredictor {
        each: COPIES * widths.sum::<usize>().max(1),
        choice,
        operations: operations.map(|made| Arc::new(made) as Arc<dyn Fuses>),
        place: Place {
            ordinal,
            kept: None,
        },
        tile: if fuses { tile.max(FUSED_ROWS) } else { tile },
        device: PhantomData,
        common,
    }
}

fn bound<M: Model, D>(
    given: Given<'_, M>,
    ordinal: usize,
    choice: Choice,
    fuses: bool,
) -> Result<Autodiff<M, D>> {
    let view = given.view();
    let of_rows = || {
        let Common {
            model,
            architecture,
            ..
        } = &given.common;
        Operations::new(model.fields(), architecture, Some(&view))
    };
    let of_rows = fuses.then(of_rows).flatten();
    let data = view.to_dataset()?;
    let Given { common, order, .. } = given;
    Ok(Autodiff {
        operations: of_rows.map(|made| Arc::new(made) as Arc<dyn Fuses>),
        layers: Layer::all(&common.architecture, &common.layout),
        place: Place::default(),
        predictor: Arc::new(predictor(common, ordinal, choice, fuses)),
        data,
        order,
    })
}
