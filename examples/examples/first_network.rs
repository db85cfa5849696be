//! Is a first network, with everything left as it is, at least as good as linear regression?
//!
//! `cargo run --release --example first_network -- --seeds 10 --infer smc mcmc auto --data DIR`; DIR holds the folders of `uci`, of which
//! the first 120 rows of `yacht` are taken. Without it red wine alone is tried.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use examples::uci::UciSet;
use examples::{Flags, Prepared, exit, prepare, wine};
use models::LinearRegression;
use serde_json::{Value, json};
use smc_runtime::prelude::*;

/// Thirty-two hidden units, default priors, a noise that is learned.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
struct First {
    hidden: Linear<Dyn, 32>,
    activation: Tanh,
    output: Linear<32, 1>,
    #[prior(HalfNormal(1.0))]
    noise: Scale,
}

/// Is a first network, with everything left as it is, at least as good as linear regression?
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    flags: Flags,
    /// The folder with the folders of `uci`.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Splits, each with its seed.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// Algorithms, with no argument at all.
    #[arg(long, num_args = 1.., default_values = ["smc", "mcmc", "auto"])]
    infer: Vec<Algorithm>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Algorithm {
    Smc,
    Mcmc,
    Auto,
}

/// Rows of `yacht`: all of one hull and part of a second.
const FEW: usize = 120;

fn main() -> ExitCode {
    exit(run(&Args::parse()))
}

fn run(args: &Args) -> Result<()> {
    let mut sets = vec![("red wine", wine()?)];
    match &args.data {
        Some(folder) => {
            let first: Vec<usize> = (0..FEW).collect();
            let yacht = UciSet::read(folder, "yacht")?.data.select(&first)?;
            sets.push(("yacht, first 120 rows", yacht));
        }
        None => eprintln!("yacht is skipped: --data names no folder"),
    }
    let mut found = Vec::new();
    for (name, data) in &sets {
        for infer in &args.infer {
            let all = args.flags.size(data.rows(), 80);
            let data = data.select(&(0..all).collect::<Vec<_>>())?;
            found.push(compare(args, name, &data, *infer)?);
        }
    }
    args.flags
        .print(&json!({ "example": "first_network", "sets": found }));
    Ok(())
}

/// Log-likelihood of held-out rows beside that of linear regression, for every seed.
fn compare(args: &Args, name: &str, data: &Dataset, infer: Algorithm) -> Result<Value> {
    let (mut differences, mut rows) = (Vec::new(), Vec::new());
    for seed in 1..=args.flags.size(args.seeds, 1) {
        let table = prepare(data, seed)?;
        let network = args.flags.apply(First::infer(&table.train)).seed(seed);
        let linear = args.flags.apply(LinearRegression::infer(&table.train));
        let linear = linear.seed(seed).run()?;
        let network = match infer {
            Algorithm::Smc => network.with(smc()),
            Algorithm::Mcmc => network.with(mcmc()),
            Algorithm::Auto => network.with(auto()),
        };
        let network = network
            .observe(Progress::bar(format!("{name}, seed {seed}")))
            .run()?;
        let row = score(&network, &linear, &table, seed)?;
        differences.push(row["difference"].as_f64().unwrap_or(f64::NAN));
        eprintln!("{name}, {infer:?}: {row}");
        rows.push(row);
    }
    let n = differences.len() as f64;
    let mean = differences.iter().sum::<f64>() / n;
    let spread = differences.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    eprintln!(
        "{name}, {infer:?}: network − linear {mean:.3} ± {:.3}\n",
        (spread / n).sqrt()
    );
    Ok(
        json!({ "set": name, "infer": format!("{infer:?}"), "difference": mean, "error": (spread / n).sqrt(), "seeds": rows }),
    )
}

fn score(
    network: &Posterior<First>,
    linear: &Posterior<LinearRegression>,
    table: &Prepared,
    seed: u64,
) -> Result<Value> {
    let of_network = network.predict(&table.test)?.summary();
    let of_linear = linear.predict(&table.test)?.summary();
    let report = network.report();
    Ok(json!({
        "seed": seed, "lppd": of_network.lppd, "linear_lppd": of_linear.lppd, "difference": of_network.lppd - of_linear.lppd,
        "rmse": of_network.rmse, "linear_rmse": of_linear.rmse, "seconds": report.seconds,
        "verdict": report.verdict().to_string(), "evidence_error": report.evidence_error(),
    }))
}
