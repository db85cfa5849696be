//! The laws of an adaptation.

use super::Regression;
use super::kernel::caches;
use crate::base::exec;
use crate::base::rng::Streams;
use crate::sampling::adapt::Adaptation;
use crate::sampling::cloud::{Cloud, Target};
use crate::sampling::kernel::{At, Kernel, Tuning};
use crate::sampling::reference::reference;
use crate::sampling::stage::Stage;
use crate::sampling::weights::Weights;

/// Checks an adaptation, with a kernel that it makes sense for, on 1000 exact draws from a [`Regression`] at a stage
/// half-way up a ramp, over 14 stages of 5 moves and one of 60.
///
/// Entering a stage and trial moves must leave the cloud as it was, but for a gradient that is right; the same streams
/// must give the same settings, bit for bit, on one thread and on two; steps and scales must be positive and finite; a
/// step that starts 100 times too small or too large must end within a factor of 1.4 of the one that starts as the kernel
/// likes, all three settled; and if there is an acceptance that is aimed at, 16 moves of exact draws must have it, at most
/// 0.08 less or 0.12 more: the average of a step that swings is on the safe side.
///
/// # Errors
/// What is wrong, in words.
pub fn check_adaptation(adaptation: &dyn Adaptation, kernel: &dyn Kernel) -> Result<(), String> {
    const MOVES: usize = 16;
    kernel.check().map_err(|e| e.to_string())?;
    adaptation.check(kernel).map_err(|e| e.to_string())?;
    let problem = Regression::simulated(12, 2, 0.8, 1.0, 5).map_err(|e| e.to_string())?;
    let stage = Stage::ramping(0..6, 6..12, 0.5);
    let target = Target::new(&problem, &stage);
    let draws = Cloud::at(&target, problem.draws(&stage, 1000, Streams::new(25)));
    let learn = |factor| learned(adaptation, kernel, &target, &draws, factor);

    let tuning = learn(1.0)?;
    for threads in [1, 2] {
        let again =
            exec::with_threads(Some(threads), || learn(1.0)).map_err(|e| e.to_string())??;
        if again != tuning {
            return Err(format!(
                "the same streams gave other settings on {threads} threads"
            ));
        }
    }
    let usual = middle_step(&tuning);
    for factor in [0.01, 100.0] {
        let found = middle_step(&learn(factor)?);
        if (found / usual).ln().abs() > 1.4f64.ln() {
            return Err(format!(
                "a step that starts {factor} times as large ends at {found:.4}, not at {usual:.4}"
            ));
        }
    }
    if let Some(aim) = adaptation.target_acceptance(kernel) {
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

/// Settled settings that began at a step `factor` times as large as the kernel's own. Every stage begins at exact draws.
fn learned(
    adaptation: &dyn Adaptation,
    kernel: &dyn Kernel,
    target: &Target<'_>,
    draws: &Cloud,
    factor: f64,
) -> Result<Tuning, String> {
    const STAGES: usize = 15;
    let weights = Weights::uniform(draws.terms.len());
    let mut tuning = kernel.start(draws.positions.dim());
    tuning.refer_to(reference(target.problem));
    tuning.step *= factor;
    adaptation.begin(&mut tuning);
    for stage in 1..=STAGES {
        let mut cloud = draws.clone();
        adaptation.enter(&mut tuning, target, &mut cloud, &weights);
        adaptation.try_out(
            kernel,
            &mut tuning,
            target,
            &cloud,
            &weights,
            at(stage, 0).trial(),
        );
        if cloud.positions != draws.positions || cloud.terms != draws.terms {
            return Err("the cloud changed when a stage was entered".to_owned());
        }
        caches(target, &cloud)?;
        let moves = if stage < STAGES { 5 } else { 60 };
        for draw in 0..moves {
            let moved = kernel.step(&tuning, target, &mut cloud, at(stage, draw));
            kernel.learn(&mut tuning, &moved, 1.0);
            adaptation.learn(kernel, &mut tuning, &moved, 1.0);
        }
        let positive = |x: f64| x > 0.0 && x.is_finite();
        let scales = tuning.scale.iter().map(|&s| f64::from(s));
        let steps = tuning.factors().iter().map(|f| f * tuning.step);
        if !scales.chain(steps).chain([tuning.step]).all(positive) {
            return Err("a step or a scale is not a positive, finite number".to_owned());
        }
    }
    adaptation.settle(&mut tuning);
    Ok(tuning)
}
