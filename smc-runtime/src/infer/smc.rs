//! Sequential Monte Carlo. The loop can be read in one screen: [`SmcRun::step`].

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Draws, Inference, Island, Session};
use crate::base::error::{Error, Result};
use crate::base::rng::{Purpose, Streams};
use crate::infer::observe::Step;
use crate::problem::population::Population;
use crate::problem::{Counts, Problem};
use crate::sampling::adapt::{self, Adaptation};
use crate::sampling::anneal::{Annealing, Lookahead, Place, Plan, SmoothDataAnnealing};
use crate::sampling::cloud::{Cloud, Target};
use crate::sampling::kernel::{At, Hmc, Kernel, Moved, Tuning};
use crate::sampling::moves::{Made, Moves};
use crate::sampling::resample::{Resample, Systematic};
use crate::sampling::stage::Stage;
use crate::sampling::start::Gaussians;
use crate::sampling::weights::{Combine, Islands, Reweighted, Weights};

/// Sequential Monte Carlo with 64 particles, smooth data annealing and HMC, unless set otherwise.
///
/// ```
/// use smc_runtime::prelude::*;
/// let algorithm = smc().particles(128).annealing(Tempering::adaptive()).kernel(Hmc::leapfrogs(5)).moves(2);
/// ```
pub fn smc() -> Smc {
    Smc::default()
}

/// The settings of sequential Monte Carlo; see [`smc`].
#[derive(Clone, Debug)]
pub struct Smc {
    particles: usize,
    islands: usize,
    combine: Combine,
    annealing: Arc<dyn Annealing>,
    kernel: Arc<dyn Kernel>,
    adaptation: Arc<dyn Adaptation>,
    resample: Arc<dyn Resample>,
    moves: Arc<dyn Moves>,
    final_moves: usize,
    recycle: bool,
    thin: usize,
    ess: f64,
    start: Option<Arc<Gaussians>>,
    warm: Option<(Arc<dyn Inference>, f64)>,
}

impl Default for Smc {
    fn default() -> Self {
        Self {
            particles: 64,
            islands: 1,
            combine: Combine::Evidence,
            annealing: Arc::new(SmoothDataAnnealing::geometric()),
            kernel: Arc::new(Hmc::default()),
            adaptation: adapt::default(),
            resample: Arc::new(Systematic),
            moves: Arc::new(3),
            final_moves: 0,
            recycle: false,
            thin: 1,
            ess: 0.5,
            start: None,
            warm: None,
        }
    }
}

impl Smc {
    /// Number of particles J, of each island.
    pub fn particles(mut self, particles: usize) -> Self {
        self.particles = particles;
        self
    }

    /// K islands of J particles each, one unless set: populations that never exchange particles, each with weights and an
    /// evidence of its own, whose spread says how far the evidence can be trusted.
    ///
    /// Islands share the schedule and the settings of the kernel, so that they move as one population. They are
    /// independent where neither adapts; where both do, an adaptive schedule looks at all particles with equal weight of
    /// the islands.
    pub fn islands(mut self, islands: usize) -> Self {
        self.islands = islands;
        self
    }

    /// How islands count in the end: by their evidence, unless set.
    pub fn combine(mut self, combine: Combine) -> Self {
        self.combine = combine;
        self
    }

    /// Which stages lead to the posterior.
    pub fn annealing(mut self, policy: impl Annealing + 'static) -> Self {
        self.annealing = Arc::new(policy);
        self
    }

    /// How particles move at a stage.
    pub fn kernel(mut self, kernel: impl Kernel + 'static) -> Self {
        self.kernel = Arc::new(kernel);
        self
    }

    /// How the kernel's step size and scales come about.
    pub fn adaptation(mut self, policy: impl Adaptation + 'static) -> Self {
        self.adaptation = Arc::new(policy);
        self
    }

    /// How ancestors are chosen.
    pub fn resample(mut self, scheme: impl Resample + 'static) -> Self {
        self.resample = Arc::new(scheme);
        self
    }

    /// Moves per stage: a number, 3 unless set, or a policy such as [`AdaptiveMoves`](crate::sampling::moves::AdaptiveMoves). More
    /// moves where the posterior is stiff: too few leave particles behind the target, and the evidence too low.
    pub fn moves(mut self, moves: impl Moves + 'static) -> Self {
        self.moves = Arc::new(moves);
        self
    }

