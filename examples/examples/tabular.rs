//! How well does a small Bayesian network, or a linear model, predict a table of one's own?
//!
//! `cargo run --release --example tabular -- --train FILE --task regression`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use examples::algorithm::{Algorithm, BudgetFlags, parameters};
use examples::keep::KeepFlags;
use examples::network::{NetworkFlags, Use};
use examples::{Flags, choice, exit, wine, word};
use models::{LinearRegression, MultinomialRegression};
use serde_json::{Value, json};
use smc_runtime::data::{Column, Schema, Table};
use smc_runtime::posterior::predict::{Prediction, Scored};
use smc_runtime::posterior::saved::inspect;
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
    #[arg(long, conflicts_with = "holdout")]
    test: Option<PathBuf>,
    /// Fraction of the training table to hold out in place of a test table; every class in its share.
    #[arg(long, default_value_t = 0.2)]
    holdout: f64,
    /// What is to be predicted: regression, binary or multiclass.
    #[arg(long)]
    task: Option<String>,
    /// The algorithm: linear, auto, sghmc, smc, mcmc, symmetric, ensemble, map, score-vi, mean-field, ivon, evon, gsm, bam, bali, modes-bali, laplace or swag; linear is a linear model in place of the network.
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
    #[command(flatten)]
    keep: KeepFlags,
    /// A posterior that `--save` wrote, in place of a table to learn from: it scores the rows of `--test`, or predicts those of
    /// `--new`.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["train", "save", "checkpoint"])]
    load: Option<PathBuf>,
    /// Table of rows without a target: what the posterior of `--load` says of each goes to standard output, as a table.
    #[arg(long, value_name = "FILE", requires = "load", conflicts_with = "test")]
    new: Option<PathBuf>,
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
    if let Some(path) = &args.load {
        return loaded(args, path);
    }
    if args.test.is_some() && args.train.is_none() {
        let expected = "`--train` says what is learned, or `--load` what was";
        return Err(Error::config("test", "alone", expected));
    }
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
        let posterior = args.keep.apply(run)?.run()?;
        let notes = [
            ("task", word(&task)),
            ("infer", word(&infer)),
            ("layers", words(&network.widths(50)?)),
            ("activation", network.nonlinearity()?.to_string()),
            ("noise", network.noise.clone()),
        ];
        args.keep.keep(&posterior, &notes)?;
        if let Some(folder) = &args.keep.zarr {
            posterior.to_zarr(folder, train)?;
        }
        let scored = way.of(&posterior, test)?;
        eprintln!("{}\n", posterior.report());
        let known = known(task, infer, network, train.columns())?;
        let mut out = told(task, known, &posterior, &scored, args.flags.seed);
        if args.keep.zarr.is_some() {
            out["exported"] = exported(&posterior, train)?;
        }
        args.flags.print(&out);
        Ok(())
    }
}

/// What a tool that reads the exported draws should find again.
fn exported<M: Model>(posterior: &Posterior<M>, train: &Dataset) -> Result<Value> {
    let quantities = posterior.summary().quantities.into_iter();
    let of = quantities.map(
        |q| json!({"name": q.name, "mean": q.mean, "sd": q.sd, "ess": q.ess, "tail_ess": q.tail_ess, "r_hat": q.r_hat}),
    );
    let quantities: Vec<Value> = of.collect();
    let loo = posterior.loo(train)?;
    eprintln!("{loo}");
    Ok(json!({
        "loo": loo.elpd, "loo_error": loo.error, "loo_p": loo.p, "loo_rows": loo.rows, "k": loo.k, "summary": quantities,
    }))
}

/// What was asked for, as the last line says it.
fn known(task: Task, infer: Algorithm, network: &NetworkFlags, features: usize) -> Result<Value> {
    Ok(json!({
        "task": word(&task), "infer": word(&infer), "layers": network.widths(50)?,
        "activation": network.nonlinearity()?.to_string(), "features": features,
    }))
}

fn words(widths: &[usize]) -> String {
    let widths: Vec<String> = widths.iter().map(usize::to_string).collect();
    widths.join(",")
}

