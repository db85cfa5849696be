//! What do islands cost, and what do they tell? One population beside the same particles in islands, by turns, on the red
//! wines or on a regression table.
//!
//! `cargo run --release --example islands`, or with `-- --data DIR --set concrete`; the format of `DIR` is that of
//! [`UciSet::read`].

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use examples::uci::UciSet;
use examples::{Flags, exit, wine};
use models::MlpRegressor;
use serde_json::{Value, json};
use smc_runtime::prelude::*;

/// What do islands cost, and what do they tell? One population beside the same particles in islands, by turns, on the red
/// wines or on a regression table.
#[derive(Clone, Debug, Parser)]
struct Args {
    #[command(flatten)]
    flags: Flags,
    /// Folder with one folder for each set; the variable `SMC_DATA` if not given.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Name of the set; the red wines that come with the examples if not given.
    #[arg(long)]
    set: Option<String>,
    /// Splits to run, the first of the files.
    #[arg(long, default_value_t = 3)]
    splits: usize,
    /// Hidden units of the network.
    #[arg(long, default_value_t = 20)]
    hidden: usize,
    /// Particles, of all islands together.
    #[arg(long, default_value_t = 64)]
    particles: usize,
    /// Numbers of islands to compare.
    #[arg(long, value_delimiter = ',', default_value = "1,2,4,8")]
    islands: Vec<usize>,
    /// Scales by the variances of the cloud, in place of the default.
    #[arg(long)]
    diagonal: bool,
    /// Score on this fraction of the training rows, held out, in place of the test rows: for choosing settings.
    #[arg(long)]
    validate: Option<f64>,
}

fn main() -> ExitCode {
    exit(run(&Args::parse()))
}

fn run(args: &Args) -> Result<()> {
    let (name, parts) = parts(args)?;
    eprintln!(
        "{name}, {} hidden units, {} particles\n\nsplit  islands     RMSE     LPPD  90 % covers     log-evidence  R-hat  row-gradients  seconds",
        args.hidden, args.particles
    );
    let mut rows = Vec::new();
    for (split, (train, test)) in parts.iter().enumerate() {
        for &islands in &args.islands {
            let row = one(args, train, test, islands)?;
            let number = |key: &str| row[key].as_f64().unwrap_or(f64::NAN);
            eprintln!(
                "{split:5}  {islands:7} {:8.3} {:8.3} {:10.1} % {:10.1} ± {:<4.1} {:6.2} {:14.2e} {:8.1}",
                number("rmse"),
                number("lppd"),
                100.0 * number("coverage_90"),
                number("log_evidence"),
                number("log_evidence_error"),
                number("r_hat"),
                number("row_gradients"),
                number("seconds")
            );
            rows.push(row);
        }
    }
    args.flags.print(&json!({
        "example": "islands", "set": name, "seed": args.flags.seed, "hidden": args.hidden, "particles": args.particles, "diagonal": args.diagonal,
        "scored_on": if args.validate.is_some() { "validation" } else { "test" }, "runs": rows,
    }));
    Ok(())
}

/// The name of the data, and what to learn from and what to score on, split by split.
fn parts(args: &Args) -> Result<(String, Vec<(Dataset, Dataset)>)> {
    let splits = 0..args.flags.size(args.splits, 1);
    let (name, mut parts) = match &args.set {
        None => {
            let data = wine()?;
            let data = if args.flags.smoke {
                data.select(&(0..160).collect::<Vec<_>>())?
            } else {
                data
            };
            let parts = splits.map(|seed| data.split(0.2, seed as u64));
            ("red wine".to_owned(), parts.collect::<Result<Vec<_>>>()?)
        }
        Some(set) => {
            let folder = args
                .data
                .clone()
                .or(std::env::var_os("SMC_DATA").map(Into::into));
            let needed = "a folder of tables is needed: say --data DIR or set SMC_DATA";
            let folder = folder.ok_or_else(|| Error::config("set", set, needed))?;
            let data = UciSet::read(&folder, set)?;
            let there = data.splits.len();
            if splits.end > there {
                let expected = format!("at most the {there} splits of `{set}`");
                return Err(Error::config("splits", splits.end, expected));
            }
            let parts = splits.map(|split| data.split(split));
            (set.clone(), parts.collect::<Result<Vec<_>>>()?)
        }
    };
    if let Some(fraction) = args.validate {
        for (train, test) in &mut parts {
            (*train, *test) = train.split(fraction, 0)?;
        }
    }
    Ok((name, parts))
}

/// A run, on the original scale of the target.
fn one(args: &Args, train: &Dataset, test: &Dataset, islands: usize) -> Result<Value> {
    let particles = args.flags.size(args.particles, 8 * islands);
    let smc = smc().particles(particles).islands(islands);
    let run = args
        .flags
        .apply(MlpRegressor::sized(args.hidden).infer_with(train));
    let posterior = run
        .with(if args.diagonal {
            smc.metric(Metric::Diagonal)
        } else {
            smc
        })
        .standardise(Standardise::fit(train))
        .run()?;
    let (report, scores) = (posterior.report(), posterior.predict(test)?.summary());
    Ok(json!({
        "islands": islands, "rmse": scores.rmse, "lppd": scores.lppd, "coverage_90": scores.coverage_90,
        "log_evidence": posterior.log_evidence(), "log_evidence_error": report.evidence_error(),
        "islands_sd": report.evidence_spread(), "r_hat": report.function.map(|f| f.median), "r_hat_largest": report.function.map(|f| f.largest),
        "ancestors": report.ancestors(), "row_gradients": report.counts.row_gradients, "seconds": report.seconds,
    }))
}
