//! One inference, set up step by step: `Wine::infer(&train).seed(1).run()?`.

mod checkpoint;
mod conflict;
mod estimate;
mod events;
mod fingerprint;
mod keep;
mod progress;
mod running;
mod scale;
mod setup;
mod state;
mod trace;

pub use checkpoint::Checkpoint;
pub use estimate::Estimate;
pub use keep::Keep;
pub use progress::Progress;
pub use running::Running;
pub use state::State;
pub use trace::Trace;

use std::time::Duration;

use crate::base::error::Result;
use crate::base::exec::Threads;
use crate::data::{Dataset, Standardise};
use crate::engine::Engine;
use crate::infer::observe::Observer;
use crate::infer::rate::rate;
use crate::infer::{FromPrior, Inference, auto};
use crate::model::Model;
use crate::posterior::Posterior;
use checkpoint::Going;
use setup::{Scaling, Setup};

/// The algorithm that a model names for itself: `#[infer(..)]` writes this, and [`auto`] stands where there is none. A model
/// written by hand adds `impl Infers for Mine {}`.
pub trait Infers: Model {
    /// Whether its priors are meant for standardised data, which a run then makes of what it is given, unless it says
    /// [`Run::raw`] or has a standardisation of its own: `#[standardise]` writes this.
    const STANDARDISED: bool = false;

    /// The algorithm.
    fn algorithm(&self) -> Box<dyn Inference> {
        Box::new(auto())
    }
}

/// An inference that has not run yet.
pub struct Run<'a, M>(Setup<'a, M>);

impl<'a, M: Infers> Run<'a, M> {
    /// The posterior of `model` given `data`, by the model's own algorithm.
    pub fn new(model: M, data: &'a Dataset) -> Self {
        Self(Setup {
            algorithm: model.algorithm(),
            model,
            data,
            engine: Engine::auto(),
            seed: 0,
            threads: None,
            observers: Vec::new(),
            order: None,
            scaling: if M::STANDARDISED {
                Scaling::ByTheModel
            } else {
                Scaling::Raw
            },
            within: None,
            checkpoint: None,
            going: Going::Anew,
            keep: None,
        })
    }
}

