//! The laws of an annealing policy.

use std::sync::{Arc, Mutex};

use super::{Perfect, Regression, near};
use crate::base::error::Result;
use crate::base::rng::Streams;
use crate::infer::{Draws, Inference, Smc, complete, smc};
use crate::problem::Problem;
use crate::sampling::anneal::{Annealing, Lookahead};
use crate::sampling::stage::Stage;

/// Checks an annealing policy on a [`Regression`] of 60 rows with a [`Perfect`] kernel.
///
/// Runs must enter the stages of its [plan](Annealing::plan), if it has one, or else the same stages for the same seed. It
/// must end at the posterior given all rows, and over 200 runs of 256 particles the mean of Ẑ/Z must be 1 and the
/// posterior mean the exact one, within 4.5 standard errors. An adaptive schedule's O(1/J) is below them here; with a plan
/// there is none, and the mean of Ẑ/Z must also be 1 over 2000 runs of 16 particles.
///
/// ```
/// use smc_runtime::prelude::*;
/// use smc_runtime::testing::check_annealing;
///
/// check_annealing(&StepDataAnnealing::linear(8))?;
/// // It never settles.
/// check_annealing(&RandomMiniBatch::rows(20)).unwrap_err();
/// # Ok::<(), String>(())
/// ```
///
/// # Errors
/// What is wrong, in words.
pub fn check_annealing<A: Annealing + Clone + 'static>(policy: &A) -> Result<(), String> {
    const RUNS: u64 = 200;
    let problem = Regression::simulated(60, 2, 1.0, 1.0, 7).map_err(|e| e.to_string())?;
    let exact = problem.posterior();
    let settings = smc()
        .particles(256)
        .annealing(policy.clone())
        .kernel(Perfect::of(&problem));
    check_plan(policy, &settings, &problem)?;
    let (mut ratios, mut errors) = (Vec::new(), vec![Vec::new(); exact.mean.len()]);
    for seed in 0..RUNS {
        let draws = drawn(&settings, &problem, seed)?;
        let Some(log_evidence) = draws.log_evidence() else {
            return Err("the last stage is not the posterior given all rows".to_owned());
        };
        ratios.push((log_evidence - exact.log_evidence).exp());
        for (k, errors) in errors.iter_mut().enumerate() {
            let values = draws.positions().coordinate(k);
            let of = |(x, w): (f64, f64)| w * x;
            let mean: f64 = values.into_iter().zip(draws.weights()).map(of).sum();
            errors.push(mean - exact.mean[k]);
        }
    }
    near(
        "the mean of the estimated over the exact evidence",
        &ratios,
        1.0,
        4.5,
    )?;
    for (k, errors) in errors.iter().enumerate() {
        near(
            &format!("the mean error of coordinate {k}"),
            errors,
            0.0,
            4.5,
        )?;
    }
    Ok(())
}

/// The stages of runs against the plan; then the law that only planned stages obey.
fn check_plan<A: Annealing + Clone + 'static>(
    policy: &A,
    settings: &Smc,
    problem: &Regression,
) -> Result<(), String> {
    let plan = policy.plan(problem.rows()).map_err(|e| e.to_string())?;
    let entered = |seed| {
        let watched = Watched::new(policy.clone());
        let run = settings.clone().annealing(watched.clone());
        drawn(&run, problem, seed)?;
        watched.seen()
    };
    let Some(plan) = plan else {
        if entered(1)? != entered(1)? {
            return Err("the same seed gave other stages".to_owned());
        }
        return Ok(());
    };
    for seed in 1..4 {
        let entered = entered(seed)?;
        if let Some(k) = (0..plan.len().max(entered.len())).find(|&k| plan.get(k) != entered.get(k))
        {
            return Err(format!(
                "stage {} is {:?} by the plan, but {:?} in a run",
                k + 1,
                plan.get(k),
                entered.get(k)
            ));
        }
    }
    let truth = problem.posterior().log_evidence;
    let ratio = |seed| {
        let draws = drawn(&settings.clone().particles(16), problem, seed)?;
        Ok(draws.log_evidence().map_or(1.0, |z| (z - truth).exp()))
    };
    let ratios = (0..2000).map(ratio).collect::<Result<Vec<_>, String>>()?;
    let what = "the mean of the estimated over the exact evidence, by 16 particles and a plan,";
    near(what, &ratios, 1.0, 4.5)
}

/// A policy that keeps what it was asked for.
#[derive(Clone, Debug)]
struct Watched<A> {
    policy: A,
    seen: Arc<Mutex<Vec<Stage>>>,
}

impl<A> Watched<A> {
    fn new(policy: A) -> Self {
        Self {
            policy,
            seen: Arc::default(),
        }
    }

    fn seen(&self) -> Result<Vec<Stage>, String> {
        let seen = self.seen.lock().map_err(|e| e.to_string())?;
        Ok(seen.clone())
    }
}

impl<A: Annealing> Annealing for Watched<A> {
    fn next(&self, ahead: &mut Lookahead<'_>) -> Result<Option<Stage>> {
        let next = self.policy.next(ahead)?;
        if let Ok(mut seen) = self.seen.lock() {
            seen.extend(next.clone());
        }
        Ok(next)
    }

    fn plan(&self, rows: usize) -> Result<Option<Vec<Stage>>> {
        self.policy.plan(rows)
    }
}

fn drawn(settings: &Smc, problem: &Regression, seed: u64) -> Result<Draws, String> {
    let run = settings.begin(Arc::new(problem), Streams::new(seed));
    let outcome = run.and_then(complete).map_err(|e| e.to_string())?.1;
    Ok(outcome.draws)
}
