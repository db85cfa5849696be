//! A run under way: it is driven step by step, shown, saved, and ends in a posterior.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::checkpoint::Kept;
use super::conflict::conflicts;
use super::estimate::fits;
use super::events;
use super::fingerprint::Fingerprint;
use super::keep::Keeping;
use super::scale::far;
use super::setup::Setup;
use super::state::{State, Told};
use crate::base::error::{Error, Result};
use crate::base::exec::Threads;
use crate::base::interrupt;
use crate::base::rng::Streams;
use crate::base::saved::Saved;
use crate::data::{Dataset, Features, Findings, Seen, Standardise, TargetScale};
use crate::engine;
use crate::infer::observe::{Live, Observer, Step};
use crate::infer::{Form, Stepwise};
use crate::model::Model;
use crate::posterior::report::{Report, ScaledBy};
use crate::posterior::{LearnedFrom, Posterior};
use crate::problem::{Counts, Problem};
use crate::sampling::anneal::Plan;

/// Training rows at most at which a run looks whether its chains or islands agree, and numbers that this may take.
const AGREEMENT_ROWS: usize = 256;
const ROOM: usize = 1 << 23;

/// What ended a run that was interrupted.
const INTERRUPTED: &str = "by an interruption";

/// A run that has begun. It holds what it needs: the data may go.
pub struct Running<M> {
    model: M,
    problem: Arc<dyn Problem>,
    inside: Box<dyn Stepwise>,
    algorithm: &'static str,
    settings: String,
    threads: Threads,
    observers: Vec<Box<dyn Observer>>,
    fingerprint: Fingerprint,
    seed: u64,
    /// What was told before this process, and since.
    told: Told,
    at_start: Counts,
    since: Instant,
    plan: Option<Plan>,
    findings: Findings,
    given: Given,
    within: Option<Duration>,
    kept: Option<Kept>,
    keeping: Option<Keeping>,
    /// Why no further step is made, if the run was ended.
    ended: Option<&'static str>,
}

/// What is kept of the data.
struct Given {
    learned_from: LearnedFrom,
    scaled_by: ScaledBy,
    target_scale: TargetScale,
    total_weight: f64,
    /// Some of the training rows.
    some: Features,
}

impl Given {
    fn of(
        data: &Dataset,
        some: Features,
        scale: Option<&Standardise>,
        scaled_by: ScaledBy,
    ) -> Self {
        Self {
            some,
            learned_from: LearnedFrom {
                scale: scale.cloned(),
                classes: data.classes().to_vec(),
                names: data.inputs().given_names().to_vec(),
                shifts: data.inputs().shifts().to_vec(),
                schema: data.inputs().schema(),
                seen: Seen::of(data),
            },
            scaled_by,
            target_scale: data.target_scale(),
            total_weight: data.total_weight(),
        }
    }
}

/// What observers are told before the first step.
struct News<'a> {
    findings: &'a Findings,
    chosen: &'a [String],
    plan: Option<&'a Plan>,
    live: &'a Live,
}

impl News<'_> {
    fn tell(&self, observer: &mut dyn Observer) {
        if !self.findings.is_empty() {
            observer.data(self.findings);
        }
        if !self.chosen.is_empty() {
            observer.chosen(self.chosen);
        }
        if let Some(plan) = self.plan {
            observer.plan(plan);
        }
        observer.live(self.live);
    }
}

impl<M: Model> Running<M> {
    pub(super) fn begin(run: Setup<'_, M>, state: Option<&State>) -> Result<Self> {
        let (mut kept, there) = Kept::asked_for(run.checkpoint.as_ref(), run.going)?;
        let state = state.or(there.as_ref());
        let threads = Threads::new(run.threads)?;
        let since = Instant::now();
        let (data, seed) = (run.data, run.seed);
        let mut observers = run.observers;
        // Before anything is packed: what the check gathers is gone by then.
        let mut findings = threads.run(|| data.check());
        let (model, scaling) = (&run.model, &run.scaling);
        let (scale, scaled_by) = threads.run(|| scaling.settled(model, data));
        let scale = scale.as_ref();
        let bound = {
            let (model, order, engine) = (run.model, run.order, run.engine);
            threads.run(|| engine::bind_rows(model, data, scale, order, engine, seed))?
        };
        let problem = bound.problem;
        let order = problem.order();
        let some = data
            .inputs()
            .select(&order[..order.len().min(AGREEMENT_ROWS)])?;
        findings.far = threads.run(|| far(&*problem, data, &some, scale, seed))?;
        let fingerprint = threads.run(|| {
            let algorithm = &*run.algorithm;
            Fingerprint::of(bound.model.name(), &*problem, data, scale, algorithm, seed)
        });
        let (streams, algorithm) = (Streams::new(seed), &*run.algorithm);
        // Draws that go to disk as they come need no room.
        if run.keep.is_none() {
            fits(&*problem, algorithm)?;
        }
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
        let keeping = {
            let of = (&fingerprint, bound.model.name());
            let handed = (told.handed, state.is_some());
            Keeping::asked_for(run.keep.as_ref(), handed, of, &*inside)?
        };
        let (plan, chosen) = (inside.plan(), inside.chosen());
        let live = {
            let (problem, before) = (problem.clone(), told.counts);
            Live::new(move || before + (problem.counts() - at_start))
        };
        events::begin(algorithm.name(), bound.model.name(), &*problem, seed);
        let news = News {
            findings: &findings,
            chosen: &chosen,
            plan: plan.as_ref(),
            live: &live,
        };
        for observer in &mut observers {
            news.tell(&mut **observer);
        }
        let given = Given::of(data, some, scale, scaled_by);
        if kept.is_some() {
            interrupt::watch();
        }
        let mut running = Self {
            algorithm: run.algorithm.name(),
            settings: format!("{:?}", run.algorithm),
            model: bound.model,
            problem,
            inside,
            threads,
            observers,
            fingerprint,
            seed,
            told,
            at_start,
            since,
            plan,
            findings,
            given,
            within: run.within,
            kept: None,
            keeping,
            ended: None,
        };
        if let Some(kept) = &mut kept
            && state.is_none()
        {
            kept.begin(&running.state()?)?;
        }
        running.kept = kept;
        Ok(running)
    }

