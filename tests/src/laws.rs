//! The laws as functions of the part under test: each says in words what is wrong, so that it can be shown to hold for a
//! right part and to fail for a faulty one.

use smc_runtime::base::rng::Streams;
use smc_runtime::infer::Smc;
use smc_runtime::model::dist::{Predictive, Response};
use smc_runtime::prelude::*;
use smc_runtime::problem::population::Population;
use smc_runtime::problem::{Problem, Segment};
use smc_runtime::sampling::anneal::Annealing;
use smc_runtime::sampling::cloud::{Cloud, Target};
use smc_runtime::sampling::kernel::{At, Kernel};
use smc_runtime::sampling::stage::Stage;
use smc_runtime::testing::{Exact, Perfect, Regression};

use crate::{expectation, infer, mean_se, near};

/// Number of standard errors that a mean may be off.
const Z: f64 = 3.0;

/// Ẑ/Z of `runs` runs of `settings`.
///
/// # Errors
/// If a run fails or has no evidence.
pub fn ratios(
    settings: &Smc,
    problem: &dyn Problem,
    log_evidence: f64,
    runs: u64,
) -> Result<Vec<f64>, String> {
    let ratio = |seed| {
        let draws = infer(settings, problem, seed).map_err(|e| e.to_string())?;
        let found = draws.log_evidence().ok_or("the run has no evidence")?;
        Ok((found - log_evidence).exp())
    };
    (0..runs).map(ratio).collect()
}

/// For a fixed schedule and a frozen kernel E\[Ẑ\] = Z: over at least 400 runs mean(Ẑ/Z) = 1 within 3 standard errors,
/// with sd(log Ẑ) at most 0.3 so that this says something.
///
/// # Errors
/// What is wrong, in words.
pub fn evidence_is_unbiased(
    settings: &Smc,
    problem: &dyn Problem,
    log_evidence: f64,
) -> Result<(), String> {
    const RUNS: u64 = 400;
    let ratios = ratios(settings, problem, log_evidence, RUNS)?;
    precise(&ratios)?;
    near("mean(Ẑ/Z)", &ratios, 1.0, Z)
}

/// sd(log Ẑ) is at most 0.3.
fn precise(ratios: &[f64]) -> Result<(), String> {
    let logs: Vec<f64> = ratios.iter().map(|r| r.ln()).collect();
    let sd = mean_se(&logs).1 * (logs.len() as f64).sqrt();
    println!(
        "mean(Ẑ/Z) and its standard error: {:?}, sd(log Ẑ) {sd:.3}",
        mean_se(ratios)
    );
    if sd <= 0.3 {
        Ok(())
    } else {
        Err(format!("sd(log Ẑ) is {sd:.3}; it should be at most 0.3"))
    }
}

/// An adaptive schedule is biased by O(1/J): at J, 2J and 8J particles mean(Ẑ/Z) lies on a line in 1/J that reaches 1 at J = ∞,
/// within 3 standard errors of the intercept. These are at most 0.006, so that a constant bias of 3 % is five of them, and the
/// means are as near to the line as their standard errors say.
///
/// # Errors
/// What is wrong, in words.
pub fn evidence_bias_falls_as_one_over_j(
    settings: &Smc,
    problem: &dyn Problem,
    log_evidence: f64,
    smallest: usize,
    runs: u64,
) -> Result<(), String> {
    const MOST: f64 = 0.006;
    // χ² with one degree of freedom exceeds it once in a thousand times.
    const FAR: f64 = 10.8;
    let mut found = Vec::new();
    // Of designs that also say whether it is a line, one of the cheapest for the intercept.
    for particles in [smallest, 2 * smallest, 8 * smallest] {
        let settings = settings.clone().particles(particles);
        let (mean, se) = mean_se(&ratios(&settings, problem, log_evidence, runs)?);
        found.push((1.0 / particles as f64, mean, se));
    }
    let line = Line::through(&found);
    let text = format!(
        "at J = ∞ mean(Ẑ/Z) is {:.4} ± {:.4}, by (1/J, mean, standard error) = {found:?}",
        line.intercept, line.se
    );
    println!("{text}");
    if line.se > MOST {
        Err(format!("the standard error is above {MOST}: {text}"))
    } else if (line.intercept - 1.0).abs() > Z * line.se {
        Err(text)
    } else if line.distance > FAR {
        let distance = line.distance;
        Err(format!("χ² = {distance:.1} from a line in 1/J: {text}"))
    } else {
        Ok(())
    }
}