    /// Further moves on the posterior, after the last stage: 0 unless set. They are reported, and can be saved, as up to 20
    /// steps of their own.
    pub fn final_moves(mut self, moves: usize) -> Self {
        self.final_moves = moves;
        self
    }

    /// Resample when the effective sample size falls below this fraction of J; ½ unless set.
    pub fn ess(mut self, fraction: f64) -> Self {
        self.ess = fraction;
        self
    }

    /// Keeps the particles after every move whose target is the posterior, not only those of the last: iteration k counts
    /// by c_k ∝ 1/Σ_i W²_{k,i}, its effective sample size. Draws of one particle follow one another.
    pub fn recycle(mut self, recycle: bool) -> Self {
        self.recycle = recycle;
        self
    }

    /// Moves per recycled generation: of the moves on the posterior only every `moves`-th is kept, as a prediction costs as
    /// much as there are draws. 1 unless set.
    ///
    /// ```
    /// use smc_runtime::prelude::*;
    /// let algorithm = smc().particles(16).final_moves(1000).recycle(true).thin(20);
    /// ```
    pub fn thin(mut self, moves: usize) -> Self {
        self.thin = moves;
        self
    }

    /// Begins at these Gaussians in place of the prior; every stage of the policy is then
    /// [bridged](crate::sampling::stage::Stage::bridged).
    pub fn start(mut self, start: Gaussians) -> Self {
        self.start = Some(Arc::new(start));
        self
    }

    /// Begins at [Gaussians around](Gaussians::around) the draws of another algorithm, such as the members of an ensemble,
    /// with standard deviations times `spread`.
    ///
    /// ```
    /// use smc_runtime::prelude::*;
    /// let algorithm = smc().warm(mcmc().chains(8).warmup(100).draws(1), 1.0);
    /// ```
    pub fn warm(mut self, algorithm: impl Inference + 'static, spread: f64) -> Self {
        self.warm = Some((Arc::new(algorithm), spread));
        self
    }

    fn check(&self, problem: &dyn Problem) -> Result<()> {
        let dim = problem.layout().dim();
        if let Some(start) = &self.start
            && start.dim() != dim
        {
            return Err(Error::shape(
                "a warm start",
                format!("{dim} parameters"),
                format!("{} parameters", start.dim()),
            ));
        }
        for (what, value, expected) in [
            (
                "particles",
                self.particles,
                "at least one particle is needed",
            ),
            ("islands", self.islands, "at least one island is needed"),
            ("thin", self.thin, "at least 1 is needed"),
        ] {
            if value == 0 {
                return Err(Error::config(what, 0, expected));
            }
        }
        if !(0.0..=1.0).contains(&self.ess) {
            return Err(Error::config(
                "ess",
                self.ess,
                "a fraction between 0 and 1 is needed",
            ));
        }
        if self.islands > 1
            && self.particles == 1
            && self.combine == Combine::Equally
            && !self.kernel.invariant()
        {
            return Err(Error::config(
                "kernel",
                format!("{:?}", self.kernel),
                "it corrects weights, and islands of one particle that count equally have none: take more particles, an \
                 adjusted kernel, or islands that count by their evidence",
            ));
        }
        self.moves.check()?;
        self.kernel.check()?;
        self.adaptation.check(&*self.kernel)
    }
}

impl Inference for Smc {
    fn name(&self) -> &'static str {
        "smc"
    }

    fn infer(&self, problem: &dyn Problem, session: &mut Session<'_>) -> Result<Draws> {
        let mut settings = self.clone();
        if let Some((algorithm, spread)) = settings.warm.take() {
            self.check(problem)?;
            let centres = algorithm.infer(problem, session)?.positions;
            let start = Gaussians::around(problem, session.streams(), centres, spread)?;
            settings = settings.start(start);
        }
        let mut run = SmcRun::new(settings, problem, session.streams())?;
        if let Some(plan) = run.plan() {
            session.plan(plan);
        }
        while let Some(step) = run.step()? {
            session.report(step)?;
        }
        Ok(run.into_draws())
    }
}

