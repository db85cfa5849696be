//! How do I write a layer with parameters? A convolution over a sequence and a recurrent cell, each a formula without gradient
//! code, in a network that learns from sequences what a row's numbers apart do not tell.

#[path = "own_layers/convolution.rs"]
mod convolution;
#[path = "own_layers/recurrent.rs"]
mod recurrent;

use std::process::ExitCode;

use clap::Parser;
use examples::{Flags, exit};
use serde_json::json;
use smc_runtime::base::rng::{Purpose, Streams};
use smc_runtime::prelude::*;

use convolution::Convolution;
use recurrent::Recurrent;

/// Steps of a sequence, each one number.
const STEPS: usize = 12;

/// How rough a sequence is: a sum over places of what two neighbours make together.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
#[infer(smc(particles = 64))]
pub struct Roughness {
    #[prior(Normal(0.0, 1.0))]
    neighbours: Convolution<STEPS, 1, 2, 3>,
    activation: Softplus,
    #[prior(Normal(0.0, 0.2))]
    output: Linear<33, 1>,
    #[prior(HalfNormal(0.5))]
    noise: Scale,
}

/// What a leaky memory holds in the end.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
#[infer(smc(particles = 64))]
pub struct Memory {
    #[prior(Normal(0.0, 0.7))]
    cell: Recurrent<STEPS, 1, 3>,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<3, 1>,
    #[prior(HalfNormal(0.5))]
    noise: Scale,
}

fn main() -> ExitCode {
    exit(run(&Flags::parse()))
}

/// Sequences of standard normal numbers with what `of` makes of each, and a little noise.
fn sequences(n: usize, seed: u64, of: impl Fn(&[f32]) -> f32) -> Result<Dataset> {
    let mut stream = Streams::new(seed).stream(Purpose::Simulate, 0, 0, 0);
    let x = stream.normals(n * STEPS);
    let y = x
        .chunks(STEPS)
        .map(|x| of(x) + 0.1 * stream.normal() as f32)
        .collect();
    Dataset::new(STEPS, x, y)
}

fn roughness(x: &[f32]) -> f32 {
    x.windows(2)
        .map(|pair| (pair[1] - pair[0]).abs())
        .sum::<f32>()
        / (STEPS - 1) as f32
}

fn memory(x: &[f32]) -> f32 {
    x.iter()
        .fold(0.0, |held: f32, x| (0.8 * held + 0.5 * x).tanh())
}

/// Root-mean-square error on new sequences, and that of the training targets' mean.
fn errors(
    posterior: &Posterior<impl Model>,
    train: &Dataset,
    test: &Dataset,
) -> Result<(f64, f64)> {
    let mean = |y: &[f32]| y.iter().map(|&y| f64::from(y)).sum::<f64>() / y.len() as f64;
    let constant = mean(train.targets());
    let squares = test
        .targets()
        .iter()
        .map(|&y| (f64::from(y) - constant).powi(2));
    let baseline = (squares.sum::<f64>() / test.rows() as f64).sqrt();
    let rmse = posterior.predict(test)?.summary().rmse;
    Ok((rmse.unwrap_or(f64::NAN), baseline))
}

fn learn<M: Model>(
    flags: &Flags,
    name: &'static str,
    run: impl for<'a> Fn(&'a Dataset) -> Run<'a, M>,
    of: fn(&[f32]) -> f32,
) -> Result<serde_json::Value> {
    let train = sequences(flags.size(200, 30), flags.seed, of)?;
    let test = sequences(200, flags.seed + 1, of)?;
    let run = flags.apply(run(&train)).observe(Progress::bar(name));
    let run = if flags.smoke {
        run.with(smc().particles(8).kernel(Hmc::leapfrogs(2)))
    } else {
        run
    };
    let posterior = run.run()?;
    let (rmse, baseline) = errors(&posterior, &train, &test)?;
    eprintln!("{name:10} rmse {rmse:.3}, of a constant {baseline:.3}");
    Ok(json!({ "rmse": rmse, "constant": baseline, "log_evidence": posterior.log_evidence() }))
}

fn run(flags: &Flags) -> Result<()> {
    let convolution = learn(flags, "roughness", Roughness::infer, roughness)?;
    let recurrent = learn(flags, "memory", Memory::infer, memory)?;
    flags.print(&json!({
        "example": "own_layers", "seed": flags.seed,
        "convolution": convolution, "recurrent": recurrent,
    }));
    Ok(())
}