/// The line of least squares through means with standard errors.
struct Line {
    intercept: f64,
    /// Standard error of the intercept.
    se: f64,
    /// Σ ((mean − line)/standard error)².
    distance: f64,
}

impl Line {
    /// Through (x, mean, standard error).
    fn through(points: &[(f64, f64, f64)]) -> Self {
        let sum = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
            points.iter().map(|(x, y, se)| f(*x, *y) / (se * se)).sum()
        };
        let (one, x, xx) = (sum(&|_, _| 1.0), sum(&|x, _| x), sum(&|x, _| x * x));
        let (y, xy) = (sum(&|_, y| y), sum(&|x, y| x * y));
        let determinant = one * xx - x * x;
        let (intercept, slope) = (
            (xx * y - x * xy) / determinant,
            (one * xy - x * y) / determinant,
        );
        Self {
            intercept,
            se: (xx / determinant).sqrt(),
            distance: sum(&|x, y| (y - intercept - slope * x).powi(2)),
        }
    }
}

/// With a perfectly mixing kernel evidence and posterior mean are right, whatever the problem is wrapped in.
///
/// # Errors
/// What is wrong, in words.
pub fn evidence_is_exact(problem: &dyn Problem, inside: &Regression) -> Result<(), String> {
    let settings = smc()
        .particles(256)
        .annealing(Tempering::ladder([0.05, 0.2, 0.5, 1.0]))
        .kernel(Perfect::of(inside));
    evidence_is_unbiased(&settings, problem, inside.posterior().log_evidence)
}

/// The stages of `policy`, each after resampling, give the closed form where a kernel mixes perfectly: posterior mean and evidence
/// over 400 runs, 3 standard errors, with sd(log Ẑ) at most 0.3. Stale weights on resampled particles are unbiased noise,
/// which only the last of these sees.
///
/// # Errors
/// What is wrong, in words.
pub fn weighting_is_exact(
    policy: impl Annealing + 'static,
    kernel: impl Kernel + 'static,
    problem: &dyn Problem,
    exact: &Exact,
) -> Result<(), String> {
    const RUNS: u64 = 400;
    let settings = smc()
        .particles(256)
        .annealing(policy)
        .kernel(kernel)
        .ess(1.0);
    let (mut means, mut ratios) = (Vec::new(), Vec::new());
    for seed in 0..RUNS {
        let draws = infer(&settings, problem, seed).map_err(|e| e.to_string())?;
        let found = draws.log_evidence().ok_or("the run has no evidence")?;
        ratios.push((found - exact.log_evidence).exp());
        means.push(expectation(&draws, |x| f64::from(x[0])));
    }
    near("the posterior mean", &means, exact.mean[0], Z)?;
    near("mean(Ẑ/Z)", &ratios, 1.0, Z)?;
    precise(&ratios)
}

/// The prior of a problem with one parameter integrates to 1 in unconstrained coordinates.
///
/// # Errors
/// What is wrong, in words.
pub fn prior_integrates_to_one(problem: &dyn Problem) -> Result<(), String> {
    // A trapezoidal sum on a grid that f32 holds exactly; a smooth density that vanishes at both ends makes it exact to
    // the rounding of the parameter to f32, one part in 10⁷.
    let (step, reach) = (1.0f32 / 32.0, 40 * 32);
    let grid: Vec<f32> = (-reach..=reach).map(|k| step * k as f32).collect();
    let thetas = Population::from_values(1, grid).ok_or("an empty grid")?;
    let total: f64 = problem
        .prior()
        .log_density(&thetas, None)
        .iter()
        .map(|l| l.exp())
        .sum::<f64>()
        * f64::from(step);
    if (total - 1.0).abs() < 1e-6 {
        Ok(())
    } else {
        Err(format!("the prior integrates to {total}"))
    }
}

