//! How well does a small Bayesian network, or a linear model, predict a table of one's own?
//!
//! `cargo run --release --example tabular -- --train FILE --task regression`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use examples::algorithm::{Algorithm, BudgetFlags, parameters};
use examples::network::{NetworkFlags, Use};
use examples::{Flags, choice, exit, wine, word};
use models::{LinearRegression, MultinomialRegression};
use serde_json::{Value, json};
use smc_runtime::data::{Column, Table};
use smc_runtime::prelude::*;

/// How well does a small Bayesian network, or a linear model, predict a table of one's own?
#[derive(Clone, Debug, Parser)]
struct Args {
    #[command(flatten)]
    flags: Flags,
    /// Table of training rows, with a header or without; columns of which most fields are no numbers become one feature per
    /// level.
    #[arg(long)]
    train: Option<PathBuf>,
    /// Table of test rows with the same columns.
    #[arg(long, requires = "train", conflicts_with = "holdout")]
    test: Option<PathBuf>,
    /// Fraction of the training table to hold out in place of a test table; every class in its share.
    #[arg(long, default_value_t = 0.2)]
    holdout: f64,
    /// What is to be predicted: regression, binary or multiclass.
    #[arg(long)]
    task: Option<String>,
    /// The algorithm: linear, auto, sghmc, smc, mcmc, ensemble, map, score-vi, mean-field, ivon, evon, gsm, bam, bali, modes-bali, laplace or swag; linear is a linear model in place of the network.
    #[arg(long, default_value = "smc")]
    infer: String,
    /// Name of the target's column in the header; the last column unless given.
    #[arg(long)]
    target: Option<String>,
    /// Leave out rows with a missing value.
    #[arg(long)]
    drop_missing: bool,
    /// Columns whose missing values are filled: by the median, with a feature that says where, or by a level of their own.
    #[arg(long, value_name = "COL", value_delimiter = ',')]
    fill: Vec<String>,
    /// Take the target's labels as classes although they look like a quantity.
    #[arg(long)]
    any_classes: bool,
    #[command(flatten)]
    network: NetworkFlags,
    #[command(flatten)]
    budget: BudgetFlags,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Task {
    Regression,
    Binary,
    Multiclass,
}

fn main() -> ExitCode {
    exit(run(&Args::parse()))
}

fn run(args: &Args) -> Result<()> {
    let infer: Algorithm = choice("infer", &args.infer)?;
    let usual = args.flags.size("", "regression");
    let task: Task = choice("task", args.task.as_deref().unwrap_or(usual))?;
    let Some((train, test)) = read(args, task)? else {
        eprintln!("skipped: this example needs a table; say --train FILE");
        return Ok(());
    };
    if train.columns() == 0 {
        let expected = "a column or more beside the target";
        return Err(Error::config("features", 0, expected));
    }
    let classes = train.classes().len();
    let mut network = args.network.clone();
    if network.hidden.is_none() && network.activation.is_none() {
        network.layers.get_or_insert_with(|| "auto".to_owned());
    }
    if task == Task::Binary && classes != 2 {
        let expected = format!(
            "two classes, but the target has {classes}: {}",
            train.classes().join(", ")
        );
        return Err(Error::config("task", word(&task), expected));
    }
    eprintln!(
        "{} rows to learn from, {} to score, {} features\n{}\n",
        train.rows(),
        test.rows(),
        train.columns(),
        train.check()
    );
    let shared = train.shared_rows(&test);
    if shared > 0 {
        eprintln!(
            "{shared} of {} rows to score stand among those to learn from\n",
            test.rows()
        );
    }
    let (network, budget) = network.chosen(infer, &train, &args.flags, args.budget)?;
    let score = Score {
        args,
        network: &network,
        budget,
        task,
        infer,
        train: &train,
        test: &test,
        outputs: classes.max(1),
    };
    match (task, infer) {
        (Task::Regression, Algorithm::Linear) => score.with(LinearRegression::default()),
        (_, Algorithm::Linear) => score.with(MultinomialRegression::sized(classes)),
        _ => network.hand(classes, score),
    }
}

/// Rows to learn from and rows to score; red wine for a smoke run without a table; none without either.
fn read(args: &Args, task: Task) -> Result<Option<(Dataset, Dataset)>> {
    let split = |data: Dataset| match task {
        Task::Regression => data.split(args.holdout, args.flags.seed),
        _ => data.split_stratified(args.holdout, args.flags.seed),
    };
    let Some(train) = &args.train else {
        if !args.flags.smoke {
            return Ok(None);
        }
        eprintln!("no --train: 100 rows of the red wines that come with the examples");
        let data = wine()?.select(&(0..100).collect::<Vec<_>>())?;
        return split(graded(&data, task)?).map(Some);
    };
    let mut table = Table::new();
    if let Some(target) = &args.target {
        table = table.target(target.as_str());
    }
    if task != Task::Regression {
        table = if args.any_classes {
            table.any_classes()
        } else {
            table.classes()
        };
    }
    if args.drop_missing {
        table = table.drop_missing();
    }
    table = table.fill(args.fill.iter().map(String::as_str));
    let texts = table.texts(train)?;
    if !texts.is_empty() {
        let names: Vec<String> = texts.iter().map(Column::to_string).collect();
        eprintln!(
            "most fields are no numbers, and so one feature per text: {}",
            names.join(", ")
        );
    }
    let schema = table.categorical(texts).learn(train)?;
    let data = schema.read(train)?;
    match &args.test {
        Some(test) => Ok(Some((data, schema.read(test)?))),
        None => split(data).map(Some),
    }
}

/// Wines by their quality: as a number, good or not, or one of three grades.
fn graded(data: &Dataset, task: Task) -> Result<Dataset> {
    let grade = |worst: f32, best: f32| {
        let targets = data.targets().iter().map(|y| y.clamp(worst, best) - worst);
        Dataset::new(data.columns(), data.features().to_vec(), targets.collect())?
            .with_names(data.names())
    };
    match task {
        Task::Regression => Ok(data.clone()),
        Task::Binary => grade(5.0, 6.0)?.with_classes(["fair", "good"]),
        Task::Multiclass => grade(4.0, 6.0)?.with_classes(["poor", "fair", "good"]),
    }
}

struct Score<'a> {
    args: &'a Args,
    network: &'a NetworkFlags,
    budget: BudgetFlags,
    task: Task,
    infer: Algorithm,
    train: &'a Dataset,
    test: &'a Dataset,
    outputs: usize,
}

