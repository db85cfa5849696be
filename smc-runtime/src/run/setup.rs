//! What an inference is set up with.

use std::time::Duration;

use super::checkpoint::{Checkpoint, Going};
use super::keep::Keep;
use crate::base::error::Result;
use crate::data::{Dataset, Standardise, TargetScale};
use crate::engine::{self, Bound, Engine};
use crate::infer::Inference;
use crate::infer::observe::Observer;
use crate::model::Model;
use crate::model::dist::{Predictive as _, Response};
use crate::posterior::report::ScaledBy;

/// Everything that decides a run, and what watches it.
pub(super) struct Setup<'a, M> {
    pub(super) model: M,
    pub(super) data: &'a Dataset,
    pub(super) algorithm: Box<dyn Inference>,
    pub(super) engine: Engine,
    pub(super) seed: u64,
    pub(super) threads: Option<usize>,
    pub(super) observers: Vec<Box<dyn Observer>>,
    pub(super) order: Option<Vec<usize>>,
    pub(super) scaling: Scaling,
    /// Wall time after which no further step is begun.
    pub(super) within: Option<Duration>,
    /// Where its state is kept.
    pub(super) checkpoint: Option<Checkpoint>,
    /// What is done with one that is there.
    pub(super) going: Going,
    /// Where its draws are kept.
    pub(super) keep: Option<Keep>,
}

impl<M: Model> Setup<'_, M> {
    /// What binds the model to the data, as a run would.
    pub(super) fn binding(&self) -> impl Fn() -> Result<Bound<M>> + Send + '_ {
        let (model, data, order) = (&self.model, self.data, &self.order);
        let (scaling, engine, seed) = (&self.scaling, self.engine, self.seed);
        move || {
            let (scale, _) = scaling.settled(model, data);
            let (model, order) = (model.clone(), order.clone());
            engine::bind_rows(model, data, scale.as_ref(), order, engine, seed)
        }
    }
}

/// What is done to the data before the network sees them.
pub(super) enum Scaling {
    /// Nothing.
    Raw,
    /// They are standardised by what the model says of itself.
    ByTheModel,
    /// They are standardised by this.
    Given(Standardise),
}

impl Scaling {
    /// The standardisation of `data` for `model`, and who says so.
    pub(super) fn settled<M: Model>(
        &self,
        model: &M,
        data: &Dataset,
    ) -> (Option<Standardise>, ScaledBy) {
        match self {
            Self::Raw => (None, ScaledBy::Nobody),
            Self::Given(scale) => (Some(scale.clone()), ScaledBy::TheRun),
            Self::ByTheModel => {
                let original = data.target_scale() == TargetScale::Original;
                let real = model.likelihood().response() == Response::Real;
                let scale = if real && original {
                    Standardise::fit(data)
                } else {
                    Standardise::fit_features(data)
                };
                (Some(scale), ScaledBy::TheModel)
            }
        }
    }
}