/// Row log-likelihoods, in the user's order, add up to the sums over any segments of bound rows.
///
/// # Errors
/// What is wrong, in words.
pub fn rows_add_up(problem: &dyn Problem) -> Result<(), String> {
    let n = problem.rows();
    let mut thetas = Population::zeros(3, problem.dim());
    problem.prior().sample(Streams::new(41), 0, &mut thetas);
    let rows = problem.row_log_likelihoods(&thetas);
    for cuts in [vec![0, n], vec![0, n / 3, n], vec![n / 4, n / 2, n - 1]] {
        for pair in cuts.windows(2) {
            let segment = Segment {
                rows: pair[0]..pair[1],
                weight: 1.0,
            };
            let sums = problem.log_likelihood(&thetas, &[segment], None);
            for (p, sum) in sums.totals().into_iter().enumerate() {
                let mine = (pair[0]..pair[1]).map(|i| rows[p * n + problem.order()[i]]);
                let (total, size) = mine.fold((0.0, 1.0), |(t, s), l| (t + l, s + l.abs()));
                if (total - sum).abs() > 1e-5 * size {
                    return Err(format!(
                        "rows {pair:?} add up to {total}, their sum is {sum}"
                    ));
                }
            }
        }
    }
    Ok(())
}

/// Gradients of prior and likelihood are those of central differences of the values.
///
/// # Errors
/// What is wrong, in words.
pub fn gradient_is_that_of_the_value(problem: &dyn Problem) -> Result<(), String> {
    // Points and steps that f32 holds exactly, and a problem that evaluates in f64.
    const H: f32 = 1.0 / 256.0;
    let (n, dim) = (problem.rows(), problem.dim());
    let stage = Stage::ramping(0..n / 2, n / 2..n, 0.5);
    let mut thetas = Population::zeros(4, dim);
    problem.prior().sample(Streams::new(42), 0, &mut thetas);
    thetas
        .on_host()
        .map_rows(|_, row| row.iter_mut().for_each(|x| *x = (*x / H).round() * H));
    let mut gradient = Population::zeros(4, dim);
    let target = Target::new(problem, &stage);
    target.gradient(&thetas, &mut gradient);
    for i in 0..dim {
        let at = |step: f32| {
            let mut moved = thetas.clone();
            moved.on_host().map_rows(|_, row| row[i] += step);
            let terms = target.value(&moved);
            terms
                .iter()
                .map(|t| stage.log_density(t))
                .collect::<Vec<_>>()
        };
        for (p, (up, down)) in at(H).into_iter().zip(at(-H)).enumerate() {
            let difference = (up - down) / (2.0 * f64::from(H));
            let found = f64::from(gradient.row(p)[i]);
            if (found - difference).abs() > 1e-4 * (1.0 + difference.abs()) {
                return Err(format!(
                    "the slope by coordinate {i} is {found}, differences give {difference}"
                ));
            }
        }
    }
    Ok(())
}

/// The energy error of a leapfrog trajectory falls with the square of the step, so acceptance tends to 1.
///
/// # Errors
/// What is wrong, in words.
pub fn small_steps_are_accepted(kernel: &dyn Kernel) -> Result<(), String> {
    let problem = Regression::simulated(12, 2, 0.8, 1.0, 5).map_err(|e| e.to_string())?;
    let stage = Stage::of(0..12);
    let target = Target::new(&problem, &stage);
    let positions = problem.draws(&stage, 500, Streams::new(43));
    let mut cloud = Cloud::at(&target, positions);
    let at = At {
        streams: Streams::new(44),
        stage: 1,
        draw: 0,
    };
    let acceptance = kernel
        .step(&kernel.start(2), &target, &mut cloud, at)
        .mean_acceptance();
    if acceptance > 0.99 {
        Ok(())
    } else {
        Err(format!(
            "small steps are accepted with probability {acceptance:.3}"
        ))
    }
}

