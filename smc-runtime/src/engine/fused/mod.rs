//! Gradients by kernels that walk the architecture tile by tile, forwards and backwards on slices.
//!
//! Rows lie in panels of 32, feature by feature ([`PANEL`]), so that products and elementwise loops read contiguous
//! memory. Work is cut into groups of particles, which share what is prepared for a tile, or, where particles are few,
//! into particles × chunks of rows. How rows are cut and in which order a sum is added up follow from the data and the
//! model alone: a particle has the same bits alone, in any group, on any number of threads.

// Loops over lanes by index are what the compiler turns into vector instructions, and functions that a kernel calls must
// be compiled with it.
#![allow(clippy::needless_range_loop, clippy::inline_always)]

mod chain;
mod head;
mod kernels;
#[cfg(feature = "autodiff")]
pub(super) mod operation;
mod panel;
mod program;
mod scratch;
#[cfg(test)]
mod tests;
mod walk;

use std::sync::Arc;

use self::kernels::Kernels;
use self::program::Program;
use super::common::{Common, Given};
use crate::base::error::{Error, Result};
use crate::data::{Dataset, Features};
use crate::model::Model;
use crate::model::architecture::{Architecture, Nature};
use crate::model::dist::Predictive;
use crate::model::layout::Layout;
use crate::model::symmetry::Symmetries;
use crate::numerics::PANEL;
use crate::numerics::isa::{Instructions, Isa};
use crate::problem::density::Density;
use crate::problem::population::Population;
use crate::problem::{
    Arguments, Choice, Counts, Hyperparameter, Layer, Layered, Predictor, Problem, RowSampled,
    Segment, Sums, Transparent,
};

/// A model computed by fused kernels.
pub(crate) struct FusedPredictor<M> {
    pub(super) common: Common<M>,
    program: Arc<Program>,
    choice: Choice,
    /// The layers, or the name of a field that is no affine layer.
    layers: Result<Vec<Layer>, &'static str>,
}

/// A model bound to data, computed by fused kernels.
pub(crate) struct Fused<M> {
    predictor: Arc<FusedPredictor<M>>,
    kernels: Kernels,
    order: Vec<usize>,
}

/// The program of a model, or why a part of it has no fused form or the machine cannot run it.
pub(crate) fn program_of<M: Model>(
    common: &Common<M>,
    instructions: Instructions,
) -> Result<Program, String> {
    Isa::new(instructions)
        .ok_or_else(|| format!("this machine has no {instructions:?} instructions"))
        .and_then(|isa| Program::new(common, isa))
}

impl<M: Model> FusedPredictor<M> {
    /// The model on this engine, by its [program](program_of).
    pub(crate) fn new(common: Common<M>, program: Arc<Program>) -> Self {
        let choice = Choice {
            name: "fused (CPU)".into(),
            reason: format!(
                "every layer and the likelihood have a fused form; {} kernels",
                program.chain.isa.name()
            )
            .into(),
        };
        Self {
            layers: Layer::all(&common.architecture, &common.layout),
            common,
            program,
            choice,
        }
    }
}

impl<M: Model> Fused<M> {
    /// The model on this engine, by its [program](program_of).
    pub(crate) fn new(given: Given<'_, M>, program: Program) -> Self {
        let program = Arc::new(program);
        let kernels = Kernels::new(program.clone(), &given.view());
        let Given { common, order, .. } = given;
        Self {
            kernels,
            predictor: Arc::new(FusedPredictor::new(common, program)),
            order,
        }
    }
}

impl<M: Model> Predictor for FusedPredictor<M> {
    fn layout(&self) -> &Layout {
        &self.common.layout
    }

    fn architecture(&self) -> &Architecture {
        &self.common.architecture
    }

    fn engine(&self) -> &Choice {
        &self.choice
    }

    fn hyperparameters(&self) -> &[Hyperparameter] {
        &self.common.hyperparameters
    }

    fn prior(&self) -> &dyn Density {
        &self.common
    }

    fn arguments(&self, thetas: &Population, data: &Features) -> Result<Arguments> {
        self.common.check_inputs(data)?;
        self.common.count(thetas.len(), data.rows(), false);
        Ok(self.program.arguments(thetas, data))
    }

    fn symmetries(&self) -> Symmetries {
        self.common.symmetries()
    }

    fn predictive(&self) -> &dyn Predictive {
        &*self.common.predictive
    }

    fn check_targets(&self, data: &Dataset) -> Result<()> {
        self.common.check_targets(data)
    }

    fn transparent(&self) -> Result<&dyn Transparent> {
        if let Err(field) = self.layers {
            return Err(self.common.not_layered(field));
        }
        match self.common.architecture.nodes.last() {
            Some(last) if last.nature != Nature::Affine => Err(Error::lacks(
                "outputs with their slopes",
                format!(
                    "the network ends with `{}`, which is no affine layer",
                    last.name
                ),
            )),
            _ => Ok(self),
        }
    }
}

impl<M: Model> Problem for Fused<M> {
    fn predictor(&self) -> Arc<dyn Predictor> {
        self.predictor.clone()
    }

    fn model(&self) -> &dyn Predictor {
        &*self.predictor
    }

    fn order(&self) -> &[usize] {
        &self.order
    }

    fn counts(&self) -> Counts {
        self.predictor.common.counts()
    }

    fn log_likelihood(
        &self,
        thetas: &Population,
        segments: &[Segment],
        gradient: Option<&mut Population>,
    ) -> Sums {
        let common = &self.predictor.common;
        common.count_pass(thetas.len(), segments, gradient.is_some());
        self.kernels.evaluate(thetas, segments, gradient)
    }

    fn row_log_likelihoods(&self, thetas: &Population) -> Vec<f64> {
        let common = &self.predictor.common;
        common.count(thetas.len(), self.order.len(), false);
        self.kernels.row_log_likelihoods(thetas, &self.order)
    }

    fn layered(&self) -> Result<&dyn Layered> {
        match self.predictor.layers {
            Ok(_) => Ok(self),
            Err(field) => Err(self.predictor.common.not_layered(field)),
        }
    }

    fn row_sampled(&self) -> Result<&dyn RowSampled> {
        Ok(self)
    }
}

impl<M: Model> RowSampled for Fused<M> {
    fn grain(&self) -> usize {
        PANEL
    }
}
