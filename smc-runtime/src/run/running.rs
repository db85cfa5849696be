//! A run under way: it is driven step by step, shown, saved, and ends in a posterior.

use std::sync::Arc;
use std::time::Instant;

use super::fingerprint::Fingerprint;
use super::setup::Setup;
use super::state::{State, Told};
use crate::base::error::{Error, Result};
use crate::base::exec::Threads;
use crate::base::rng::Streams;
use crate::base::saved::Saved;
use crate::data::{Features, Findings, Standardise, TargetScale};
use crate::engine;
use crate::infer::Stepwise;
use crate::infer::observe::{Observer, Step};
use crate::model::Model;
use crate::posterior::Posterior;
use crate::posterior::report::Report;
use crate::problem::{Counts, Problem};
use crate::sampling::anneal::Plan;

/// Training rows at most at which a run looks whether its chains or islands agree, and numbers that this may take.
const AGREEMENT_ROWS: usize = 256;
const ROOM: usize = 1 << 23;

/// A run that has begun. It holds what it needs: the data may go.
pub struct Running<M> {
    model: M,
    problem: Arc<dyn Problem>,
    inside: Box<dyn Stepwise>,
    algorithm: &'static str,
    threads: Threads,
    observers: Vec<Box<dyn Observer>>,
    fingerprint: Fingerprint,
    /// What was told before this process, and since.
    told: Told,
    at_start: Counts,
    since: Instant,
    plan: Option<Plan>,
    findings: Findings,
    given: Given,
}

/// What a posterior keeps of the data.
struct Given {
    scale: Option<Standardise>,
    classes: Vec<String>,
    target_scale: TargetScale,
    total_weight: f64,
    /// Some of the training rows.
    some: Features,
}

impl<M: Model> Running<M> {
    pub(super) fn begin(run: Setup<'_, M>, state: Option<&State>) -> Result<Self> {
        let threads = Threads::new(run.threads)?;
        let since = Instant::now();
        let (data, seed) = (run.data, run.seed);
        let mut observers = run.observers;
        // Before anything is packed: what the check gathers is gone by then.
        let findings = threads.run(|| data.check());
        let bound = {
            let (model, scale) = (run.model, run.scale.as_ref());
            let (order, engine) = (run.order, run.engine);
            threads.run(|| engine::bind_rows(model, data, scale, order, engine, seed))?
        };
        let problem = bound.problem;
        let fingerprint = threads.run(|| {
            let (scale, algorithm) = (run.scale.as_ref(), &*run.algorithm);
            Fingerprint::of(bound.model.name(), &*problem, data, scale, algorithm, seed)
        });
        let (streams, algorithm) = (Streams::new(seed), &*run.algorithm);
        let at_start = problem.counts();
        let (inside, told) = match state {
            None => {
                let begin = || algorithm.begin(problem.clone(), streams);
                (threads.run(begin)?, Told::default())
            }
            Some(state) => {
                fingerprint.check(&state.fingerprint)?;
                let resume = || algorithm.resume(problem.clone(), streams, &state.inside);
                (threads.run(resume)?, state.told.read()?)
            }
        };
        let plan = inside.plan();
        for observer in &mut observers {
            if !findings.is_empty() {
                observer.data(&findings);
            }
            if let Some(plan) = &plan {
                observer.plan(plan);
            }
        }
        let order = problem.order();
        let given = Given {
            some: data
                .inputs()
                .select(&order[..order.len().min(AGREEMENT_ROWS)])?,
            scale: run.scale,
            classes: data.classes().to_vec(),
            target_scale: data.target_scale(),
            total_weight: data.total_weight(),
        };
        Ok(Self {
            algorithm: run.algorithm.name(),
            model: bound.model,
            problem,
            inside,
            threads,
            observers,
            fingerprint,
            told,
            at_start,
            since,
            plan,
            findings,
            given,
        })
    }

    /// Makes a step and shows it to every observer; `None` when all are made.
    ///
    /// # Errors
    /// If a policy fails, if all particles lose their weight, or [`Error::Stopped`] if an observer says so: the step is made
    /// then, and the run can be saved and go on.
    pub fn step(&mut self) -> Result<Option<&Step>> {
        let inside = &mut self.inside;
        let Some(mut step) = self.threads.run(|| inside.step())? else {
            return Ok(None);
        };
        step.counts = self.counts();
        step.seconds = self.seconds();
        let mut stop = false;
        for observer in &mut self.observers {
            stop |= observer.step(&step).is_break();
        }
        self.told.steps.push(step);
        if stop {
            return Err(Error::Stopped {
                steps: self.told.steps.len(),
            });
        }
        Ok(self.told.steps.last())
    }

    /// What the run has become so far, to be saved: [`Run::resume`](super::Run::resume) goes on from it bit for bit.
    ///
    /// # Errors
    /// If the algorithm has no states.
    pub fn state(&self) -> Result<State> {
        let told = Told {
            steps: self.told.steps.clone(),
            counts: self.counts(),
            seconds: self.seconds(),
        };
        Ok(State {
            fingerprint: self.fingerprint.clone(),
            told: Saved::of(&told)?,
            inside: self.inside.state()?,
        })
    }

    /// The steps made so far, those before a resume included.
    pub fn steps(&self) -> &[Step] {
        &self.told.steps
    }

    /// Makes the steps that are left, and of them the posterior with its report.
    ///
    /// # Errors
    /// Those of [`Running::step`].
    pub fn finish(mut self) -> Result<Posterior<M>> {
        while self.step()?.is_some() {}
        let (counts, seconds) = (self.counts(), self.seconds());
        let (inside, given) = (self.inside, self.given);
        let outcome = self.threads.run(|| inside.finish())?;
        let mut draws = outcome.draws;
        if let Some(scale) = &given.scale {
            // Each row's density is to be divided by the standard deviation.
            draws.shift_evidence(-given.total_weight * scale.target_sd().ln());
        }
        let report = Report {
            algorithm: self.algorithm,
            engine: self.problem.engine().clone(),
            seconds,
            counts,
            rows: self.problem.rows(),
            data: self.findings,
            target_scale: given.target_scale,
            plan: self.plan,
            steps: self.told.steps,
            islands: match draws.log_evidence() {
                Some(_) => draws.each_island().to_vec(),
                None => Vec::new(),
            },
            function: None,
            cautions: outcome.cautions,
        };
        // As many rows as arguments of all draws leave room for.
        let outputs = self.problem.architecture().outputs();
        let most = (ROOM / (draws.positions().len() * outputs).max(1)).clamp(8, AGREEMENT_ROWS);
        let rows: Vec<usize> = (0..given.some.rows().min(most)).collect();
        let several = draws.groups() > 1;
        let posterior = Posterior::new(self.model, self.problem.predictor(), draws, report)
            .given(given.scale, given.classes);
        if !several {
            return Ok(posterior);
        }
        let some = given.some.select(&rows)?;
        self.threads.run(|| posterior.agreed_on(&some))
    }

    /// What was computed, before a resume and since.
    fn counts(&self) -> Counts {
        self.told.counts + (self.problem.counts() - self.at_start)
    }

    fn seconds(&self) -> f64 {
        self.told.seconds + self.since.elapsed().as_secs_f64()
    }
}