/// Everything that a run has become so far; with the same settings and data it goes on from here bit for bit, if the format
/// that it is saved in keeps every bit of a number (`serde_json` does with its feature `float_roundtrip`).
///
/// ```
/// use smc_runtime::engine::{Engine, bind};
/// use smc_runtime::infer::{SmcRun, SmcState};
/// use smc_runtime::prelude::*;
/// use smc_runtime::base::rng::Streams;
///
/// #[bayes_model]
/// #[likelihood(Normal(mean = output, sd = 0.1))]
/// struct Line {
///     output: Linear<1, 1>,
/// }
///
/// let data = Dataset::new(1, vec![-1.0, 0.0, 1.0], vec![-0.9, 0.1, 1.1])?;
/// let bound = bind(Line::default(), &data, Engine::fused(), 1)?;
/// let mut run = SmcRun::new(smc().particles(8), &*bound.problem, Streams::new(1))?;
/// run.step()?;
/// let saved = serde_json::to_string(&run.state()).unwrap();
///
/// let state: SmcState = serde_json::from_str(&saved).unwrap();
/// let mut run = SmcRun::resume(smc().particles(8), &*bound.problem, state)?;
/// while run.step()?.is_some() {}
/// assert!(run.into_draws().log_evidence.is_some());
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SmcState {
    streams: Streams,
    stage: Stage,
    steps: usize,
    cloud: Cloud,
    weights: Islands,
    tuning: Tuning,
    /// The initial particle that each one descends from.
    roots: Vec<usize>,
    /// Final moves made.
    after: usize,
    /// Moves made on the posterior, where they are recycled.
    on_posterior: usize,
    /// Particles and weights after the moves on the posterior, where they are recycled.
    generations: Vec<(Population, Islands)>,
    /// Work done before this state was saved.
    spent: Counts,
    /// Σ of the rows of the stages entered.
    rows: u64,
    /// What the annealing policy had to say.
    cautions: Vec<String>,
}

/// A run of sequential Monte Carlo that advances one stage at a time.
pub struct SmcRun<'a> {
    settings: Smc,
    problem: &'a dyn Problem,
    state: SmcState,
    at_start: Counts,
    /// The stages, if the annealing policy knows them beforehand.
    plan: Option<Vec<Stage>>,
}

impl<'a> SmcRun<'a> {
    /// Particles drawn from the prior, or from the warm start.
    ///
    /// # Errors
    /// If a setting is impossible.
    pub fn new(settings: Smc, problem: &'a dyn Problem, streams: Streams) -> Result<Self> {
        settings.check(problem)?;
        if settings.warm.is_some() {
            return Err(Error::config(
                "warm",
                "set",
                "a run of its own needs the Gaussians themselves: give it `start`",
            ));
        }
        let at_start = problem.counts();
        let particles = settings.islands * settings.particles;
        let (stage, positions) = match &settings.start {
            Some(start) => (Stage::start(), start.sample(streams, particles)),
            None => {
                let mut positions = Population::zeros(particles, problem.layout().dim());
                problem.sample_prior(streams, 0, &mut positions);
                (Stage::prior(), positions)
            }
        };
        let mut tuning = settings.kernel.start(problem.layout().dim());
        tuning.refer_to(adapt::reference(problem, streams));
        if settings.start.is_some() {
            // Already narrow: at the step for a cloud from the prior the first move would be lost.
            tuning.step *= 0.5;
        }
        settings.adaptation.begin(&mut tuning);
        let target = Target {
            problem,
            stage: &stage,
            start: settings.start.as_deref(),
        };
        let state = SmcState {
            streams,
            steps: 0,
            cloud: Cloud::at(&target, positions),
            stage,
            weights: Islands::uniform(settings.islands, settings.particles),
            tuning,
            roots: (0..particles).collect(),
            after: 0,
            on_posterior: 0,
            generations: Vec::new(),
            spent: Counts::default(),
            rows: 0,
            cautions: Vec::new(),
        };
        Ok(Self {
            plan: planned(&settings, problem)?,
            settings,
            problem,
            state,
            at_start,
        })
    }

    /// Goes on from a saved state, with the settings and data of the run that saved it.
    ///
    /// # Errors
    /// If the state does not fit the settings or the problem.
    pub fn resume(settings: Smc, problem: &'a dyn Problem, state: SmcState) -> Result<Self> {
        settings.check(problem)?;
        let text = |islands: usize, particles: usize, dim: usize| {
            format!("{islands} islands of {particles} particles of {dim} parameters")
        };
        let expected = text(settings.islands, settings.particles, problem.layout().dim());
        let found = text(
            state.weights.each().len(),
            state.weights.particles(),
            state.cloud.positions.dim(),
        );
        if expected != found {
            return Err(Error::shape("a saved state", expected, found));
        }
        Ok(Self {
            plan: planned(&settings, problem)?,
            settings,
            problem,
            state,
            at_start: problem.counts(),
        })
    }

