//! The laws of an adaptation: of what sets the step, and of where the scales come from.

use super::Regression;
use super::kernel::caches;
use crate::base::exec;
use crate::base::rng::Streams;
use crate::base::saved::Saved;
use crate::problem::Problem;
use crate::problem::population::Population;
use crate::sampling::adapt::{Adaptation, Scales};
use crate::sampling::cloud::{Cloud, Target};
use crate::sampling::kernel::{At, Kernel, Tuning};
use crate::sampling::reference::reference;
use crate::sampling::stage::Stage;
use crate::sampling::weights::Weights;

const PARTICLES: usize = 1000;

/// Checks a [`StepSize`](crate::sampling::adapt::StepSize) beside scales, with a kernel that it makes sense for, on 1000
/// exact draws from a [`Regression`] at a stage half-way up a ramp, over 14 stages of 5 moves and one of 60.
///
/// Entering a stage and trial moves must leave the cloud as it was, but for a gradient that is right; the same streams
/// must give the same settings, bit for bit, on one thread and on two, and when settings are saved and read at every stage;
/// steps and scales must be positive and finite; a step that starts 100 times too small or too large must end within a
/// factor of 1.4 of the one that starts as the kernel likes, all three settled; and if there is an acceptance that is aimed
/// at, 16 moves of exact draws must have it, at most 0.08 less or 0.12 more: the average of a step that swings is on the
/// safe side.
///
/// # Errors
/// What is wrong, in words.
pub fn check_adaptation(adaptation: &Adaptation, kernel: &dyn Kernel) -> Result<(), String> {
    const MOVES: usize = 16;
    kernel.check().map_err(|e| e.to_string())?;
    adaptation.check(kernel).map_err(|e| e.to_string())?;
    let problem = problem()?;
    let stage = stage();
    let target = Target::new(&problem, &stage);
    let draws = Cloud::at(&target, problem.draws(&stage, PARTICLES, Streams::new(25)));
    let learn = |factor, between| learned(adaptation, kernel, &target, &draws, factor, between);

    let tuning = learn(1.0, kept)?;
    same(&tuning, |between| learn(1.0, between))?;
    let usual = middle_step(&tuning);
    for factor in [0.01, 100.0] {
        let found = middle_step(&learn(factor, kept)?);
        if (found / usual).ln().abs() > 1.4f64.ln() {
            return Err(format!(
                "a step that starts {factor} times as large ends at {found:.4}, not at {usual:.4}"
            ));
        }
    }
    if let Some(aim) = adaptation.step.target_acceptance(kernel) {
        let acceptance = |draw| {
            let moved = kernel.step(&tuning, &target, &mut draws.clone(), at(0, draw));
            moved.mean_acceptance()
        };
        let found = (0..MOVES).map(acceptance).sum::<f64>() / MOVES as f64;
        if !(aim - 0.08..aim + 0.12).contains(&found) {
            return Err(format!("the acceptance is {found:.3}; {aim} is aimed at"));
        }
    }
    Ok(())
}

/// Checks [`Scales`] on 1000 draws at each of three stages of a [`Regression`], and on as many particles that are all in one
/// place.
///
/// The cloud must stay as it was, but for a gradient that is right; the same clouds must give the same settings, bit for bit,
/// on one thread and on two, and when settings are saved and read at every stage; scales must be one per coordinate,
/// positive and finite, also where all particles are in one place; and the step is not their business.
///
/// # Errors
/// What is wrong, in words.
pub fn check_scales(scales: &dyn Scales) -> Result<(), String> {
    let problem = problem()?;
    let stages = [Stage::ramping(0..0, 0..6, 0.2), stage(), Stage::of(0..12)];
    let draws = |stage| problem.draws(stage, PARTICLES, Streams::new(27));
    let mut clouds: Vec<(&Stage, Population)> = stages.iter().map(|s| (s, draws(s))).collect();
    let collapsed = clouds[2].1.gather(&[0; PARTICLES]);
    clouds.push((&stages[2], collapsed));
    let learn = |between: Between| {
        let mut tuning = Tuning::new(problem.dim());
        tuning.refer_to(reference(&problem));
        for (stage, positions) in &clouds {
            let target = Target::new(&problem, stage);
            let mut cloud = Cloud::at(&target, positions.clone());
            let before = cloud.clone();
            let step = tuning.step.to_bits();
            scales.learn(
                &mut tuning,
                &target,
                &mut cloud,
                &Weights::uniform(PARTICLES),
            );
            unchanged(&before, &cloud, &target)?;
            positive(&tuning)?;
            if tuning.scale.len() != problem.dim() {
                return Err("there is not one scale for each coordinate".to_owned());
            }
            if tuning.step.to_bits() != step || !tuning.factors().is_empty() {
                return Err("the step changed when scales were learned".to_owned());
            }
            tuning = between(tuning)?;
        }
        Ok(tuning)
    };
    same(&learn(kept)?, learn)
}