impl<M: Model> Run<'_, M> {
    /// Another algorithm.
    pub fn with(mut self, algorithm: impl Inference + 'static) -> Self {
        self.0.algorithm = Box::new(algorithm);
        self
    }

    /// Another algorithm, chosen at run time.
    pub fn with_boxed(mut self, algorithm: Box<dyn Inference>) -> Self {
        self.0.algorithm = algorithm;
        self
    }

    /// The seed of every random number of the run; 0 unless given.
    pub fn seed(mut self, seed: u64) -> Self {
        self.0.seed = seed;
        self
    }

    /// Number of threads; all cores unless given. It changes the speed and nothing else.
    pub fn threads(mut self, threads: usize) -> Self {
        self.0.threads = Some(threads);
        self
    }

    /// The engine that computes densities and gradients.
    pub fn engine(mut self, engine: Engine) -> Self {
        self.0.engine = engine;
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
        self.0.order = Some(rows.into());
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
        self.0.scaling = Scaling::Given(scale);
        self
    }

    /// The data as they are, also for a model that says `#[standardise]`, as the ready-made ones do.
    pub fn raw(mut self) -> Self {
        self.0.scaling = Scaling::Raw;
        self
    }

    /// At most about so much wall time, of this process: when it is over, the run ends with the step that it is in, and what it
    /// has becomes the posterior: chains their draws so far, recycled particles the generations so far. An annealing that has
    /// not come to all rows leaves draws of something else than the posterior; they
    /// [say so](crate::posterior::Posterior::drawn_from), and have no evidence.
    ///
    /// ```
    /// use std::time::Duration;
    /// use smc_runtime::infer::DrawnFrom;
    /// use smc_runtime::prelude::*;
    ///
    /// #[bayes_model]
    /// #[likelihood(Normal(mean = output, sd = 0.1))]
    /// struct Line {
    ///     output: Linear<1, 1>,
    /// }
    ///
    /// let data = Dataset::new(1, vec![-1.0, 0.0, 1.0], vec![-0.9, 0.1, 1.1])?;
    /// let early = Line::infer(&data).within(Duration::ZERO).run()?;
    /// assert!(matches!(early.drawn_from(), DrawnFrom::Stage { all_rows: 3, .. }));
    /// assert_eq!(early.log_evidence(), None);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn within(mut self, time: Duration) -> Self {
        self.0.within = Some(time);
        self
    }

    /// Keeps the state of the run in a file, whole, as often as takes less than a fiftieth of the time, and at least every ten seconds; after so many steps by
    /// [`Checkpoint::every`]. What ends the process ends no run: the same program with [`resume`](Self::resume) or
    /// [`resume_if_there`](Self::resume_if_there) goes on bit for bit, and of a run that was over it gives the posterior. With the feature `interrupt`
    /// Ctrl-C ends the step, keeps the state and says how to go on; twice, it ends at once.
    ///
    /// ```
    /// use smc_runtime::prelude::*;
    ///
    /// #[bayes_model]
    /// #[likelihood(Normal(mean = output, sd = 0.1))]
    /// #[infer(smc(particles = 8))]
    /// struct Line {
    ///     output: Linear<1, 1>,
    /// }
    ///
    /// let data = Dataset::new(1, vec![-1.0, 0.0, 1.0], vec![-0.9, 0.1, 1.1])?;
    /// let path = std::env::temp_dir().join(format!("smc-run-{}.ckpt", std::process::id()));
    /// let posterior = Line::infer(&data).checkpoint(&path).run()?;
    /// // Another time it is there already, and nothing is overwritten.
    /// assert!(Line::infer(&data).checkpoint(&path).run().is_err());
    /// let again = Line::infer(&data).checkpoint(&path).resume().run()?;
    /// assert_eq!(again.positions(), posterior.positions());
    /// # std::fs::remove_file(&path).unwrap();
    /// # Ok::<(), Error>(())
    /// ```
    pub fn checkpoint(mut self, at: impl Into<Checkpoint>) -> Self {
        self.0.checkpoint = Some(at.into());
        self
    }

    /// Goes on from the state that the [checkpoint](Self::checkpoint) has; it is an error if there is none.
    pub fn resume(mut self) -> Self {
        self.0.going = Going::On;
        self
    }

    /// Goes on from the state that the [checkpoint](Self::checkpoint) has, if there is one, and begins otherwise.
    pub fn resume_if_there(mut self) -> Self {
        self.0.going = Going::OnIfThere;
        self
    }

    /// Keeps the draws that the run gathers on its way, those of chains and recycled particles, in a folder as they come, so that memory does not grow with their number: the
    /// posterior then has as many of them as there is [room](Keep::room) for, evenly apart, and
    /// [`KeptDraws`](crate::posterior::kept::KeptDraws) reads the folder, also of a run under way or one that was killed. With room for all the posterior is the same to the bit.
    ///
    /// ```
    /// use smc_runtime::posterior::kept::KeptDraws;
    /// use smc_runtime::prelude::*;
    ///
    /// #[bayes_model]
    /// #[likelihood(Normal(mean = output, sd = 0.1))]
    /// #[infer(mcmc(chains = 2, warmup = 50, draws = 100))]
    /// struct Line {
    ///     output: Linear<1, 1>,
    /// }
    ///
    /// let data = Dataset::new(1, vec![-1.0, 0.0, 1.0], vec![-0.9, 0.1, 1.1])?;
    /// let folder = std::env::temp_dir().join(format!("smc-draws-{}", std::process::id()));
    /// let posterior = Line::infer(&data).keep(&folder).run()?;
    /// assert_eq!(posterior.positions(), Line::infer(&data).run()?.positions());
    /// assert_eq!(KeptDraws::open(&folder)?.generations(), 100);
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok::<(), Error>(())
    /// ```
    pub fn keep(mut self, at: impl Into<Keep>) -> Self {
        self.0.keep = Some(at.into());
        self
    }

    /// Something that watches the run, such as [`Progress::bar`](crate::run::Progress::bar).
    pub fn observe(mut self, observer: impl Observer + 'static) -> Self {
        self.0.observers.push(Box::new(observer));
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

    /// What the run will take: memory, and seconds by a few gradients that are timed for a fifth of a second. Nothing is run.
    ///
    /// ```
    /// use smc_runtime::prelude::*;
    ///
    /// #[bayes_model]
    /// #[likelihood(Normal(mean = output, sd = 0.1))]
    /// struct Line {
    ///     output: Linear<1, 1>,
    /// }
    ///
    /// let data = Dataset::new(1, vec![-1.0, 0.0, 1.0], vec![-0.9, 0.1, 1.1])?;
    /// let chains = Line::infer(&data).with(mcmc().chains(4).warmup(100).draws(100));
    /// let estimate = chains.estimate()?;
    /// println!("{estimate}");
    /// // 4 chains of 200 moves of 20 leapfrogs on 3 rows.
    /// assert_eq!((estimate.row_gradients, estimate.guess), (Some(48000.0), false));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// If data and model do not fit.
    pub fn estimate(&self) -> Result<Estimate> {
        let (threads, algorithm) = (Threads::new(self.0.threads)?, &*self.0.algorithm);
        let (bind, seed) = (self.0.binding(), self.0.seed);
        threads.run(|| {
            let bound = bind()?;
            Ok(Estimate::of(&*bound.problem, algorithm, seed))
        })
    }

    /// How many row-gradients the machine makes in so many `seconds`, at its present load, on mini-batches of `rows` rows: what a
    /// budget in gradients can be set by. It takes a fifth of a second.
    ///
    /// # Errors
    /// If data and model do not fit.
    pub fn gradients_in(&self, seconds: f64, rows: usize) -> Result<u64> {
        let (threads, seed) = (Threads::new(self.0.threads)?, self.0.seed);
        let bind = self.0.binding();
        threads.run(|| {
            let bound = bind()?;
            Ok((seconds * rate(&*bound.problem, rows, seed)) as u64)
        })
    }

    /// Runs it.
    ///
    /// # Errors
    /// If data and model do not fit, if an order does not hold each row once, if a setting is impossible, if targets are to be
    /// standardised that cannot be, if all particles lose their weight, or if the run was ended before it had anything.
    pub fn run(self) -> Result<Posterior<M>> {
        self.begin()?.finish()
    }

    /// Begins it, to be driven by hand: [`Running::step`] by step, its [state](Running::state) saved in between.
    ///
    /// ```
    /// use smc_runtime::prelude::*;
    /// use smc_runtime::run::State;
    ///
    /// #[bayes_model]
    /// #[likelihood(Normal(mean = output, sd = 0.1))]
    /// #[infer(smc(particles = 8))]
    /// struct Line {
    ///     output: Linear<1, 1>,
    /// }
    ///
    /// let data = Dataset::new(1, vec![-1.0, 0.0, 1.0], vec![-0.9, 0.1, 1.1])?;
    /// let mut run = Line::infer(&data).seed(1).begin()?;
    /// run.step()?;
    /// let saved = serde_json::to_string(&run.state()?).unwrap();
    ///
    /// let state: State = serde_json::from_str(&saved).unwrap();
    /// let posterior = Line::infer(&data).seed(1).resume_from(&state)?.finish()?;
    /// assert!(posterior.log_evidence().is_some());
    /// // Another seed, other data or other settings are another run.
    /// let error = Line::infer(&data).seed(2).resume_from(&state).map(|_| ()).unwrap_err();
    /// assert_eq!(error.to_string(), "a saved state of another run: its seed is 1, and here it is 2");
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Run::run`] that are known before the first step.
    pub fn begin(self) -> Result<Running<M>> {
        Running::begin(self.0, None)
    }

    /// Goes on with the run that saved `state`, bit for bit, on any number of threads. Model, data, order of the rows,
    /// standardisation, algorithm, seed and engine must be what they were.
    ///
    /// # Errors
    /// [`Error::OtherRun`](crate::Error::OtherRun) with what differs, and those of [`Run::begin`].
    pub fn resume_from(self, state: &State) -> Result<Running<M>> {
        Running::begin(self.0, Some(state))
    }
}