    /// Makes a step and shows it to every observer; `None` when all are made, or when an observer or its time has ended the
    /// run. A run that was ended can be saved, and go on from there.
    ///
    /// # Errors
    /// If a policy fails, or if all particles lose their weight.
    pub fn step(&mut self) -> Result<Option<&Step>> {
        if self.ended.is_some() {
            return Ok(None);
        }
        let inside = &mut self.inside;
        let Some(mut step) = self.threads.run(|| inside.step())? else {
            return Ok(None);
        };
        step.counts = self.counts();
        step.seconds = self.seconds();
        for observer in &mut self.observers {
            if observer.step(&step).is_break() {
                self.ended = Some("by an observer");
            }
        }
        if self.within.is_some_and(|most| self.since.elapsed() >= most) {
            self.ended = Some("by its time");
        }
        if self.kept.is_some() && interrupt::asked() {
            self.ended = Some(INTERRUPTED);
        }
        let done = step.done;
        events::step(self.algorithm, &step);
        self.told.steps.push(step);
        if let Some(keeping) = &mut self.keeping {
            keeping.hand_out(&mut *self.inside, &*self.problem, false)?;
        }
        if let Some(mut kept) = self.kept.take() {
            if kept.is_due() {
                kept.write(|| self.state(), done);
            }
            self.kept = Some(kept);
        }
        Ok(self.told.steps.last())
    }

    /// Generations of draws that lie in a folder.
    fn handed(&self) -> usize {
        self.keeping.as_ref().map_or(0, Keeping::handed)
    }

    /// Keeps what is not yet kept, or what has `changed` since.
    fn keep(&mut self, changed: bool) {
        let done = self.told.steps.last().map_or(0.0, |s| s.done);
        if let Some(mut kept) = self.kept.take() {
            if changed || kept.is_behind() {
                kept.write(|| self.state(), done);
            }
            self.kept = Some(kept);
        }
    }

    /// What the run has become so far, to be saved: [`Run::resume_from`](super::Run::resume_from) goes on from it bit for bit.
    ///
    /// # Errors
    /// If the algorithm has no states.
    pub fn state(&self) -> Result<State> {
        let told = Told {
            steps: self.told.steps.clone(),
            counts: self.counts(),
            seconds: self.seconds(),
            handed: self.handed(),
        };
        Ok(State {
            fingerprint: self.fingerprint.clone(),
            steps: self.told.steps.len(),
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
        let before = self.handed();
        if let Some(keeping) = &mut self.keeping {
            keeping.hand_out(&mut *self.inside, &*self.problem, true)?;
        }
        self.keep(self.handed() != before);
        let kept = self.kept.take();
        if let Some(kept) = &kept
            && self.ended == Some(INTERRUPTED)
            && kept.caution().is_none()
        {
            return Err(Error::Interrupted {
                path: kept.path().to_owned(),
                steps: self.told.steps.len(),
            });
        }
        let (counts, seconds) = (self.counts(), self.seconds());
        let (mut inside, given) = (self.inside, self.given);
        let thinned = match &self.keeping {
            Some(keeping) => keeping.give_back(&mut *inside)?,
            None => None,
        };
        let done = self.told.steps.last().map_or(0.0, |s| s.done);
        // A run that was ended at its last step was not cut short.
        let ended = self.ended.filter(|_| done < 1.0);
        // What was chosen on the way is known only now.
        let chosen = inside.chosen();
        let outcome = self.threads.run(|| inside.finish())?;
        let (mut draws, mut cautions) = (outcome.draws, outcome.cautions);
        cautions.extend(kept.and_then(|kept| kept.caution()));
        cautions.extend(thinned);
        cautions.extend(ended.map(|by| {
            format!(
                "ended {by} after {} steps, {:.0} % of the way",
                self.told.steps.len(),
                100.0 * done
            )
        }));
        if let Some(scale) = &given.learned_from.scale {
            // Each row's density is to be divided by the standard deviation.
            draws.shift_evidence(-given.total_weight * scale.target_sd().ln());
        }
        let report = Report {
            algorithm: self.algorithm.into(),
            settings: self.settings,
            seed: self.seed,
            engine: self.problem.engine().clone(),
            seconds,
            counts,
            rows: self.problem.rows(),
            data: self.findings,
            target_scale: given.target_scale,
            scaled_by: given.scaled_by,
            plan: self.plan,
            chosen,
            steps: self.told.steps,
            islands: match draws.log_evidence() {
                Some(_) => draws.each_island().to_vec(),
                None => Vec::new(),
            },
            function: None,
            finer_distance: None,
            drawn_from: draws.drawn_from(),
            points: matches!(draws.form(), Form::Points),
            conflicts: self
                .threads
                .run(|| conflicts(&*self.problem, &draws, self.seed)),
            cautions,
        };
        // As many rows as arguments of all draws leave room for.
        let outputs = self.problem.architecture().outputs();
        let most = (ROOM / (draws.positions().len() * outputs).max(1)).clamp(8, AGREEMENT_ROWS);
        let rows: Vec<usize> = (0..given.some.rows().min(most)).collect();
        let several = draws.groups() > 1;
        let (predictor, known) = (self.problem.predictor(), given.learned_from);
        let posterior = Posterior::new(self.model, predictor, draws, report, known);
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
