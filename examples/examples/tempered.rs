//! What does one run of adaptive tempered SMC cost? The same run as in `benches/peers/tempered_jax.py`: a network D-16-16-2
//! for mean and log sd, N(0, 1) priors, HMC, as many particles, leapfrog steps and moves, the same ESS.
//!
//! `python benches/peers/tempered.py` makes the two tables and runs both in turns.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use examples::{Flags, exit, prepare, wine};
use serde_json::json;
use smc_runtime::data::Table;
use smc_runtime::prelude::*;

/// What does one run of adaptive tempered SMC cost? The same run as in `benches/peers/tempered_jax.py`: a network D-16-16-2
/// for mean and log sd, N(0, 1) priors, HMC, as many particles, leapfrog steps and moves, the same ESS.
#[derive(Clone, Debug, Parser)]
struct Args {
    #[command(flatten)]
    flags: Flags,
    /// Table of training rows, the target last; some rows of red wine if not given.
    #[arg(long, requires = "test")]
    train: Option<PathBuf>,
    /// Table of test rows.
    #[arg(long, requires = "train")]
    test: Option<PathBuf>,
    /// Number of particles.
    #[arg(long, default_value_t = 64)]
    particles: usize,
    /// Leapfrog steps of a move.
    #[arg(long, default_value_t = 10)]
    leapfrogs: usize,
    /// Moves of a stage.
    #[arg(long, default_value_t = 5)]
    moves: usize,
    /// Further moves at the last stage.
    #[arg(long, default_value_t = 10)]
    final_moves: usize,
    /// The ESS, as a fraction of the particles, that every stage keeps.
    #[arg(long, default_value_t = 0.7)]
    ess: f64,
    /// Scale every coordinate by its spread in the cloud, which the peer does not.
    #[arg(long)]
    diagonal: bool,
    /// Let the rows in by smooth data annealing in place of tempering.
    #[arg(long)]
    annealed: bool,
}

/// Mean and log sd by two hidden layers.
#[bayes_model]
#[likelihood(Normal(mean = output[0], sd = output[1].exp()))]
struct Network {
    #[prior(Normal(0.0, 1.0))]
    first: Linear<Dyn, 16>,
    tanh: Tanh,
    #[prior(Normal(0.0, 1.0))]
    second: Linear<16, 16>,
    again: Tanh,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<16, 2>,
}

fn main() -> ExitCode {
    exit(run(&Args::parse()))
}

fn run(args: &Args) -> Result<()> {
    let flags = &args.flags;
    let (train, test) = if let (Some(train), Some(test)) = (&args.train, &args.test) {
        let (train, test) = (Table::new().read(train)?, Table::new().read(test)?);
        let scale = Standardise::fit(&train);
        (scale.apply(&train)?, scale.apply(&test)?)
    } else {
        let rows = flags.size(400, 100);
        let table = prepare(&wine()?.select(&(0..rows).collect::<Vec<_>>())?, 1)?;
        (table.train, table.test)
    };
    let metric = if args.diagonal {
        Metric::Diagonal
    } else {
        Metric::Unit
    };
    let smc = smc()
        .particles(flags.size(args.particles, 8))
        .kernel(Hmc::leapfrogs(args.leapfrogs))
        .step_size(Follow::to(0.8))
        .metric(metric)
        .moves(args.moves)
        .final_moves(args.final_moves)
        // Resampled at every stage, so that the ESS is that of a stage's increments.
        .ess(1.0);
    let smc = if args.annealed {
        smc.annealing(SmoothDataAnnealing::geometric().cess(args.ess))
    } else {
        smc.annealing(Tempering::adaptive().cess(args.ess))
    };
    let posterior = flags.apply(Network::infer(&train)).with(smc).run()?;
    let (report, scores) = (posterior.report(), posterior.predict(&test)?.summary());
    eprintln!("{report}\n{scores}");
    flags.print(&json!({
        "program": "ours", "seed": flags.seed, "parameters": posterior.layout().dim(), "rows": train.rows(),
        "seconds": report.seconds, "compile_seconds": 0.0, "lppd": scores.lppd, "rmse": scores.rmse,
        "log_evidence": posterior.log_evidence(), "stages": report.steps.len(), "acceptance": report.acceptance(),
        "step": report.steps.last().and_then(smc_runtime::infer::observe::Step::step_size), "ess_min": report.ess_min(),
        "gradients": report.full_gradients() / posterior.len() as f64,
    }));
    Ok(())
}