/// The scores of a posterior, also in words, beside what is known of it.
fn told<M: Model>(
    task: Task,
    known: Value,
    posterior: &Posterior<M>,
    scored: &Scored<'_>,
    seed: u64,
) -> Value {
    let (report, scores) = (posterior.report(), scored.summary());
    eprintln!("{scores}");
    let mut out = json!({
        "example": "tabular", "seed": seed, "rows": report.rows, "test_rows": scored.rows(),
        "target_scale": scored.target_scale().to_string(), "seconds": report.seconds,
    });
    if let (Value::Object(out), Value::Object(known)) = (&mut out, known) {
        out.extend(known);
    }
    let mut add = |key: &str, value: Option<f64>| out[key] = Value::from(value);
    if task == Task::Regression {
        let crps = scored.crps();
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
        let auroc = scored.auroc(1);
        match auroc {
            Some(auroc) => eprintln!("AUROC {auroc:.3}"),
            None => eprintln!("AUROC none: the rows to score are all of one class"),
        }
        add("auroc", auroc);
    }
    out
}

/// What a posterior says that was saved.
fn loaded(args: &Args, path: &Path) -> Result<()> {
    let content = inspect(path)?;
    eprintln!("{content}\n");
    let note = |name: &str| {
        let expected = "one that `tabular --save` wrote";
        let found = content.notes.get(name);
        found.ok_or_else(|| Error::config("load", path.display(), expected))
    };
    let (task, infer): (Task, Algorithm) = (
        choice("task", note("task")?)?,
        choice("infer", note("infer")?)?,
    );
    let network = NetworkFlags {
        hidden: None,
        layers: Some(note("layers")?.clone()),
        activation: Some(note("activation")?.clone()),
        noise: note("noise")?.clone(),
    };
    let again = Again {
        args,
        path,
        task,
        infer,
        network: &network,
        features: content.model.features,
    };
    let classes = content.classes.len();
    match (task, infer) {
        (Task::Regression, Algorithm::Linear) => again.with(LinearRegression::default()),
        (_, Algorithm::Linear) => again.with(MultinomialRegression::sized(classes)),
        _ => network.hand(classes, again),
    }
}

struct Again<'a> {
    args: &'a Args,
    path: &'a Path,
    task: Task,
    infer: Algorithm,
    network: &'a NetworkFlags,
    features: usize,
}

impl Use for Again<'_> {
    type Gives = ();

    fn with<M: Infers>(self, model: M) -> Result<()> {
        let (args, task) = (self.args, self.task);
        let posterior = model.load_on(self.path, args.flags.engine)?;
        let schema = || -> Result<&Schema> {
            posterior.schema().ok_or_else(|| {
                let expected = "one that learned from a table";
                Error::config("load", self.path.display(), expected)
            })
        };
        let way = args.budget.fit.predict;
        if let Some(new) = &args.new {
            let rows = schema()?.read_features(new)?;
            print!("{}", table_of(&way.of(&posterior, &rows)?));
            return Ok(());
        }
        let Some(test) = &args.test else {
            return Ok(());
        };
        let test = schema()?.read(test)?;
        let known = known(task, self.infer, self.network, self.features)?;
        let scored = way.of(&posterior, &test)?;
        let seed = posterior.report().seed;
        args.flags
            .print(&told(task, known, &posterior, &scored, seed));
        Ok(())
    }
}

/// What is predicted of every row, with a header: probabilities of classes, or mean, sd and the bounds of 90 %.
fn table_of(said: &Prediction<'_>) -> String {
    let mut lines = Vec::new();
    match said.class_names() {
        Some(classes) => {
            lines.push(classes.iter().map(|c| quoted(c)).collect::<Vec<_>>());
            for row in 0..said.rows() {
                let p = said.probabilities(row).unwrap_or_default();
                lines.push(p.iter().map(|p| format!("{p:.6}")).collect());
            }
        }
        None => {
            lines.push(["mean", "sd", "5%", "95%"].map(str::to_owned).to_vec());
            let bounds = said.interval(0.9).unwrap_or_default();
            for ((mean, sd), (low, high)) in said.mean().iter().zip(said.sd()).zip(bounds) {
                lines.push([*mean, sd, low, high].map(|x| x.to_string()).to_vec());
            }
        }
    }
    let lines: Vec<String> = lines.iter().map(|line| line.join(",")).collect();
    lines.join("\n") + "\n"
}

/// A name in a table.
fn quoted(name: &str) -> String {
    if name.contains([',', '"', '\n']) {
        format!("\"{}\"", name.replace('"', "\"\""))
    } else {
        name.to_owned()
    }
}