    /// What the stages will cost, if the annealing policy knows them beforehand.
    pub fn plan(&self) -> Option<Plan> {
        let stages = self.plan.as_ref()?;
        Some(Plan::new(stages, self.problem.rows()))
    }

    /// The state to save.
    pub fn state(&self) -> SmcState {
        let spent = self.counts();
        SmcState {
            spent,
            ..self.state.clone()
        }
    }

    /// Enters the next stage, or makes some of the final moves; `None` when all is done.
    ///
    /// # Errors
    /// If the annealing policy fails, or if all particles lose their weight.
    pub fn step(&mut self) -> Result<Option<Step>> {
        if self.state.after > 0 {
            return self.go_on();
        }
        // Next stage, and its increments on the old particles: only new rows are evaluated.
        let row_gradients = self.counts().row_gradients;
        let state = &mut self.state;
        let place = Place {
            streams: state.streams,
            step: state.steps,
            row_gradients,
            rows: state.rows,
            plan: self.plan.as_deref(),
        };
        let pooled = state.weights.combined(Combine::Equally);
        let mut ahead = Lookahead::new(self.problem, &state.cloud, &pooled, &state.stage, place);
        ahead.bridge(self.settings.start.is_some());
        let Some(next) = self.settings.annealing.next(&mut ahead)? else {
            return self.go_on();
        };
        let next = ahead.bridged(next);
        possible(&next, self.problem.rows(), state.steps)?;
        if self.plan.is_none() && next == state.stage {
            let problem = "it is the current stage again".to_owned();
            let stage = state.steps;
            return Err(Error::Schedule { stage, problem });
        }
        if next.beta() < state.stage.beta() {
            let problem = "the start comes back: the exponent of the prior falls".to_owned();
            let stage = state.steps;
            return Err(Error::Schedule { stage, problem });
        }
        let increments = ahead.increments(&next);
        let terms = ahead.terms(&next);
        let caution = ahead.take_caution();
        let caution = caution.filter(|text| !state.cautions.contains(text));
        state.cautions.extend(caution);
        state.rows += next.cost() as u64;

        // Reweight.
        let reweighted = state.weights.reweight(&increments);
        state.steps += 1;
        let reweighted = reweighted.map_err(|_| collapse(&next, state.steps, state.roots.len()))?;
        state.cloud.enter(terms);
        state.stage = next;

        // Tune on the weighted cloud, then resample if few particles carry the weight.
        let target = target(&self.settings, self.problem, &state.stage);
        let (tuning, cloud) = (&mut state.tuning, &mut state.cloud);
        self.settings.adaptation.enter(
            tuning,
            &target,
            cloud,
            &state.weights.combined(Combine::Equally),
        );
        let resampled = self.resample();

        // Move on the new target.
        let moved = self.move_particles()?;
        Ok(Some(self.describe(&reweighted, resampled, &moved)))
    }

    /// Resamples the islands whose ESS is low; whether there were any.
    fn resample(&mut self) -> bool {
        let (settings, state) = (&self.settings, &mut self.state);
        let (streams, stage) = (state.streams, state.steps);
        let ancestors = state.weights.resample(settings.ess, |island, weights| {
            let mut stream = streams.stream(Purpose::Resample, stage, island, 0);
            settings.resample.ancestors(weights, &mut stream)
        });
        let Some(ancestors) = ancestors else {
            return false;
        };
        state.cloud.resample(&ancestors);
        state.roots = ancestors.iter().map(|&a| state.roots[a]).collect();
        true
    }

    /// The stage's moves, and more while the step size is far from what the kernel aims at.
    fn move_particles(&mut self) -> Result<Moving> {
        const MOST_EXTRA: usize = 8;
        let (settings, state) = (&self.settings, &mut self.state);
        let target = target(settings, self.problem, &state.stage);
        let at = At {
            streams: state.streams,
            stage: state.steps,
            draw: TRIALS,
        };
        let (kernel, adaptation) = (&*settings.kernel, &*settings.adaptation);
        adaptation.try_out(
            kernel,
            &mut state.tuning,
            &target,
            &state.cloud,
            &state.weights.combined(Combine::Equally),
            at,
        );
        let aim = adaptation.target_acceptance(kernel);
        let mut done = Moving::new(self.problem.layout().dim());
        let mut extra = 0;
        loop {
            let far =
                aim.is_some_and(|aim| done.made.moves > 0 && done.made.acceptance < 0.5 * aim);
            if !self.settings.moves.more(&done.made) {
                if !far || extra == MOST_EXTRA {
                    break;
                }
                extra += 1;
            }
            self.make_move(&mut done)?;
        }
        Ok(done)
    }