impl Use for Score<'_> {
    type Gives = ();

    fn with<M: Infers>(self, model: M) -> Result<()> {
        let Self {
            args,
            network,
            budget,
            task,
            infer,
            train,
            test,
            outputs,
        } = self;
        let run = args.flags.apply(Run::new(model, train));
        let way = budget.fit.predict;
        let size = parameters(train.columns(), &network.widths(50)?, outputs);
        let settings = infer.within(budget, &args.flags, &run, (train.rows(), size))?;
        let run = run.with_boxed(settings).observe(Progress::bar("table"));
        let posterior = run.run()?;
        let (report, prediction) = (posterior.report(), way.of(&posterior, test)?);
        let scores = prediction.summary();
        eprintln!("{report}\n\n{scores}");
        let mut out = json!({
            "example": "tabular", "seed": args.flags.seed, "task": word(&task), "infer": word(&infer), "rows": train.rows(),
            "test_rows": test.rows(), "features": train.columns(), "layers": network.widths(50)?, "activation": network.nonlinearity()?.to_string(), "target_scale": prediction.target_scale().to_string(),
            "seconds": report.seconds,
        });
        let mut add = |key: &str, value: Option<f64>| out[key] = Value::from(value);
        if task == Task::Regression {
            let crps = prediction.crps();
            eprintln!("CRPS {:.3}", crps.unwrap_or(f64::NAN));
            add("rmse", scores.rmse);
            add("lppd", Some(scores.lppd));
            add("crps", crps);
            add("coverage", scores.coverage_90);
        } else {
            add("accuracy", scores.accuracy);
            add("nll", scores.nll);
            add("brier", scores.brier);
            add("ece", scores.calibration_error);
        }
        if task == Task::Binary {
            let auroc = prediction.auroc(1);
            match auroc {
                Some(auroc) => eprintln!("AUROC {auroc:.3}"),
                None => eprintln!("AUROC none: the rows to score are all of one class"),
            }
            add("auroc", auroc);
        }
        args.flags.print(&out);
        Ok(())
    }
}