/// What becomes of settings between two stages.
type Between = fn(Tuning) -> Result<Tuning, String>;

#[allow(clippy::unnecessary_wraps)] // the type of `saved`
fn kept(tuning: Tuning) -> Result<Tuning, String> {
    Ok(tuning)
}

#[allow(clippy::needless_pass_by_value)] // the type of `kept`
fn saved(tuning: Tuning) -> Result<Tuning, String> {
    let saved = Saved::of(&tuning).map_err(|e| format!("settings not saved: {e}"))?;
    saved.read().map_err(|e| format!("settings not read: {e}"))
}

/// Whether `learn` finds `tuning` on any number of threads, and with saving in between.
fn same(
    tuning: &Tuning,
    learn: impl Fn(Between) -> Result<Tuning, String> + Sync,
) -> Result<(), String> {
    for threads in [1, 2] {
        let again =
            exec::with_threads(Some(threads), || learn(kept)).map_err(|e| e.to_string())??;
        if again != *tuning {
            return Err(format!(
                "the same streams gave other settings on {threads} threads"
            ));
        }
    }
    if learn(saved)? != *tuning {
        return Err("settings that were saved and read at every stage ended elsewhere".to_owned());
    }
    Ok(())
}

fn problem() -> Result<Regression, String> {
    Regression::simulated(12, 2, 0.8, 1.0, 5).map_err(|e| e.to_string())
}

fn stage() -> Stage {
    Stage::ramping(0..6, 6..12, 0.5)
}

fn at(stage: usize, draw: usize) -> At {
    At {
        streams: Streams::new(26),
        stage,
        draw,
    }
}

fn middle_step(tuning: &Tuning) -> f64 {
    tuning.step * tuning.middle_factor()
}

fn unchanged(before: &Cloud, after: &Cloud, target: &Target<'_>) -> Result<(), String> {
    if after.positions() != before.positions() || after.terms() != before.terms() {
        return Err("the cloud changed when a stage was entered".to_owned());
    }
    caches(target, after)
}

fn positive(tuning: &Tuning) -> Result<(), String> {
    let scales = tuning.scale.iter().map(|&s| f64::from(s));
    let steps = tuning.factors().iter().map(|f| f * tuning.step);
    let mut all = scales.chain(steps).chain([tuning.step]);
    if !all.all(|x| x > 0.0 && x.is_finite()) {
        return Err("a step or a scale is not a positive, finite number".to_owned());
    }
    Ok(())
}

/// Settled settings that began at a step `factor` times as large as the kernel's own. Every stage begins at exact draws.
fn learned(
    adaptation: &Adaptation,
    kernel: &dyn Kernel,
    target: &Target<'_>,
    draws: &Cloud,
    factor: f64,
    between: Between,
) -> Result<Tuning, String> {
    const STAGES: usize = 15;
    let weights = Weights::uniform(draws.len());
    let step = &adaptation.step;
    let mut tuning = adaptation.start(kernel, target.problem, factor);
    for stage in 1..=STAGES {
        let mut cloud = draws.clone();
        adaptation.enter(&mut tuning, target, &mut cloud, &weights);
        let trial = at(stage, 0).trial();
        step.try_out(kernel, &mut tuning, target, &cloud, &weights, trial);
        unchanged(draws, &cloud, target)?;
        let moves = if stage < STAGES { 5 } else { 60 };
        for draw in 0..moves {
            let moved = kernel.step(&tuning, target, &mut cloud, at(stage, draw));
            kernel.learn(&mut tuning, &moved, 1.0);
            step.learn(kernel, &mut tuning, &moved, 1.0);
        }
        positive(&tuning)?;
        tuning = between(tuning)?;
    }
    step.settle(&mut tuning);
    Ok(tuning)
}
