//! How do I write my own annealing policy, kernel, prior and layer? All four, in this file alone.

use std::process::ExitCode;

use clap::Parser;
use examples::{Flags, exit};
use serde_json::json;
use smc_runtime::base::rng::{Purpose, Stream, Streams};
use smc_runtime::layers::{Act, Device, Field, FieldParams, Float, Tape};
use smc_runtime::model::algebra::Num;
use smc_runtime::model::transform::Support;
use smc_runtime::prelude::*;
use smc_runtime::problem::population::Population;
use smc_runtime::sampling::anneal::{Annealing, Lookahead};
use smc_runtime::sampling::cloud::{Cloud, Target};
use smc_runtime::sampling::kernel::{Aim, At, Kernel, Moved, Proposal, Tuning, metropolis};
use smc_runtime::sampling::stage::Stage;

/// A layer: x + sin²(x), an activation for periodic functions. No gradient code.
#[derive(Clone, Copy, Debug, Default)]
pub struct Snake;

impl Field for Snake {
    type View<'a> = ();

    fn expr<E: Float, D: Device<E>, T: Tape<E, D>>(
        &self,
        _: FieldParams<'_, E, D, T>,
        x: Act<E, D, T>,
    ) -> Act<E, D, T> {
        x.clone() + x.sin().square()
    }
}

/// A prior: the logistic distribution, by location and scale. Its gradient follows from the formula.
#[derive(Clone, Copy, Debug)]
pub struct Logistic(Num, Num);

impl Prior for Logistic {
    const SUPPORT: Support = Support::Real;

    fn log_density(&self, x: Num) -> Num {
        let z = ((x - self.0) / self.1).abs();
        -z - self.1.ln() - 2.0 * (1.0 + (-z).exp()).ln()
    }

    fn sample(&self, stream: &mut Stream) -> f64 {
        let u = stream.uniform();
        self.0.value() + self.1.value() * (u / (1.0 - u)).ln()
    }
}

/// An annealing policy: as many new rows at once as keep the conditional effective sample size at a half.
#[derive(Clone, Copy, Debug)]
pub struct AsManyAsFit;

impl Annealing for AsManyAsFit {
    fn next(&self, ahead: &mut Lookahead<'_>) -> Result<Option<Stage>> {
        let (now, all) = (ahead.stage().full().len(), ahead.rows());
        if now == all {
            return Ok(None);
        }
        let mut rows = all;
        while rows > now + 1 && ahead.cess(&Stage::of(0..rows)) < 0.5 {
            rows = now + (rows - now) / 2;
        }
        Ok(Some(Stage::of(0..rows)))
    }
}

/// A kernel: a random walk of several steps. It moves the whole population by bulk operations.
#[derive(Clone, Copy, Debug)]
pub struct Walk {
    steps: usize,
}

impl Kernel for Walk {
    fn aim(&self) -> Aim {
        Aim::Acceptance(0.3)
    }

    fn step(&self, tuning: &Tuning, target: &Target<'_>, cloud: &mut Cloud, at: At) -> Moved {
        let (particles, dim) = (cloud.positions().len(), cloud.positions().dim());
        let mut total = Moved {
            acceptance: vec![0.0; particles],
            jumps: vec![0.0; particles],
            ..Moved::default()
        };
        for step in 0..self.steps {
            // One draw number per step keeps the streams apart.
            let at = At {
                draw: at.draw * self.steps + step,
                ..at
            };
            let mut noise = Population::zeros(particles, dim);
            noise.fill_normal(at.streams, Purpose::Propose, at.stage, at.draw);
            let mut positions = cloud.positions().clone();
            positions.axpy(tuning.step as f32, &tuning.scale, &noise);
            let terms = target.value(&positions);
            let (before, after) = (
                target.log_density(cloud.terms()),
                target.log_density(&terms),
            );
            let log_ratios: Vec<f64> = after.iter().zip(before).map(|(a, b)| a - b).collect();
            let proposal = Proposal {
                positions,
                terms,
                gradient: None,
            };
            let moved = metropolis(target, cloud, proposal, &log_ratios, tuning, at);
            for (sum, jump) in total.jumps.iter_mut().zip(&moved.jumps) {
                *sum += jump;
            }
            for (sum, acceptance) in total.acceptance.iter_mut().zip(&moved.acceptance) {
                *sum += acceptance / self.steps as f64;
            }
            total.non_finite += moved.non_finite;
        }
        total
    }
}

/// A network made of them. Attributes take any Rust expression, so these parts need nothing of the macro.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
#[infer(smc(particles = 128, annealing = AsManyAsFit, kernel = Walk { steps: 20 }))]
pub struct Waves {
    #[prior(Logistic(0.0, 1.0))]
    hidden: Linear<1, 4>,
    activation: Snake,
    #[prior(Logistic(0.0, 0.5))]
    output: Linear<4, 1>,
    #[prior(HalfNormal(0.5))]
    noise: Scale,
}

/// How do I write my own annealing policy, kernel, prior and layer? All four, in this file alone.
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    flags: Flags,
}

fn main() -> ExitCode {
    exit(run(&Args::parse().flags))
}

fn waves(n: usize, seed: u64) -> Result<Dataset> {
    let mut stream = Streams::new(seed).stream(Purpose::Simulate, 0, 0, 0);
    let x: Vec<f32> = (0..n)
        .map(|_| (4.0 * stream.uniform() - 2.0) as f32)
        .collect();
    let y = x
        .iter()
        .map(|&x| (2.0 * x).sin() + 0.1 * stream.normal() as f32)
        .collect();
    Dataset::new(1, x, y)
}

fn run(flags: &Flags) -> Result<()> {
    let (train, test) = (
        waves(flags.size(200, 40), flags.seed)?,
        waves(100, flags.seed + 1)?,
    );
    let run = flags
        .apply(Waves::infer(&train))
        .observe(Progress::bar("my parts"));
    let mine = if flags.smoke {
        run.with(
            smc()
                .particles(16)
                .annealing(AsManyAsFit)
                .kernel(Walk { steps: 2 }),
        )
    } else {
        run
    };
    let mine = mine.run()?;
    let built_in = flags
        .apply(Waves::infer(&train))
        .with(smc().particles(flags.size(128, 16)))
        .run()?;
    let (a, b) = (
        mine.predict(&test)?.summary(),
        built_in.predict(&test)?.summary(),
    );
    eprintln!(
        "{}\n\nmy policy and kernel        {a}\nbuilt-in policy and kernel  {b}",
        mine.report()
    );
    flags.print(&json!({
        "example": "own_parts", "seed": flags.seed,
        "mine": { "rmse": a.rmse, "lppd": a.lppd, "log_evidence": mine.log_evidence() },
        "built_in": { "rmse": b.rmse, "lppd": b.lppd, "log_evidence": built_in.log_evidence() },
    }));
    Ok(())
}
