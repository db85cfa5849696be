//! What does annealing the data buy on images? One classifier with one hidden layer, under every annealing policy and kernel,
//! from the prior or from an ensemble, on a folder of IDX files such as MNIST.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use examples::algorithm::{Algorithm, BudgetFlags, half_of_members, parameters, with_members};
use examples::fit::Way;
use examples::keep::KeepFlags;
use examples::network::NetworkFlags;
use examples::uci::file;
use examples::{Flags, choice, exit, word};
use models::DeepClassifier;
use serde_json::json;
use smc_runtime::base::scores::auroc;
use smc_runtime::data::read_idx;
use smc_runtime::infer::{DrawnFrom, Ensemble, SgMcmc, Smc};
use smc_runtime::prelude::*;

/// What does annealing the data buy on images? One classifier with one hidden layer, under every annealing policy and kernel,
/// from the prior or from an ensemble, on a folder of IDX files such as MNIST.
#[derive(Clone, Debug, Parser)]
struct Args {
    #[command(flatten)]
    flags: Flags,
    /// Folder with the four files `{train,t10k}-{images-idx3,labels-idx1}-ubyte`, packed by gzip or not; the variable
    /// `SMC_DATA` if not given.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Training rows, the first of the file; all unless given.
    #[arg(long)]
    train: Option<usize>,
    /// Test rows, the first of the file; all unless given.
    #[arg(long)]
    test: Option<usize>,
    /// Score on this fraction of the training rows, held out, in place of the test rows: for choosing settings.
    #[arg(long)]
    validate: Option<f64>,
    /// Classes that are left out of the training rows, such as 8,9: how well uncertainty tells test rows of theirs from others is
    /// scored beside the rest.
    #[arg(long, value_delimiter = ',')]
    ood: Vec<usize>,
    #[command(flatten)]
    network: NetworkFlags,
    #[command(flatten)]
    budget: BudgetFlags,
    #[command(flatten)]
    keep: KeepFlags,
    /// Particles of all islands together; 16, but as many as the ensemble has members for a warm start within a budget of seconds.
    #[arg(long)]
    particles: Option<usize>,
    /// Islands, which count equally; as many as particles where there are more parameters than particles, one otherwise.
    #[arg(long)]
    islands: Option<usize>,
    /// Annealing stages.
    #[arg(long, default_value_t = 8)]
    stages: usize,
    /// Leapfrog steps of a move.
    #[arg(long, default_value_t = 40)]
    leapfrogs: usize,
    /// Moves of a stage.
    #[arg(long, default_value_t = 1)]
    moves: usize,
    /// Further moves at the last stage, whose particles are kept too.
    #[arg(long, default_value_t = 0)]
    final_moves: usize,
    /// How the data come in; smooth from the prior, full from a warm start. With auto, chains go from the prior to the posterior by
    /// mini-batches that grow, and then on by exact moves on all rows; the draws of the chains are kept beside theirs.
    #[arg(long)]
    annealing: Option<Policy>,
    /// Power of the path of step, front and smooth annealing: the larger, the fewer stages on many rows; 1, and 2 for front.
    #[arg(long)]
    power: Option<f64>,
    /// How the particles move.
    #[arg(long, default_value = "hmc")]
    kernel: Mover,
    /// Acceptance that the step size follows.
    #[arg(long)]
    acceptance: Option<f64>,
    /// Where the kernel's scales come from; information from the prior, prior from a warm start.
    #[arg(long)]
    metric: Option<Scales>,
    /// Where the run begins.
    #[arg(long, default_value = "prior")]
    start: Start,
    /// Width of a warm start around the members, in standard deviations of a Laplace approximation.
    #[arg(long, default_value_t = 0.05)]
    spread: f64,
    /// Most epochs of the ensemble.
    #[arg(long)]
    epochs: Option<usize>,
    /// The algorithm: auto, sghmc, smc, mcmc, ensemble, map, score-vi, mean-field, ivon, evon, bali, modes-bali, laplace or swag.
    #[arg(long, default_value = "smc")]
    infer: String,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Policy {
    Full,
    Step,
    Front,
    Smooth,
    Auto,
    Minibatch,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Mover {
    Hmc,
    Jittered,
    Chees,
    Cheap,
    Unadjusted,
    Mala,
    Langevin,
    RandomWalk,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Scales {
    Unit,
    Prior,
    Blocks,
    Diagonal,
    Scores,
    Information,
    Kronecker,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Start {
    Prior,
    Warm,
    Bali,
}

/// Standard deviations of the priors: 6/√fan_in of the hidden layers, and 2 of the output layer. Pixels are between 0 and 1, most of
/// them 0: the input of a hidden unit then has a variance of about four. Chosen on validation rows, for all algorithms alike.
fn model(args: &Args, widths: &[usize], classes: usize) -> Result<DeepClassifier> {
    let last = widths.last().map_or(1.0, |&width| width as f64);
    let model = DeepClassifier::sized(widths, classes)?.scales(3.0, 2.0 * last.sqrt() / 3.0);
    Ok(model.activation(args.network.nonlinearity()?))
}

fn main() -> ExitCode {
    exit(run(&Args::parse()))
}

fn read(folder: &Path, part: &str, rows: Option<usize>) -> Result<Dataset> {
    let data = read_idx(
        file(folder, &format!("{part}-images-idx3-ubyte")),
        file(folder, &format!("{part}-labels-idx1-ubyte")),
    )?;
    match rows {
        Some(rows) if rows == 0 || rows > data.rows() => Err(Error::config(
            format!("rows of {part}"),
            rows,
            format!("between 1 and the {} rows of the file", data.rows()),
        )),
        Some(rows) => data.select(&(0..rows).collect::<Vec<_>>()),
        None => Ok(data),
    }
}

/// The rows of other classes than those left out, and the rows to score that are of one of these.
fn apart(
    args: &Args,
    train: Dataset,
    test: Dataset,
) -> Result<(Dataset, Dataset, Option<Dataset>)> {
    if args.ood.is_empty() {
        return Ok((train, test, None));
    }
    let left_out = |y: f32| args.ood.contains(&(y as usize));
    let part = |data: &Dataset, wanted: bool| {
        let rows = data.targets().iter().enumerate();
        let rows: Vec<usize> = rows
            .filter(|(_, y)| left_out(**y) == wanted)
            .map(|(i, _)| i)
            .collect();
        if rows.is_empty() {
            let expected = "classes that leave rows of both kinds";
            return Err(Error::config("ood", format!("{:?}", args.ood), expected));
        }
        data.select(&rows)
    };
    let last = args.ood.iter().copied().min().unwrap_or_default();
    if train
        .targets()
        .iter()
        .any(|&y| !left_out(y) && y as usize > last)
    {
        let expected = "the last classes, so that those that are left are counted from 0";
        return Err(Error::config("ood", format!("{:?}", args.ood), expected));
    }
    let strange = part(&test, true)?;
    Ok((part(&train, false)?, part(&test, false)?, Some(strange)))
}

/// How well entropy and mutual information tell strange rows from others.
fn told_apart<M: Model>(
    posterior: &Posterior<M>,
    test: &Dataset,
    strange: &Dataset,
    way: Way,
) -> Result<[Option<f64>; 2]> {
    let (known, other) = (
        way.of(posterior, test.inputs())?,
        way.of(posterior, strange.inputs())?,
    );
    let is_strange: Vec<bool> = (0..known.rows() + other.rows())
        .map(|i| i >= known.rows())
        .collect();
    let of = |known: Option<Vec<f64>>, other: Option<Vec<f64>>| {
        let scores: Vec<f64> = known?.into_iter().chain(other?).collect();
        auroc(&scores, &is_strange)
    };
    Ok([
        of(known.entropy(), other.entropy()),
        of(known.mutual_information(), other.mutual_information()),
    ])
}

/// Rows to learn from and rows to score.
fn prepare(args: &Args, folder: &Path) -> Result<(Dataset, Dataset)> {
    let flags = &args.flags;
    let train = read(folder, "train", args.train.or(flags.size(None, Some(500))))?;
    match args.validate {
        Some(fraction) => train.split(fraction, 0),
        None => {
            let rows = args.test.or(flags.size(None, Some(200)));
            Ok((train, read(folder, "t10k", rows)?))
        }
    }
}

fn kernel(args: &Args, smc: Smc, rows: usize) -> Smc {
    let hmc = Hmc::leapfrogs(args.leapfrogs);
    match args.kernel {
        Mover::Hmc => smc.kernel(hmc),
        Mover::Jittered => smc.kernel(hmc.jitter(0.3)),
        Mover::Chees => smc.kernel(Chees::default().at_most(args.leapfrogs)),
        Mover::Cheap => smc.kernel(hmc.gradient_rows((rows / 8).max(1))),
        Mover::Unadjusted => smc.kernel(hmc.unadjusted()),
        Mover::Mala => smc.kernel(Mala),
        Mover::Langevin => smc.kernel(UnadjustedLangevin),
        Mover::RandomWalk => smc.kernel(RandomWalk),
    }
}

fn annealed(args: &Args, smc: Smc, policy: Policy, rows: usize) -> Smc {
    let stages = args.stages;
    let power = |usual: f64| args.power.unwrap_or(usual);
    match policy {
        Policy::Full => smc.annealing(Tempering::stages(stages)),
        Policy::Step => smc.annealing(StepDataAnnealing::geometric(stages).power(power(1.0))),
        Policy::Front => smc.annealing(StepDataAnnealing::geometric(stages).power(power(2.0))),
        Policy::Smooth => smc.annealing(SmoothDataAnnealing::stages(stages).power(power(1.0))),
        Policy::Auto => smc.annealing(Tempering::stages(2)),
        Policy::Minibatch => smc.annealing(RandomMiniBatch::rows((rows / 8).max(1)).stages(stages)),
    }
}

impl Args {
    /// Particles, chains or members.
    fn particles(&self) -> usize {
        self.particles.unwrap_or(16)
    }

    /// Islands for a network of so many parameters.
    fn islands(&self, dim: usize) -> Result<usize> {
        let particles = self.particles();
        let one_each = if dim > particles { particles.max(1) } else { 1 };
        let islands = self.islands.unwrap_or(one_each);
        if islands == 0 || !particles.is_multiple_of(islands) {
            let expected = format!("a divisor of the {particles} particles");
            return Err(Error::config("islands", islands, expected));
        }
        Ok(islands)
    }
}

/// Passes of the chains from the prior with `--annealing auto`, and the exact moves after them, unless there is a budget.
const WALK: usize = 24;
const AUTO_LEAPFROGS: usize = 8;

/// Chains by mini-batches, as long as a budget lasts, if there is one.
fn chains(args: &Args, budget: Option<u64>) -> SgMcmc {
    let chains = sghmc()
        .chains(args.particles())
        .temperature(args.budget.fit.temperature.unwrap_or(1.0));
    match budget {
        Some(budget) => chains.gradients(budget),
        None => chains.passes(args.flags.size(WALK, 4)),
    }
}

/// An ensemble: with so many epochs if they are given, or within a budget of row-gradients.
fn members(args: &Args, budget: Option<u64>) -> Ensemble {
    match (args.epochs, budget) {
        (Some(epochs), _) => ensemble().members(args.particles()).epochs(epochs),
        (None, Some(budget)) => {
            let within = ensemble().gradients(budget.max(1));
            match args.particles {
                Some(particles) => within.members(particles),
                None => within,
            }
        }
        (None, None) => ensemble().members(args.particles()),
    }
}

/// Sequential Monte Carlo by the flags.
fn by_stages(args: &Args, rows: usize, islands: usize, budget: Option<u64>) -> Smc {
    let policy = policy(args);
    let walks = policy == Policy::Auto && args.start == Start::Prior;
    let metric = match (args.metric, args.start) {
        (Some(Scales::Unit), _) => Metric::Unit,
        (Some(Scales::Prior), _) | (None, Start::Warm | Start::Bali) => Metric::Prior,
        (Some(Scales::Blocks), _) => Metric::Blocks,
        (Some(Scales::Diagonal), _) => Metric::Diagonal,
        (Some(Scales::Information), _) | (None, Start::Prior) => Metric::Information,
        (Some(Scales::Scores), _) => Metric::Scores,
        (Some(Scales::Kronecker), _) => Metric::Kronecker,
    };
    let steps = args.acceptance.map_or(Follow::aim(), Follow::to);
    // A third of a budget is for exact moves, of which two are on the way to the posterior.
    let passes = budget.map(|all| all as usize / (args.particles() * rows).max(1));
    let few = passes.map_or(AUTO_LEAPFROGS / 2, |all| (all / 9).clamp(2, AUTO_LEAPFROGS));
    let recycle = args.final_moves > 0 || budget.is_some() || walks;
    let smc = smc()
        .particles(args.particles())
        .islands(islands)
        .combine(Combine::Equally)
        .step_size(steps)
        .metric(metric)
        .moves(args.moves)
        .final_moves(args.final_moves)
        .recycle(recycle);
    let smc = annealed(args, kernel(args, smc, rows), policy, rows);
    let smc = match budget {
        Some(budget) if args.start == Start::Warm => smc.spend(with_members(budget)),
        Some(budget) => smc.spend(budget),
        None => smc,
    };
    match args.start {
        Start::Prior if walks => smc
            .kernel(Hmc::leapfrogs(few))
            .warm(chains(args, budget.map(|all| all / 3 * 2)), args.spread)
            .keep_walk(true),
        Start::Prior => smc,
        Start::Warm => {
            // A budget leaves room for few long moves on the way.
            let smc = match budget {
                Some(_) => smc
                    .annealing(Tempering::stages(2))
                    .kernel(Hmc::leapfrogs(few)),
                None => smc,
            };
            smc.warm(members(args, budget.map(half_of_members)), args.spread)
        }
        Start::Bali => {
            let fit = bali().temperature(1.0);
            match args.budget.seconds {
                // It times itself: a row costs it more than a gradient.
                Some(seconds) => smc
                    .annealing(Tempering::stages(2))
                    .kernel(Hmc::leapfrogs(few))
                    .warm(fit.seconds(0.5 * seconds), 1.0),
                None => smc.warm(fit.passes(args.flags.size(10, 2)), 1.0),
            }
        }
    }
}

/// How the data come in.
fn policy(args: &Args) -> Policy {
    args.annealing.unwrap_or(match args.start {
        Start::Prior => Policy::Smooth,
        Start::Warm | Start::Bali => Policy::Full,
    })
}

fn run(args: &Args) -> Result<()> {
    let Some(folder) = args
        .data
        .clone()
        .or(std::env::var_os("SMC_DATA").map(Into::into))
    else {
        eprintln!("skipped: this example needs images; say --data DIR or set SMC_DATA");
        return Ok(());
    };
    let (train, test) = prepare(args, &folder)?;
    let (train, test, strange) = apart(args, train, test)?;
    let labels = train.targets().iter().chain(test.targets());
    let classes = labels.fold(0.0f32, |most, &y| most.max(y)) as usize + 1;
    let infer: Algorithm = choice("infer", &args.infer)?;
    let widths = args.network.widths(5 * classes)?;
    let dim = parameters(train.columns(), &widths, classes);
    eprintln!(
        "{} rows to learn from, {} to score, {} pixels, hidden units {widths:?}, {classes} classes, {dim} parameters",
        train.rows(),
        test.rows(),
        train.columns()
    );
    let run = Run::new(model(args, &widths, classes)?, &train).raw();
    let run = args.flags.apply(run);
    let rows = train.rows();
    let batch = if infer == Algorithm::Smc {
        256
    } else {
        infer.batch(rows)
    };
    let fit = args.budget.fit.fit(infer, &args.flags, args.budget.seconds);
    let budget = match fit {
        Some(_) => None,
        None => args.budget.gradients(&run, batch)?,
    };
    let mut args = args.clone();
    if let (None, Start::Warm, Some(_)) = (args.particles, args.start, budget) {
        args.particles = Some(members(&args, budget.map(half_of_members)).size(rows));
    }
    let args = &args;
    let islands = args.islands(dim)?;
    let algorithm: Box<dyn Inference> = match (fit, infer) {
        (Some(fit), _) => fit,
        (_, Algorithm::Smc) => Box::new(by_stages(args, rows, islands, budget)),
        (_, Algorithm::Ensemble) if args.epochs.is_some() || budget.is_none() => {
            Box::new(members(args, None))
        }
        (_, Algorithm::Map) if args.epochs.is_some() => {
            Box::new(map().epochs(args.epochs.unwrap_or(1)))
        }
        (_, Algorithm::Sghmc) => Box::new(chains(args, budget)),
        _ => infer.within(args.budget, &args.flags, &run, (rows, dim))?,
    };
    let run = run.with_boxed(algorithm).observe(Progress::bar("images"));
    let posterior = args.keep.apply(run)?.run()?;
    let layers: Vec<String> = widths.iter().map(usize::to_string).collect();
    let notes = [("infer", word(&infer)), ("layers", layers.join(","))];
    args.keep.keep(&posterior, &notes)?;
    if let Some(folder) = &args.keep.zarr {
        posterior.to_zarr(folder, &train)?;
    }
    let (report, scores) = (
        posterior.report(),
        args.budget.fit.predict.of(&posterior, &test)?,
    );
    eprintln!("{report}\n{}", scores.summary());
    let [by_entropy, by_information] = match &strange {
        Some(strange) => told_apart(&posterior, &test, strange, args.budget.fit.predict)?,
        None => [None, None],
    };
    let (bound, k) = match posterior.drawn_from() {
        DrawnFrom::Fitted(fitted) => (Some(fitted.elbo), fitted.pareto_k),
        _ => (None, None),
    };
    let smc = infer == Algorithm::Smc;
    let exact = match posterior.drawn_from() {
        DrawnFrom::Posterior => !report.points,
        _ => false,
    };
    args.flags.print(&json!({
        "example": "mnist", "seed": args.flags.seed, "infer": word(&infer), "exact": exact, "scored_on": if args.validate.is_some() { "validation" } else { "test" },
        "train": train.rows(), "test": test.rows(), "layers": widths, "particles": args.particles(), "islands": islands, "leapfrogs": args.leapfrogs,
        "annealing": smc.then(|| word(&policy(args))), "kernel": smc.then(|| word(&args.kernel)), "start": word(&args.start),
        "seconds": report.seconds, "row_gradients": report.counts.row_gradients,
        "accuracy": scores.accuracy(), "nll": scores.nll(), "ece": scores.calibration_error(), "brier": scores.brier(),
        "auroc_entropy": by_entropy, "auroc_mutual_information": by_information, "elbo": bound, "pareto_k": k,
        "log_evidence": posterior.log_evidence(), "ess_min": report.ess_min(), "cess_min": report.cess_min(),
        "ancestors": report.ancestors(), "acceptance": report.acceptance(), "stages": report.steps.len(),
    }));
    Ok(())
}