    /// One move on the present target, which is recycled if that is the posterior.
    fn make_move(&mut self, done: &mut Moving) -> Result<()> {
        let (settings, state) = (&self.settings, &mut self.state);
        let target = target(settings, self.problem, &state.stage);
        let at = At {
            streams: state.streams,
            stage: state.steps,
            draw: done.made.moves,
        };
        let kernel = &*settings.kernel;
        let moved = kernel.step(&state.tuning, &target, &mut state.cloud, at);
        if let Some(corrections) = &moved.corrections {
            let corrected = state.weights.reweight(corrections);
            let reweighted =
                corrected.map_err(|_| collapse(&state.stage, state.steps, state.roots.len()))?;
            done.cess = done.cess.min(reweighted.cess);
        }
        kernel.learn(&mut state.tuning, &moved, 1.0);
        settings
            .adaptation
            .learn(kernel, &mut state.tuning, &moved, 1.0);
        done.add(&moved);
        if settings.recycle && state.stage.is_posterior(self.problem.rows()) {
            state.on_posterior += 1;
            if state.on_posterior.is_multiple_of(settings.thin) {
                let generation = (state.cloud.positions.clone(), state.weights.clone());
                state.generations.push(generation);
            }
        }
        Ok(())
    }

    /// Some of the final moves, as a step; `None` when all are made, or if the stages did not end at the posterior.
    fn go_on(&mut self) -> Result<Option<Step>> {
        const PARTS: usize = 20;
        let all = self.settings.final_moves;
        let left = all.saturating_sub(self.state.after);
        let some = all.div_ceil(PARTS).min(left);
        if some == 0 || !self.state.stage.is_posterior(self.problem.rows()) {
            return Ok(None);
        }
        self.state.steps += 1;
        self.state.after += some;
        let mut moved = Moving::new(self.problem.layout().dim());
        for _ in 0..some {
            self.make_move(&mut moved)?;
        }
        let unchanged = Reweighted {
            cess: 1.0,
            ess: self.state.weights.combined(Combine::Equally).ess(),
            non_finite: 0,
        };
        Ok(Some(self.describe(&unchanged, false, &moved)))
    }

    fn counts(&self) -> Counts {
        self.state.spent + (self.problem.counts() - self.at_start)
    }

    fn describe(&self, reweighted: &Reweighted, resampled: bool, moved: &Moving) -> Step {
        let state = &self.state;
        let all_rows = self.problem.rows();
        let rows = state.stage.effective_rows();
        Step {
            step: state.steps,
            done: self.done(rows),
            rows,
            touched: state.stage.cost(),
            all_rows,
            cess: reweighted.cess.min(moved.cess),
            ess: reweighted.ess,
            resampled,
            acceptance: Some(moved.acceptance / moved.made.moves.max(1) as f64),
            moves: moved.made.moves,
            step_size: state.tuning.step,
            ancestors: distinct(&state.roots),
            log_evidence: Some(state.weights.log_evidence()),
            non_finite: reweighted.non_finite + moved.non_finite,
            counts: self.counts(),
            seconds: 0.0,
        }
    }

    /// How much is done: half of it when all `rows` are in, if there are final moves.
    fn done(&self, rows: f64) -> f64 {
        let annealed = (rows.ln_1p() / (self.problem.rows() as f64).ln_1p()).min(1.0);
        match self.settings.final_moves {
            0 => annealed,
            all => 0.5 * (annealed + self.state.after as f64 / all as f64),
        }
    }

