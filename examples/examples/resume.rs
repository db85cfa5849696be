//! What if it dies? A run that keeps its state goes on where it was, and its posterior outlives the program.
//!
//! `cargo run --release --example resume`, ended by Ctrl-C or worse, and the same line again

use std::process::ExitCode;

use clap::Parser;
use examples::{Flags, exit, wine};
use models::MlpRegressor;
use serde_json::json;
use smc_runtime::posterior::saved::inspect;
use smc_runtime::prelude::*;

/// What if it dies? A run that keeps its state goes on where it was, and its posterior outlives the program.
#[derive(Clone, Debug, Parser)]
struct Args {
    #[command(flatten)]
    flags: Flags,
}

fn main() -> ExitCode {
    exit(run(&Args::parse()))
}

fn run(args: &Args) -> Result<()> {
    let flags = &args.flags;
    let (train, test) = wine()?.split(0.2, 1)?;
    let folder = std::env::temp_dir();
    let name = flags.size("wine", "wine-smoke");
    let [state, kept] = ["ckpt", "smc"].map(|kind| folder.join(format!("{name}.{kind}")));

    // The same program, whether it begins, goes on after a power cut, or was over.
    let chains = mcmc()
        .chains(4)
        .warmup(flags.size(500, 4))
        .draws(flags.size(500, 4));
    let run = flags
        .apply(Run::new(MlpRegressor::sized(16), &train))
        .with(chains);
    let posterior = run
        .checkpoint(&state)
        .resume_if_there()
        .observe(Progress::bar("wine"))
        .run()?;
    posterior.save(&kept)?;

    // Another program: without the data, without the run.
    eprintln!("{}\n", inspect(&kept)?);
    let again = MlpRegressor::sized(16).load_with(&kept)?;
    let scores = again.predict(&test)?.summary();
    eprintln!("{scores}");
    std::fs::remove_file(&state).map_err(|source| Error::Io {
        path: state,
        source,
    })?;
    flags.print(&json!({
        "example": "resume", "seed": flags.seed, "rmse": scores.rmse, "seconds": again.report().seconds,
    }));
    Ok(())
}
