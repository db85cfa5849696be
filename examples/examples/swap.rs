//! What changes when only the algorithm does? One model, every algorithm that exists, one table.

use std::process::ExitCode;

use clap::Parser;
use examples::{Flags, exit, prepare, wine};
use models::MlpRegressor;
use serde_json::json;
use smc_runtime::prelude::*;

/// What changes when only the algorithm does? One model, every algorithm that exists, one table.
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    flags: Flags,
}

fn main() -> ExitCode {
    exit(run(&Args::parse().flags))
}

/// Every algorithm, by the words that one would write in `#[infer(..)]`.
fn algorithms(flags: &Flags) -> Vec<(&'static str, Box<dyn Inference>)> {
    let particles = flags.size(64, 8);
    let chains = mcmc()
        .chains(8)
        .warmup(flags.size(400, 20))
        .draws(flags.size(200, 10));
    vec![
        (
            "smc(annealing = SmoothDataAnnealing::geometric())",
            Box::new(
                smc()
                    .particles(particles)
                    .annealing(SmoothDataAnnealing::geometric()),
            ),
        ),
        (
            "smc(annealing = Tempering::adaptive())",
            Box::new(smc().particles(particles).annealing(Tempering::adaptive())),
        ),
        ("mcmc()", Box::new(chains)),
        (
            "ensemble()",
            Box::new(ensemble().members(flags.size(16, 4))),
        ),
        ("map()", Box::new(map())),
    ]
}

fn run(flags: &Flags) -> Result<()> {
    let data = wine()?.select(&(0..flags.size(600, 100)).collect::<Vec<_>>())?;
    let table = prepare(&data, flags.seed)?;
    eprintln!(
        "{:52} {:>8} {:>8} {:>9} {:>14} {:>8} {:>14}",
        "algorithm", "RMSE", "LPPD", "covers", "log-evidence", "seconds", "row-gradients"
    );
    let mut rows = Vec::new();
    for (name, algorithm) in algorithms(flags) {
        let run = flags
            .apply(MlpRegressor::sized(8).infer_with(&table.train))
            .with_boxed(algorithm);
        let posterior = run.observe(Progress::bar(name)).run()?;
        let scores = posterior.predict(&table.test)?.summary();
        let (rmse, coverage) = (
            scores.rmse.unwrap_or(f64::NAN),
            scores.coverage_90.unwrap_or(f64::NAN),
        );
        let evidence = posterior
            .log_evidence()
            .map_or("none".to_owned(), |z| format!("{z:.1}"));
        let report = posterior.report();
        eprintln!(
            "{name:52} {rmse:>8.3} {:>8.3} {:>7.1} % {evidence:>14} {:>8.1} {:>14.2e}",
            scores.lppd,
            100.0 * coverage,
            report.seconds,
            report.counts.row_gradients as f64
        );
        rows.push(json!({
            "algorithm": name, "target_scale": "standardised", "rmse": rmse, "lppd": scores.lppd, "coverage_90": coverage,
            "log_evidence": posterior.log_evidence(), "seconds": report.seconds, "row_gradients": report.counts.row_gradients,
        }));
    }
    flags.print(&json!({ "example": "swap", "seed": flags.seed, "algorithms": rows }));
    Ok(())
}