    /// The weighted particles.
    pub fn into_draws(self) -> Draws {
        let (settings, state) = (self.settings, self.state);
        let complete = state.stage.is_posterior(self.problem.rows());
        let mut cautions = state.cautions;
        if !complete {
            cautions.push(
                "the annealing policy did not end at all rows: these draws are not from the posterior, and there is no evidence"
                    .to_owned(),
            );
        }
        let ancestors = distinct(&state.roots);
        if ancestors < FEW.min(state.roots.len()) {
            cautions.push(format!(
                "only {ancestors} of {} initial particles have descendants: the draws are moves from few starts, and the log-evidence varies from seed to seed; take more moves, and compare seeds or islands",
                state.roots.len()
            ));
        }
        if settings.combine == Combine::Equally && settings.islands > 1 {
            cautions.push(format!(
                "{} islands count equally: an ensemble of runs rather than one weighted posterior",
                settings.islands
            ));
        }
        let islands = state.weights.each().iter().map(|weights| Island {
            log_evidence: weights.log_evidence(),
            ess: weights.ess(),
        });
        let islands = islands.collect();
        let log_evidence = complete.then(|| state.weights.log_evidence());
        let (positions, log_weights) = if complete && !state.generations.is_empty() {
            recycled(&state.generations, settings.combine)
        } else {
            let weights = state.weights.combined(settings.combine);
            (state.cloud.positions, weights.log().to_vec())
        };
        Draws {
            positions,
            log_weights,
            log_evidence,
            chains: 1,
            islands,
            cautions,
        }
    }
}

/// All generations as one weighted cloud, in which draws of one particle follow one another.
fn recycled(generations: &[(Population, Islands)], combine: Combine) -> (Population, Vec<f64>) {
    let weights: Vec<Weights> = generations
        .iter()
        .map(|(_, w)| w.combined(combine))
        .collect();
    let total: f64 = weights.iter().map(Weights::ess).sum();
    let dim = generations[0].0.dim();
    let mut positions = Population::zeros(generations.len() * generations[0].0.len(), dim);
    let mut log_weights = vec![0.0; positions.len()];
    for (k, ((particles, _), weights)) in generations.iter().zip(&weights).enumerate() {
        let share = (weights.ess() / total).ln();
        for (i, log) in weights.log().iter().enumerate() {
            let place = i * generations.len() + k;
            positions.row_mut(place).copy_from_slice(particles.row(i));
            log_weights[place] = log + share;
        }
    }
    (positions, log_weights)
}

/// Keys the random numbers of trial moves apart from those of moves.
const TRIALS: usize = 1 << 20;

fn target<'a>(settings: &'a Smc, problem: &'a dyn Problem, stage: &'a Stage) -> Target<'a> {
    Target {
        problem,
        stage,
        start: settings.start.as_deref(),
    }
}

/// Fewer distinct initial particles than this is worth a word of caution.
const FEW: usize = 4;

fn distinct(roots: &[usize]) -> usize {
    let mut roots = roots.to_vec();
    roots.sort_unstable();
    roots.dedup();
    roots.len()
}

/// What the moves of a stage came to.
struct Moving {
    made: Made,
    acceptance: f64,
    cess: f64,
    non_finite: usize,
}

impl Moving {
    fn new(dim: usize) -> Self {
        Self {
            made: Made {
                dim,
                ..Made::default()
            },
            acceptance: 0.0,
            cess: 1.0,
            non_finite: 0,
        }
    }

    fn add(&mut self, moved: &Moved) {
        self.made.moves += 1;
        self.made.acceptance = moved.mean_acceptance();
        self.made.jumps += moved.mean_jump();
        self.acceptance += self.made.acceptance;
        self.non_finite += moved.non_finite;
    }
}

/// The policy's plan, every stage of which can be entered.
fn planned(settings: &Smc, problem: &dyn Problem) -> Result<Option<Vec<Stage>>> {
    let plan = settings.annealing.plan(problem.rows())?;
    for (k, stage) in plan.iter().flatten().enumerate() {
        possible(stage, problem.rows(), k)?;
    }
    Ok(plan)
}

fn possible(next: &Stage, rows: usize, stage: usize) -> Result<()> {
    const MOST: usize = 1_000_000;
    let problem = if stage >= MOST {
        Some(format!("it has not reached the posterior in {MOST} stages"))
    } else {
        next.problem(rows)
    };
    problem.map_or(Ok(()), |problem| Err(Error::Schedule { stage, problem }))
}

fn collapse(stage: &Stage, steps: usize, particles: usize) -> Error {
    Error::Collapse {
        stage: steps,
        particles,
        rows: stage.full().len(),
        phi: stage.phi(),
        advice: "every log-density is -inf or NaN there; try smaller prior scales, standardised data or a smaller first block",
    }
}
