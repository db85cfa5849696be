//! What does annealing the data buy on images? One classifier with one hidden layer, under every annealing policy and kernel,
//! from the prior or from an ensemble, on a folder of IDX files such as MNIST.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use examples::uci::file;
use examples::{Flags, exit, word};
use serde_json::json;
use smc_runtime::data::read_idx;
use smc_runtime::infer::Smc;
use smc_runtime::prelude::*;
use smc_runtime::sampling::anneal::Plan;

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
    /// Hidden units; five per class unless given.
    #[arg(long)]
    hidden: Option<usize>,
    /// Particles of all islands together.
    #[arg(long, default_value_t = 16)]
    particles: usize,
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
    /// How the data come in; smooth from the prior, full from a warm start.
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
    /// The algorithm.
    #[arg(long, default_value = "smc")]
    infer: Algorithm,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
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
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Start {
    Prior,
    Warm,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Algorithm {
    Smc,
    Ensemble,
    Map,
}

/// Pixels are between 0 and 1, most of them 0: with this prior the input of a hidden unit has a variance of about one.
#[bayes_model]
#[likelihood(Categorical(logits = output))]
struct Images {
    #[prior(Normal(0.0, 6.0 / fan_in.sqrt()))]
    hidden: Linear<Dyn, Dyn>,
    activation: Tanh,
    #[prior(Normal(0.0, 2.0))]
    output: Linear<Dyn, Dyn>,
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

fn annealed(args: &Args, smc: Smc, policy: Policy, rows: usize) -> Result<Smc> {
    let stages = args.stages;
    let power = |usual: f64| args.power.unwrap_or(usual);
    Ok(match policy {
        Policy::Full => smc.annealing(Tempering::stages(stages)),
        Policy::Step => smc.annealing(StepDataAnnealing::geometric(stages).power(power(1.0))),
        Policy::Front => smc.annealing(StepDataAnnealing::geometric(stages).power(power(2.0))),
        Policy::Smooth => smc.annealing(SmoothDataAnnealing::stages(stages).power(power(1.0))),
        Policy::Auto => {
            // What smooth annealing of as many stages costs.
            let plan = Plan::of(&SmoothDataAnnealing::stages(stages), rows)?;
            let share = plan.map_or(1.0, |plan| plan.share());
            let whole = (stages * rows * (args.leapfrogs * args.moves + 1)) as f64;
            smc.annealing(AutomaticAnnealing::default().budget((share * whole) as u64))
        }
        Policy::Minibatch => smc.annealing(RandomMiniBatch::rows((rows / 8).max(1)).stages(stages)),
    })
}

fn algorithm(
    args: &Args,
    policy: Policy,
    rows: usize,
    islands: usize,
) -> Result<Box<dyn Inference>> {
    let metric = match (args.metric, args.start) {
        (Some(Scales::Unit), _) => Metric::Unit,
        (Some(Scales::Prior), _) | (None, Start::Warm) => Metric::Prior,
        (Some(Scales::Blocks), _) => Metric::Blocks,
        (Some(Scales::Diagonal), _) => Metric::Diagonal,
        (Some(Scales::Information), _) | (None, Start::Prior) => Metric::Information,
        (Some(Scales::Scores), _) => Metric::Scores,
    };
    let steps = args.acceptance.map_or(Follow::aim(), Follow::to);
    let members = match args.epochs {
        Some(epochs) => ensemble().members(args.particles).epochs(epochs),
        None => ensemble().members(args.particles),
    };
    let smc = smc()
        .particles(args.particles)
        .islands(islands)
        .combine(Combine::Equally)
        .step_size(steps)
        .metric(metric)
        .moves(args.moves)
        .final_moves(args.final_moves)
        .recycle(args.final_moves > 0);
    let smc = annealed(args, kernel(args, smc, rows), policy, rows)?;
    Ok(match (args.infer, args.start) {
        (Algorithm::Smc, Start::Prior) => Box::new(smc),
        (Algorithm::Smc, Start::Warm) => Box::new(smc.warm(members, args.spread)),
        (Algorithm::Ensemble, _) => Box::new(members),
        (Algorithm::Map, _) => match args.epochs {
            Some(epochs) => Box::new(map().epochs(epochs)),
            None => Box::new(map()),
        },
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
    let labels = train.targets().iter().chain(test.targets());
    let classes = labels.fold(0.0f32, |most, &y| most.max(y)) as usize + 1;
    let hidden = args.hidden.unwrap_or(5 * classes);
    let dim = hidden * (train.columns() + 1) + classes * (hidden + 1);
    let islands = args.islands.unwrap_or(if dim > args.particles {
        args.particles.max(1)
    } else {
        1
    });
    if islands == 0 || !args.particles.is_multiple_of(islands) {
        return Err(Error::config(
            "islands",
            islands,
            format!("a divisor of the {} particles", args.particles),
        ));
    }
    let policy = args.annealing.unwrap_or(match args.start {
        Start::Prior => Policy::Smooth,
        Start::Warm => Policy::Full,
    });
    eprintln!(
        "{} rows to learn from, {} to score, {} pixels, {hidden} hidden units, {classes} classes, {dim} parameters",
        train.rows(),
        test.rows(),
        train.columns()
    );
    let model = Images {
        hidden: Linear::sized(train.columns(), hidden),
        activation: Tanh,
        output: Linear::sized(hidden, classes),
    };
    let algorithm = algorithm(args, policy, train.rows(), islands)?;
    let posterior = args
        .flags
        .apply(Run::new(model, &train))
        .with_boxed(algorithm)
        .observe(Progress::bar("images"))
        .run()?;
    let (report, scores) = (posterior.report(), posterior.predict(&test)?);
    eprintln!("{report}\n{}", scores.summary());
    let smc = args.infer == Algorithm::Smc;
    args.flags.print(&json!({
        "example": "mnist", "seed": args.flags.seed, "infer": word(&args.infer), "scored_on": if args.validate.is_some() { "validation" } else { "test" },
        "train": train.rows(), "test": test.rows(), "hidden": hidden, "particles": args.particles, "islands": islands, "leapfrogs": args.leapfrogs,
        "annealing": smc.then(|| word(&policy)), "kernel": smc.then(|| word(&args.kernel)), "start": word(&args.start),
        "seconds": report.seconds, "row_gradients": report.counts.row_gradients,
        "accuracy": scores.accuracy(), "nll": scores.nll(), "ece": scores.calibration_error(), "brier": scores.brier(),
        "log_evidence": posterior.log_evidence(), "ess_min": report.ess_min(), "cess_min": report.cess_min(),
        "ancestors": report.ancestors(), "acceptance": report.acceptance(), "stages": report.steps.len(),
    }));
    Ok(())
}