/// A cloud's mean and standard deviation of every coordinate against the closed form, over independent runs.
///
/// # Errors
/// What is wrong, in words.
pub fn posterior_is_exact(
    runs: &[smc_runtime::infer::Draws],
    exact: &Exact,
    z: f64,
) -> Result<(), String> {
    for (k, mean) in exact.mean.iter().enumerate() {
        let first: Vec<f64> = runs
            .iter()
            .map(|d| expectation(d, |x| f64::from(x[k]) - mean))
            .collect();
        near(&format!("the mean error of coordinate {k}"), &first, 0.0, z)?;
        let second: Vec<f64> = runs
            .iter()
            .map(|d| expectation(d, |x| (f64::from(x[k]) - mean).powi(2)))
            .collect();
        near(
            &format!("the variance of coordinate {k}"),
            &second,
            exact.covariance[k][k],
            z,
        )?;
    }
    Ok(())
}

/// The density of a real target, given the arguments of its likelihood, integrates to one and agrees with the
/// distribution function, the moments and the sampler.
///
/// # Errors
/// What is wrong, in words.
pub fn predictive_is_consistent(
    predictive: &dyn Predictive,
    arguments: &[f64],
) -> Result<(), String> {
    let close = |what: &str, a: f64, b: f64, tolerance: f64| {
        if (a - b).abs() <= tolerance {
            Ok(())
        } else {
            Err(format!("{what}: {a} against {b}"))
        }
    };
    let mut stream = Streams::new(45).stream(smc_runtime::base::rng::Purpose::Simulate, 0, 0, 0);
    let draws: Vec<f64> = (0..40_000)
        .map(|_| predictive.sample(arguments, &mut stream))
        .collect();
    if matches!(predictive.response(), Response::Class | Response::Binary) {
        let p = predictive
            .probabilities(arguments)
            .ok_or("no probabilities")?;
        close("the probabilities add up", p.iter().sum(), 1.0, 1e-12)?;
        for (class, p) in p.iter().enumerate() {
            close(
                "density and probability",
                predictive.log_density(arguments, class as f64),
                p.ln(),
                1e-12,
            )?;
            let hits: Vec<f64> = draws
                .iter()
                .map(|&y| f64::from(u8::from((y - class as f64).abs() < 0.5)))
                .collect();
            near("the fraction of draws of a class", &hits, *p, Z)?;
        }
        return Ok(());
    }
    let (mean, sd) = (
        predictive.mean(arguments),
        predictive.variance(arguments).sqrt(),
    );
    let step = sd / 64.0;
    let (mut total, mut first, mut second) = (0.0, 0.0, 0.0);
    for k in -64 * 12..=64 * 12 {
        let y = mean + step * f64::from(k);
        let density = step * predictive.log_density(arguments, y).exp();
        // The trapezoidal rule up to y counts the last point by half.
        let cdf = predictive
            .cdf(arguments, y)
            .ok_or("no distribution function")?;
        close(
            "distribution function and integral",
            cdf,
            total + 0.5 * density,
            1e-4,
        )?;
        total += density;
        first += density * y;
        second += density * (y - mean).powi(2);
    }
    close("the density integrates to one", total, 1.0, 1e-10)?;
    close("mean", first, mean, 1e-9 * (1.0 + mean.abs()))?;
    close("variance", second.sqrt(), sd, 1e-9 * sd)?;
    near("the mean of the draws", &draws, mean, Z)?;
    let squares: Vec<f64> = draws.iter().map(|y| (y - mean).powi(2)).collect();
    near("the variance of the draws", &squares, sd * sd, Z)?;
    for level in [0.1, 0.5, 0.9] {
        let below = |y: &f64| {
            f64::from(u8::from(
                predictive.cdf(arguments, *y).is_some_and(|p| p < level),
            ))
        };
        near(
            "the fraction of draws below a quantile",
            &draws.iter().map(below).collect::<Vec<_>>(),
            level,
            Z,
        )?;
    }
    Ok(())
}

/// A policy passes the kit's check.
///
/// # Errors
/// What is wrong, in words.
pub fn policy_conforms<A: Annealing + Clone + 'static>(policy: &A) -> Result<(), String> {
    smc_runtime::testing::check_annealing(policy)
}
