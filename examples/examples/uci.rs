//! How well do a small Bayesian network and its algorithms predict the usual regression tables, on their published splits?
//!
//! `cargo run --release --example uci -- --data DIR --set concrete`; the format of `DIR` is that of [`UciSet::read`].

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use examples::algorithm::{Algorithm, BudgetFlags, parameters};
use examples::network::{NetworkFlags, Use};
use examples::uci::UciSet;
use examples::{Flags, choice, exit, wine, word};
use models::LinearRegression;
use serde_json::json;
use smc_runtime::posterior::predict::Scores;
use smc_runtime::prelude::*;

/// How well do a small Bayesian network and its algorithms predict the usual regression tables, on their published splits?
#[derive(Clone, Debug, Parser)]
struct Args {
    #[command(flatten)]
    flags: Flags,
    /// Folder with one folder for each set; the variable `SMC_DATA` if not given.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Name of the set.
    #[arg(long, default_value = "")]
    set: String,
    /// The algorithm: linear, auto, sghmc, smc, mcmc, symmetric, ensemble, map, score-vi, mean-field, ivon, evon, gsm, bam, bali, modes-bali, laplace or swag; linear is Bayesian linear regression.
    #[arg(long, default_value = "smc")]
    infer: String,
    /// Splits to run, the first of the files.
    #[arg(long, default_value_t = 5)]
    splits: usize,
    #[command(flatten)]
    network: NetworkFlags,
    #[command(flatten)]
    budget: BudgetFlags,
    /// Score on this fraction of the training rows, held out, in place of the test rows: for choosing settings.
    #[arg(long)]
    validate: Option<f64>,
}

/// What one split gave.
struct Outcome {
    scores: Scores,
    seconds: f64,
    layers: String,
}

fn main() -> ExitCode {
    exit(run(&Args::parse()))
}

fn run(args: &Args) -> Result<()> {
    let infer: Algorithm = choice("infer", &args.infer)?;
    let Some((name, set)) = read(args)? else {
        eprintln!("skipped: this example needs tables; say --data DIR or set SMC_DATA");
        return Ok(());
    };
    let there = set.splits.len();
    if args.splits == 0 || args.splits > there {
        let expected = format!("between 1 and the {there} splits of `{name}`");
        return Err(Error::config("splits", args.splits, expected));
    }
    eprintln!(
        "{name}: {} rows, {} features\n{}\n",
        set.data.rows(),
        set.data.columns(),
        set.data.check()
    );
    let mut outcomes = Vec::new();
    for split in 0..args.splits {
        let (train, test) = set.split(split)?;
        let (train, test) = match args.validate {
            Some(fraction) => train.split(fraction, 0)?,
            None => (train, test),
        };
        let outcome = fit(args, infer, &train, &test)?;
        eprintln!(
            "split {split:2}  {} rows to learn from, {:.1} s; {}",
            train.rows(),
            outcome.seconds,
            outcome.scores
        );
        outcomes.push(outcome);
    }
    print(args, &name, infer, &outcomes);
    Ok(())
}

/// The set and its name; red wine with splits of its own for a smoke run without data; none where there are no data.
fn read(args: &Args) -> Result<Option<(String, UciSet)>> {
    if args.flags.smoke && args.data.is_none() {
        eprintln!(
            "no --data: 100 rows of the red wines that come with the examples, 5 splits made up"
        );
        let data = wine()?.select(&(0..100).collect::<Vec<_>>())?;
        let part = |split, test: bool| (0..100).filter(|i| (i % 5 == split) == test).collect();
        let splits = (0..5).map(|s| (part(s, false), part(s, true)));
        let splits = splits.collect();
        return Ok(Some(("red wine".to_owned(), UciSet { data, splits })));
    }
    let folder = args
        .data
        .clone()
        .or(std::env::var_os("SMC_DATA").map(Into::into));
    let Some(folder) = folder else {
        return Ok(None);
    };
    let set = UciSet::read(&folder, &args.set)?;
    Ok(Some((args.set.clone(), set)))
}

/// Learns from `train` and scores on `test`, on the original scale.
fn fit(args: &Args, infer: Algorithm, train: &Dataset, test: &Dataset) -> Result<Outcome> {
    let (network, budget) = args
        .network
        .chosen(infer, train, &args.flags, args.budget)?;
    let score = Score {
        args,
        network: &network,
        budget,
        infer,
        train,
        test,
    };
    if infer == Algorithm::Linear {
        return score.with(LinearRegression::default());
    }
    network.hand(0, score)
}

struct Score<'a> {
    args: &'a Args,
    network: &'a NetworkFlags,
    budget: BudgetFlags,
    infer: Algorithm,
    train: &'a Dataset,
    test: &'a Dataset,
}

impl Use for Score<'_> {
    type Gives = Outcome;

    fn with<M: Infers>(self, model: M) -> Result<Outcome> {
        let (args, rows) = (self.args, self.train.rows());
        let run = args.flags.apply(Run::new(model, self.train));
        let size = parameters(self.train.columns(), &self.network.widths(50)?, 1);
        let settings = self
            .infer
            .within(self.budget, &args.flags, &run, (rows, size))?;
        let run = run.with_boxed(settings).observe(Progress::bar("split"));
        let posterior = run.run()?;
        Ok(Outcome {
            scores: self.budget.fit.predict.of(&posterior, self.test)?.summary(),
            seconds: posterior.report().seconds,
            layers: format!(
                "{:?} {}",
                self.network.widths(50)?,
                self.network.nonlinearity()?
            ),
        })
    }
}

/// Mean of `score` over the outcomes and its standard error, which one outcome alone does not have.
fn mean(outcomes: &[Outcome], score: impl Fn(&Outcome) -> Option<f64>) -> (f64, Option<f64>) {
    let values: Vec<f64> = outcomes.iter().filter_map(score).collect();
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
    let error = (values.len() > 1).then(|| (squares / (n - 1.0) / n).sqrt());
    (mean, error)
}

fn print(args: &Args, name: &str, infer: Algorithm, outcomes: &[Outcome]) {
    let (rmse, rmse_se) = mean(outcomes, |o| o.scores.rmse);
    let (lppd, lppd_se) = mean(outcomes, |o| Some(o.scores.lppd));
    let (coverage, coverage_se) = mean(outcomes, |o| o.scores.coverage_90);
    let seconds: f64 = outcomes.iter().map(|o| o.seconds).sum();
    let layers: Vec<&str> = outcomes.iter().map(|o| &*o.layers).collect();
    let error = |e: Option<f64>| e.map_or(String::new(), |e| format!(" ± {e:.3}"));
    eprintln!(
        "\n{name}, {}, mean ± standard error over {} splits, original scale: RMSE {rmse:.3}{}, LPPD {lppd:.3}{}, 90 % interval covers {:.1} %; {seconds:.1} s",
        word(&infer),
        outcomes.len(),
        error(rmse_se),
        error(lppd_se),
        100.0 * coverage,
    );
    args.flags.print(&json!({
        "example": "uci", "seed": args.flags.seed, "set": name, "infer": word(&infer), "splits": outcomes.len(), "layers": layers, "noise": args.network.noise,
        "scored_on": if args.validate.is_some() { "validation" } else { "test" }, "target_scale": "original",
        "rmse": rmse, "rmse_se": rmse_se, "lppd": lppd, "lppd_se": lppd_se, "coverage": coverage, "coverage_se": coverage_se,
        "seconds": seconds,
    }));
}
