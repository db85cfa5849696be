//! One inference, set up step by step: `Wine::infer(&train).seed(1).run()?`.

mod progress;

pub use progress::Progress;

use std::time::Instant;

use crate::base::error::Result;
use crate::base::exec;
use crate::data::{Dataset, Standardise};
use crate::engine::{self, Engine};
use crate::infer::observe::Observer;
use crate::infer::{Draws, FromPrior, Inference, Session, smc};
use crate::model::Model;
use crate::posterior::Posterior;
use crate::posterior::report::Report;

/// Training rows at most at which a run looks whether its chains or islands agree, and numbers that this may take.
const AGREEMENT_ROWS: usize = 256;
const ROOM: usize = 1 << 23;

/// The algorithm that a model names for itself: `#[infer(..)]` writes this, and [`smc`] stands where there is none. A model
/// written by hand adds `impl Infers for Mine {}`.
pub trait Infers: Model {
    /// The algorithm.
    fn algorithm(&self) -> Box<dyn Inference> {
        Box::new(smc())
    }
}

/// An inference that has not run yet.
pub struct Run<'a, M> {
    model: M,
    data: &'a Dataset,
    algorithm: Box<dyn Inference>,
    engine: Engine,
    seed: u64,
    threads: Option<usize>,
    observers: Vec<Box<dyn Observer>>,
    order: Option<Vec<usize>>,
    scale: Option<Standardise>,
}

impl<'a, M: Infers> Run<'a, M> {
    /// The posterior of `model` given `data`, by the model's own algorithm.
    pub fn new(model: M, data: &'a Dataset) -> Self {
        Self {
            algorithm: model.algorithm(),
            model,
            data,
            engine: Engine::auto(),
            seed: 0,
            threads: None,
            observers: Vec::new(),
            order: None,
            scale: None,
        }
    }
}

