//! The laws of a kernel.

use super::{Exact, Regression, near};
use crate::base::rng::Streams;
use crate::problem::Problem;
use crate::problem::population::Population;
use crate::sampling::adapt::Adaptation;
use crate::sampling::cloud::{Cloud, Target};
use crate::sampling::kernel::{At, Exactness, Kernel, Tuning};
use crate::sampling::stage::Stage;
use crate::sampling::weights::Weights;

/// Checks a kernel, with settings that an adaptation has chosen, on a [`Regression`] at a stage half-way up a ramp.
///
/// Ten moves of 6000 exact draws must leave mean and second moments where they were: directly, or weighted by the
/// kernel's corrections, whose mean weight must then be 1; all within 4.5 standard errors. The cached terms and gradient
/// must be those of the new positions, bit for bit; the same streams must give the same move; and an invariant kernel
/// must find the target from the prior.
///
/// # Errors
/// What is wrong, in words.
pub fn check_kernel(kernel: &dyn Kernel, adaptation: &Adaptation) -> Result<(), String> {
    const PARTICLES: usize = 6000;
    kernel.check().map_err(|e| e.to_string())?;
    adaptation.check(kernel).map_err(|e| e.to_string())?;
    let problem = Regression::simulated(12, 2, 0.8, 1.0, 5).map_err(|e| e.to_string())?;
    let stage = Stage::ramping(0..6, 6..12, 0.5);
    let target = Target::new(&problem, &stage);
    let exact = problem.exact(&stage);

    let start = problem.draws(&stage, PARTICLES, Streams::new(21));
    let mut cloud = Cloud::at(&target, start.clone());
    let tuning = tuned(kernel, adaptation, &target, &cloud);
    let mut log_weights = vec![0.0; PARTICLES];
    let mut corrected = false;
    for draw in 0..10 {
        let at = At {
            streams: Streams::new(22),
            stage: 1,
            draw,
        };
        let mut again = cloud.clone();
        let moved = kernel.step(&tuning, &target, &mut cloud, at);
        let repeated = kernel.step(&tuning, &target, &mut again, at);
        if again.positions() != cloud.positions() || repeated != moved {
            return Err("the same streams gave another move".to_owned());
        }
        caches(&target, &cloud)?;
        if !(0.0..=1.0 + 1e-9).contains(&moved.mean_acceptance()) {
            return Err(format!(
                "the mean acceptance is {}",
                moved.mean_acceptance()
            ));
        }
        if let Some(corrections) = &moved.corrections {
            corrected = true;
            for (w, c) in log_weights.iter_mut().zip(corrections) {
                *w += c;
            }
        }
    }
    if corrected != (kernel.exactness() == Exactness::Corrected) {
        return Err(format!(
            "the kernel says that its moves are {}, but returns {}",
            if corrected {
                "invariant"
            } else {
                "not invariant"
            },
            if corrected {
                "corrections"
            } else {
                "no corrections"
            },
        ));
    }
    if *cloud.positions() == start {
        return Err("no particle moved".to_owned());
    }
    let weights: Vec<f64> = log_weights.iter().map(|w| w.exp()).collect();
    if corrected {
        near("the mean of exp(correction)", &weights, 1.0, 4.5)?;
    }
    moments(
        "after ten moves of exact draws",
        &exact,
        cloud.positions(),
        &weights,
    )?;

    if !corrected {
        let mut positions = Population::zeros(PARTICLES, 2);
        problem.prior().sample(Streams::new(23), 0, &mut positions);
        let mut cloud = Cloud::at(&target, positions);
        for draw in 0..60 {
            let at = At {
                streams: Streams::new(24),
                stage: 1,
                draw,
            };
            kernel.step(&tuning, &target, &mut cloud, at);
        }
        moments(
            "after sixty moves from the prior",
            &exact,
            cloud.positions(),
            &vec![1.0; PARTICLES],
        )?;
    }
    Ok(())
}

/// Settings after three stages of learning from exact draws; they are not touched again.
fn tuned(
    kernel: &dyn Kernel,
    adaptation: &Adaptation,
    target: &Target<'_>,
    cloud: &Cloud,
) -> Tuning {
    let (streams, weights) = (Streams::new(20), Weights::uniform(cloud.len()));
    let step = &adaptation.step;
    let mut tuning = adaptation.start(kernel, target.problem, 1.0);
    for stage in 1..=3 {
        let at = |draw| At {
            streams,
            stage,
            draw,
        };
        let mut cloud = cloud.clone();
        adaptation.enter(&mut tuning, target, &mut cloud, &weights);
        let trial = at(0).trial();
        step.try_out(kernel, &mut tuning, target, &cloud, &weights, trial);
        for draw in 0..5 {
            let moved = kernel.step(&tuning, target, &mut cloud, at(draw));
            kernel.learn(&mut tuning, &moved, 1.0);
            step.learn(kernel, &mut tuning, &moved, 1.0);
        }
    }
    tuning
}

/// What a cloud keeps must be that of its positions.
pub(super) fn caches(target: &Target<'_>, cloud: &Cloud) -> Result<(), String> {
    let mut gradient = Population::zeros(cloud.positions().len(), cloud.positions().dim());
    if target.gradient(cloud.positions(), &mut gradient) != cloud.terms() {
        return Err("the cloud's terms are not those of its positions".to_owned());
    }
    if cloud.known_gradient().is_some_and(|g| *g != gradient) {
        return Err("the cloud's gradient is not that of its positions".to_owned());
    }
    Ok(())
}

/// Weighted means and second moments against the exact ones; `weights` have mean 1 and are not normalised.
fn moments(
    when: &str,
    exact: &Exact,
    positions: &Population,
    weights: &[f64],
) -> Result<(), String> {
    for r in 0..exact.mean.len() {
        let of = |f: &dyn Fn(&[f32]) -> f64| -> Vec<f64> {
            weights
                .iter()
                .enumerate()
                .map(|(i, w)| w * f(positions.row(i)))
                .collect()
        };
        let centred = |row: &[f32], k: usize| f64::from(row[k]) - exact.mean[k];
        near(
            &format!("{when}, the mean error of coordinate {r}"),
            &of(&|x| centred(x, r)),
            0.0,
            4.5,
        )?;
        for c in 0..=r {
            let what = format!("{when}, the covariance of coordinates {r} and {c}");
            near(
                &what,
                &of(&|x| centred(x, r) * centred(x, c)),
                exact.covariance[r][c],
                4.5,
            )?;
        }
    }
    Ok(())
}
