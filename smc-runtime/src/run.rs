//! One inference, set up step by step: `Wine::infer(&train).seed(1).run()?`.

use crate::data::Dataset;
use crate::engine::Engine;
use crate::error::Result;
use crate::infer::Inference;
use crate::model::Model;
use crate::posterior::Posterior;

/// An inference that has not run yet.
pub struct Run<'a, M> {
    model: M,
    data: &'a Dataset,
    algorithm: Box<dyn Inference>,
    engine: Engine,
    seed: u64,
    threads: Option<usize>,
}

impl<'a, M: Model> Run<'a, M> {
    /// The posterior of `model` given `data`, by the model's own algorithm.
    pub fn new(model: M, data: &'a Dataset) -> Self {
        Self {
            algorithm: model.inference(),
            model,
            data,
            engine: Engine::auto(),
            seed: 0,
            threads: None,
        }
    }

    /// Another algorithm.
    pub fn with(mut self, algorithm: impl Inference + 'static) -> Self {
        self.algorithm = Box::new(algorithm);
        self
    }

    /// The seed of every random number of the run; 0 unless given.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Number of threads; all cores unless given.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// The engine that computes densities and gradients.
    pub fn engine(mut self, engine: Engine) -> Self {
        self.engine = engine;
        self
    }

    /// Runs it.
    pub fn run(self) -> Result<Posterior<M>> {
        let _ = (self.model, self.data, self.algorithm, self.engine, self.seed, self.threads);
        todo!()
    }
}