impl<M: Model> Run<'_, M> {
    /// Another algorithm.
    pub fn with(mut self, algorithm: impl Inference + 'static) -> Self {
        self.algorithm = Box::new(algorithm);
        self
    }

    /// Another algorithm, chosen at run time.
    pub fn with_boxed(mut self, algorithm: Box<dyn Inference>) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// The seed of every random number of the run; 0 unless given.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Number of threads; all cores unless given. It changes the speed and nothing else.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// The engine that computes densities and gradients.
    pub fn engine(mut self, engine: Engine) -> Self {
        self.engine = engine;
        self
    }

    /// The order in which rows enter under data annealing, in place of a seeded permutation: a curriculum, easy rows
    /// first. `rows` holds each row number of the data once. What comes back by row is in the order of the data as ever.
    ///
    /// ```no_run
    /// # use smc_runtime::prelude::*;
    /// # fn curriculum<M: Infers>(model: M, data: &Dataset) -> Result<Posterior<M>> {
    /// // Rows with small features first.
    /// let size = |&row: &usize| data.row(row).iter().map(|x| (x.abs() * 1e3) as u64).sum::<u64>();
    /// let mut rows: Vec<usize> = (0..data.rows()).collect();
    /// rows.sort_by_key(size);
    /// Run::new(model, data).with(smc().annealing(StepDataAnnealing::doubling())).order(rows).run()
    /// # }
    /// ```
    pub fn order(mut self, rows: impl Into<Vec<usize>>) -> Self {
        self.order = Some(rows.into());
        self
    }

    /// A standardisation, learned from the training rows, to carry with the posterior: data are given on their original scale,
    /// here and to [`Posterior::predict`], the network sees them standardised, and predictions, scores and the log-evidence
    /// come back on the original scale (log p(y) = log p(z) − N·log sd). Priors and draws are on the network's scale.
    ///
    /// ```no_run
    /// # use smc_runtime::prelude::*;
    /// # fn original<M: Infers>(model: M, train: &Dataset, test: &Dataset) -> Result<()> {
    /// let posterior = Run::new(model, train).standardise(Standardise::fit(train)).run()?;
    /// println!("{}", posterior.predict(test)?.summary()); // in the units of the target
    /// # Ok(())
    /// # }
    /// ```
    pub fn standardise(mut self, scale: Standardise) -> Self {
        self.scale = Some(scale);
        self
    }

    /// Something that watches the run, such as [`Progress::bar`](crate::run::Progress::bar).
    pub fn observe(mut self, observer: impl Observer + 'static) -> Self {
        self.observers.push(Box::new(observer));
        self
    }

    /// `draws` independent draws from the prior, with equal weights, in the place of a posterior: what the model says before it
    /// has seen a target. The data give sizes, names and scales; everything that reads a posterior reads these too.
    ///
    /// ```no_run
    /// # use smc_runtime::prelude::*;
    /// # fn before<M: Infers>(model: M, train: &Dataset) -> Result<()> {
    /// let prior = Run::new(model, train).standardise(Standardise::fit(train)).sample_prior(1000)?;
    /// // 90 % of what the model expects to see at every row, in the units of the target.
    /// let expected = prior.predict(train.inputs())?.interval(0.9);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Run::run`], and if `draws` is 0.
    pub fn sample_prior(self, draws: usize) -> Result<Posterior<M>> {
        self.with(FromPrior { draws }).run()
    }

    /// Runs it.
    ///
    /// # Errors
    /// If data and model do not fit, if an order does not hold each row once, if a setting is impossible, if targets are to be
    /// standardised that cannot be, if all particles lose their weight, or if an observer stops the run.
    pub fn run(self) -> Result<Posterior<M>> {
        let (threads, given, engine, seed) = (self.threads, self.data, self.engine, self.seed);
        let (model, algorithm, mut observers) = (self.model, self.algorithm, self.observers);
        let (order, scale) = (self.order, self.scale);
        exec::with_threads(threads, move || {
            let start = Instant::now();
            // Before anything is packed: what the check gathers is gone by then.
            let findings = given.check();
            let bound = engine::bind_rows(model, given, scale.as_ref(), order, engine, seed)?;
            if !findings.is_empty() {
                for observer in &mut observers {
                    observer.data(&findings);
                }
            }
            let before = bound.problem.counts();
            let mut session = Session::new(seed, &mut observers);
            let mut draws = algorithm.infer(&*bound.problem, &mut session)?;
            if let Some(scale) = &scale {
                restate(&mut draws, scale, given.total_weight());
            }
            let report = Report {
                algorithm: algorithm.name(),
                engine: bound.problem.model().engine().clone(),
                seconds: start.elapsed().as_secs_f64(),
                counts: bound.problem.counts() - before,
                rows: bound.problem.rows(),
                data: findings,
                target_scale: given.target_scale(),
                plan: session.planned().cloned(),
                steps: session.into_steps(),
                islands: if draws.log_evidence.is_some() {
                    draws.islands.clone()
                } else {
                    Vec::new()
                },
                function: None,
                cautions: draws.cautions.clone(),
            };
            let classes = given.classes().to_vec();
            let order = bound.problem.order();
            // As many rows as arguments of all draws leave room for.
            let most =
                ROOM / (draws.positions.len() * bound.problem.architecture().outputs()).max(1);
            let some = &order[..order.len().min(most.clamp(8, AGREEMENT_ROWS))];
            let rows = (draws.groups() > 1).then(|| given.inputs().select(some));
            let posterior = Posterior::new(bound, draws, report).given(scale, classes);
            match rows {
                Some(rows) => posterior.agreed_on(&rows?),
                None => Ok(posterior),
            }
        })?
    }
}

/// Takes log-evidences from the standardised scale of targets that count for `rows` rows to the original one: each row's
/// density is to be divided by the standard deviation.
fn restate(draws: &mut Draws, scale: &Standardise, rows: f64) {
    let shift = rows * scale.target_sd().ln();
    if let Some(log_evidence) = &mut draws.log_evidence {
        *log_evidence -= shift;
        for island in &mut draws.islands {
            island.log_evidence -= shift;
        }
    }
}
