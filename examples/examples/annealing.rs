//! Does annealing the data find the same posterior and the same evidence as all rows at every stage, and for how much less?
//!
//! One small network by data-annealed SMC, by full-batch tempered SMC with the same kernel, moves and CESS, by the same with
//! twice the stages, and by long Markov chains. `cargo run --release --example annealing` fails if they disagree or if too
//! little is saved. With `--scaling` it measures instead how a stage's cost grows with rows, particles and hidden units.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use examples::{Flags, Prepared, exit, prepare, wine};
use serde_json::{Value, json};
use smc_runtime::data::Table;
use smc_runtime::infer::Smc;
use smc_runtime::prelude::*;
use smc_runtime::sampling::anneal::Annealing;

/// Does annealing the data find the same posterior and the same evidence as all rows at every stage, and for how much less?
#[derive(Clone, Debug, Parser)]
struct Args {
    #[command(flatten)]
    flags: Flags,
    /// A table of numbers whose last column is the target; red wine if not given.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Hidden units.
    #[arg(long, default_value_t = 8)]
    hidden: usize,
    /// Islands of every run of SMC.
    #[arg(long, default_value_t = 8)]
    islands: usize,
    /// Particles of an island.
    #[arg(long, default_value_t = 64)]
    particles: usize,
    /// Leapfrog steps of a move.
    #[arg(long, default_value_t = 16)]
    leapfrogs: usize,
    /// Moves of a stage.
    #[arg(long, default_value_t = 4)]
    moves: usize,
    /// The CESS of all islands together that every step keeps; that of the worst island is lower.
    #[arg(long, default_value_t = 0.75)]
    cess: f64,
    /// Draws of each of 8 Markov chains, four moves apart, after half as many moves of warm-up.
    #[arg(long, default_value_t = 2000)]
    draws: usize,
    /// How many times less data annealing must cost, in gradients and in seconds; what it saves is printed.
    #[arg(long, default_value_t = 1.0)]
    saves: f64,
    /// Rows enter in the order of the seed's permutation, in place of halves that resemble each other.
    #[arg(long)]
    permuted: bool,
    /// Measure how the cost grows.
    #[arg(long)]
    scaling: bool,
}

/// y = v·tanh(W x + b) + c with normal noise.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
struct Network {
    #[prior(Normal(0.0, 1.0 / fan_in.sqrt()))]
    hidden: Linear<Dyn, Dyn>,
    activation: Tanh,
    #[prior(Normal(0.0, 1.0 / fan_in.sqrt()))]
    output: Linear<Dyn, 1>,
    #[prior(HalfNormal(1.0))]
    noise: Scale,
}

fn network(data: &Dataset, hidden: usize) -> Network {
    Network {
        hidden: Linear::sized(data.columns(), hidden),
        activation: Tanh,
        output: Linear::sized(hidden, 1),
        noise: Scale::default(),
    }
}

/// The islands' log-evidences may be apart by chance; Monte Carlo errors are estimated from few islands or chains; and what
/// follows from many rows is no more certain than from the few directions in which their functions vary. Hence these bounds.
const CESS: f64 = 0.5;
const ERRORS: f64 = 2.0;
const DISTANCE: f64 = 0.25;
const SPREAD: f64 = 0.1;
const R_HAT: f64 = 1.05;

fn main() -> ExitCode {
    let args = Args::parse();
    exit(if args.scaling {
        scaling(&args)
    } else {
        run(&args)
    })
}

/// The settings that both ways of annealing share.
fn annealed(args: &Args, policy: impl Annealing + 'static) -> Box<dyn Inference> {
    let smc: Smc = smc()
        .islands(args.islands)
        .particles(args.islands * args.flags.size(args.particles, 8))
        .combine(Combine::Evidence)
        .metric(Metric::Diagonal)
        .annealing(policy)
        .kernel(Hmc::leapfrogs(args.leapfrogs))
        .moves(args.moves);
    Box::new(smc)
}

fn run(args: &Args) -> Result<()> {
    let flags = &args.flags;
    let data = match &args.data {
        Some(file) => Table::new().read(file)?,
        None => wine()?,
    };
    let data =
        data.select(&(0..flags.size(data.rows(), 160.min(data.rows()))).collect::<Vec<_>>())?;
    let table = prepare(&data, flags.seed)?;
    let (rows, start) = (table.train.rows(), Instant::now());
    let order = (!args.permuted).then(|| resembling_halves(&table.train));
    let ordering = start.elapsed().as_secs_f64();
    let infer = |name: &'static str, algorithm: Box<dyn Inference>, order: Option<&Vec<usize>>| {
        let run = flags.apply(network(&table.train, args.hidden).infer_with(&table.train));
        let run = match order {
            Some(order) => run.order(order.clone()),
            None => run,
        };
        let posterior = run
            .with_boxed(algorithm)
            .observe(Progress::bar(name))
            .run()?;
        Found::new(name, &posterior, &table)
    };

    // Blocks end where the halves do.
    let smooth = SmoothDataAnnealing::geometric()
        .first(rows.div_ceil(64))
        .cess(args.cess);
    let mut data_annealed = infer("data-annealed", annealed(args, smooth), order.as_ref())?;
    data_annealed.seconds += ordering;
    let tempering = |cess: f64| annealed(args, Tempering::adaptive().cess(cess));
    let full = infer("full batch", tempering(args.cess), None)?;
    // A step's 1 − CESS is as the square of its length.
    let doubled = infer(
        "twice as many",
        tempering(1.0 - 0.25 * (1.0 - args.cess)),
        None,
    )?;
    let draws = flags.size(args.draws, 20);
    let chains = mcmc()
        .chains(8)
        .warmup(draws / 2)
        .draws(draws)
        .thin(4)
        .kernel(Hmc::leapfrogs(args.leapfrogs));
    let chains = infer("mcmc", Box::new(chains), None)?;

    let runs = [&data_annealed, &full, &doubled, &chains];
    let shape = format!(
        "{rows} rows, {} held out, {} parameters",
        table.test.rows(),
        data_annealed.parameters
    );
    eprintln!("\n{shape}; rows ordered in {ordering:.1} s");
    print_runs(&runs);
    let bound = full.stages as f64 / full.share;
    eprintln!(
        "the full batch's own stages, each on no more rows than it weighs, would cost {bound:.2} times less"
    );
    let checks = checks(args, &data_annealed, &full, &doubled, &chains);
    eprintln!();
    for check in &checks {
        let (word, sign) = (if check.holds() { "holds" } else { "FAILS" }, check.sign());
        eprintln!(
            "{word}  {:64} {:>8.3} {sign} {:.3}",
            check.what, check.found, check.bound
        );
    }
    flags.print(&json!({
        "example": "annealing", "seed": flags.seed, "rows": rows, "test": table.test.rows(), "parameters": data_annealed.parameters,
        "hidden": args.hidden, "islands": args.islands, "particles": args.particles, "leapfrogs": args.leapfrogs, "moves": args.moves,
        "cess": args.cess, "permuted": args.permuted, "ordering_seconds": ordering,
        "bound": bound,
        "runs": runs.map(Found::json), "checks": checks.iter().map(Check::json).collect::<Vec<_>>(),
    }));
    match checks.iter().find(|check| !check.holds()) {
        Some(check) if !flags.smoke => Err(Error::config(
            check.what,
            format!("{:.3}", check.found),
            format!("{} {:.3}", check.sign(), check.bound),
        )),
        _ => Ok(()),
    }
}

/// What a run found and what it took.
struct Found {
    name: &'static str,
    parameters: usize,
    seconds: f64,
    row_gradients: u64,
    stages: usize,
    cess: f64,
    /// Sum over the stages of the share of the likelihood that is in.
    share: f64,
    /// R-hat of the function across islands or chains, at the worst held-out row.
    r_hat: f64,
    log_evidence: f64,
    /// Standard deviation of the islands' log-evidences.
    spread: f64,
    ancestors: Option<usize>,
    lppd: f64,
    rmse: f64,
    /// Of the function at every held-out row: posterior mean, its Monte Carlo error, and posterior standard deviation.
    mean: Vec<f64>,
    error: Vec<f64>,
    sd: Vec<f64>,
}

impl Found {
    fn new(name: &'static str, posterior: &Posterior<Network>, table: &Prepared) -> Result<Self> {
        let (report, prediction) = (posterior.report(), posterior.predict(&table.test)?);
        let groups = posterior.chains().unwrap_or(report.islands.len());
        let (weights, size) = (posterior.weights(), posterior.len() / groups);
        let (mut mean, mut error, mut sd) = (Vec::new(), Vec::new(), Vec::new());
        for row in 0..table.test.rows() {
            let values = (0..posterior.len()).map(|i| prediction.function(i, row));
            let pairs: Vec<(f64, f64)> = weights.iter().copied().zip(values).collect();
            let centre: f64 = pairs.iter().map(|(w, f)| w * f).sum();
            // A group's weight times how far its mean is from that of all; the mean's error as that of a ratio.
            let apart = pairs
                .chunks(size)
                .map(|g| g.iter().map(|(w, f)| w * (f - centre)).sum::<f64>());
            let groups = groups as f64;
            error.push((apart.map(|a| a * a).sum::<f64>() * groups / (groups - 1.0)).sqrt());
            sd.push(
                pairs
                    .iter()
                    .map(|(w, f)| w * (f - centre).powi(2))
                    .sum::<f64>()
                    .sqrt(),
            );
            mean.push(centre);
        }
        let r_hats = posterior.function_r_hat(&table.test)?.unwrap_or_default();
        let scores = prediction.summary();
        Ok(Self {
            name,
            parameters: posterior.layout().dim(),
            seconds: report.seconds,
            row_gradients: report.counts.row_gradients,
            stages: report.steps.len(),
            cess: report.cess_min().unwrap_or(1.0),
            share: report
                .steps
                .iter()
                .map(|s| s.rows / s.all_rows as f64)
                .sum(),
            r_hat: r_hats.into_iter().fold(1.0, f64::max),
            log_evidence: posterior.log_evidence().unwrap_or(f64::NAN),
            spread: report.evidence_spread().unwrap_or(f64::NAN),
            ancestors: report.ancestors(),
            lppd: scores.lppd,
            rmse: scores.rmse.unwrap_or(f64::NAN),
            mean,
            error,
            sd,
        })
    }

    fn json(&self) -> Value {
        json!({
            "run": self.name, "seconds": self.seconds, "row_gradients": self.row_gradients, "stages": self.stages, "cess_min": self.cess,
            "share": self.share, "r_hat": self.r_hat, "log_evidence": self.log_evidence, "islands_sd": self.spread,
            "ancestors": self.ancestors, "target_scale": "standardised", "lppd": self.lppd, "rmse": self.rmse,
        })
    }
}

fn print_runs(runs: &[&Found]) {
    eprintln!(
        "{:14} {:>6} {:>6} {:>13} {:>11} {:>6} {:>7} {:>6} {:>14} {:>8}",
        "",
        "stages",
        "CESS",
        "log-evidence",
        "islands' sd",
        "R-hat",
        "LPPD",
        "RMSE",
        "row-gradients",
        "seconds"
    );
    for run in runs {
        eprintln!(
            "{:14} {:>6} {:>6.2} {:>13.2} {:>11.2} {:>6.3} {:>7.3} {:>6.3} {:>14.3e} {:>8.1}",
            run.name,
            run.stages,
            run.cess,
            run.log_evidence,
            run.spread,
            run.r_hat,
            run.lppd,
            run.rmse,
            run.row_gradients as f64,
            run.seconds
        );
    }
}

/// Something that must hold.
struct Check {
    what: &'static str,
    found: f64,
    bound: f64,
    at_least: bool,
}

impl Check {
    fn holds(&self) -> bool {
        if self.at_least {
            self.found >= self.bound
        } else {
            self.found <= self.bound
        }
    }

    fn sign(&self) -> &'static str {
        if self.at_least { "at least" } else { "at most" }
    }

    fn json(&self) -> Value {
        json!({ "what": self.what, "found": self.found, "bound": self.bound, "at_least": self.at_least, "holds": self.holds() })
    }
}

fn checks(
    args: &Args,
    annealed: &Found,
    full: &Found,
    doubled: &Found,
    chains: &Found,
) -> Vec<Check> {
    let least = |what, found, bound| Check {
        what,
        found,
        bound,
        at_least: true,
    };
    let most = |what, found, bound| Check {
        what,
        found,
        bound,
        at_least: false,
    };
    let rms = |of: &dyn Fn(usize) -> f64| {
        let rows = annealed.mean.len();
        ((0..rows).map(|i| of(i).powi(2)).sum::<f64>() / rows as f64).sqrt()
    };
    let apart = |i: usize| annealed.mean[i] - chains.mean[i];
    let errors = rms(&|i| apart(i) / annealed.error[i].hypot(chains.error[i]));
    let distance = rms(&|i| apart(i) / chains.sd[i]);
    let spreads = rms(&|i| annealed.sd[i] / chains.sd[i]);
    let evidences = |a: &Found, b: &Found| {
        (
            (a.log_evidence - b.log_evidence).abs(),
            a.spread.max(b.spread),
        )
    };
    let (near, islands) = evidences(annealed, full);
    let (nearer, more_islands) = evidences(annealed, doubled);
    let (settled, other_islands) = evidences(full, doubled);
    let gradients = full.row_gradients as f64 / annealed.row_gradients as f64;
    vec![
        least(
            "smallest CESS of an island, data-annealed",
            annealed.cess,
            CESS,
        ),
        most(
            "R-hat of functions across chains, at the worst row",
            chains.r_hat,
            R_HAT,
        ),
        most(
            "functions from MCMC, in Monte Carlo errors, rms over rows",
            errors,
            ERRORS,
        ),
        most(
            "functions from MCMC, in posterior sds, rms over rows",
            distance,
            DISTANCE,
        ),
        most(
            "posterior sds of functions over MCMC's, less 1",
            (spreads - 1.0).abs(),
            SPREAD,
        ),
        most(
            "log-evidence from full batch, within the islands' sd",
            near,
            islands,
        ),
        most(
            "log-evidence from twice as many stages",
            nearer,
            more_islands,
        ),
        most(
            "log-evidence of full batch, once settled",
            settled,
            other_islands,
        ),
        least(
            "times fewer row-gradients than full batch",
            gradients,
            args.saves,
        ),
        least(
            "times fewer seconds than full batch",
            full.seconds / annealed.seconds,
            args.saves,
        ),
    ]
}

/// An order of rows in which the first half resembles the second in all means, squares and products of features and
/// target, and so do the halves of each half. Whatever order rows come in, the posterior and the evidence are the same;
/// but the less the new rows disagree with the old, the fewer stages it takes.
fn resembling_halves(data: &Dataset) -> Vec<usize> {
    let mut rows: Vec<Vec<f64>> = (0..data.rows())
        .map(|i| {
            let row = data.row(i).iter().chain([&data.targets()[i]]);
            let mut z: Vec<f64> = row.map(|&x| f64::from(x)).collect();
            let d = z.len();
            z.extend(
                (0..d)
                    .flat_map(|a| (a..d).map(move |b| (a, b)))
                    .map(|(a, b)| z[a] * z[b])
                    .collect::<Vec<_>>(),
            );
            z
        })
        .collect();
    let n = rows.len() as f64;
    for c in 0..rows[0].len() {
        let mean = rows.iter().map(|z| z[c]).sum::<f64>() / n;
        let square = rows.iter().map(|z| (z[c] - mean).powi(2)).sum::<f64>() / n;
        let sd = square.sqrt().max(1e-30);
        for z in &mut *rows {
            z[c] = (z[c] - mean) / sd;
        }
    }
    halved((0..rows.len()).collect(), &rows)
}

/// Rows of like size are paired, and one of each pair goes to either half, so that the halves' sums stay close.
fn halved(mut rows: Vec<usize>, z: &[Vec<f64>]) -> Vec<usize> {
    if rows.len() < 3 {
        return rows;
    }
    let size = |row: usize| z[row].iter().map(|x| x * x).sum::<f64>();
    rows.sort_by(|&a, &b| size(b).total_cmp(&size(a)));
    let mut gap = vec![0.0; z[0].len()];
    let (mut first, mut second) = (Vec::new(), Vec::new());
    let (pairs, odd) = rows.as_chunks::<2>();
    for &[a, b] in pairs {
        let differences = || z[a].iter().zip(&z[b]).map(|(a, b)| a - b);
        let along: f64 = gap.iter().zip(differences()).map(|(g, d)| g * d).sum();
        let sign = if along > 0.0 { -1.0 } else { 1.0 };
        gap.iter_mut()
            .zip(differences())
            .for_each(|(g, d)| *g += sign * d);
        let (a, b) = if along > 0.0 { (b, a) } else { (a, b) };
        first.push(a);
        second.push(b);
    }
    first.extend(odd);
    let mut order = halved(first, z);
    order.extend(halved(second, z));
    order
}

/// Seconds of a stage of frozen HMC on all rows when rows, particles or hidden units double three times.
fn scaling(args: &Args) -> Result<()> {
    const BASE: [usize; 3] = [1000, 32, 16];
    const NAMES: [&str; 3] = ["rows", "particles", "hidden units"];
    let flags = &args.flags;
    let data = prepare(&wine()?, flags.seed)?.train;
    let (rounds, stages) = flags.size((7, 8), (1, 2));
    let ladder: Vec<f64> = (1..=stages)
        .map(|k| f64::from(k) / f64::from(stages))
        .collect();
    // Seconds of a stage, and parameters.
    let stage = |[rows, particles, hidden]: [usize; 3]| -> Result<(f64, usize)> {
        let repeated = data.select(&(0..rows).map(|i| i % data.rows()).collect::<Vec<_>>())?;
        let algorithm = smc()
            .particles(particles)
            .annealing(Tempering::ladder(ladder.iter().copied()))
            .kernel(Hmc::leapfrogs(10))
            .frozen(1e-4)
            .moves(1);
        let run = flags.apply(network(&repeated, hidden).infer_with(&repeated));
        let posterior = run.with(algorithm).run()?;
        let steps = &posterior.report().steps;
        let seconds = steps.windows(2).map(|w| w[1].seconds - w[0].seconds);
        Ok((
            seconds.fold(f64::INFINITY, f64::min),
            posterior.layout().dim(),
        ))
    };
    let mut table = Vec::new();
    for (k, name) in NAMES.into_iter().enumerate() {
        let sizes = [1, 2, 4, 8].map(|factor| BASE[k] * factor);
        let mut least = [(f64::INFINITY, 0); 4];
        // Rounds by turns, so that a disturbance meets all sizes.
        for _ in 0..rounds {
            for (least, size) in least.iter_mut().zip(sizes) {
                let mut shape = BASE;
                shape[k] = size;
                let (seconds, dim) = stage(shape)?;
                *least = (least.0.min(seconds), dim);
            }
        }
        let x = if k == 2 { least.map(|l| l.1) } else { sizes };
        let milliseconds = least.map(|l| 1e3 * l.0);
        let exponent = slope(&x.map(|x| (x as f64).ln()), &milliseconds.map(f64::ln));
        let name = if k == 2 { "parameters" } else { name };
        eprintln!("{name:12} {x:?}: {milliseconds:.2?} ms a stage, exponent {exponent:.3}");
        table.push(json!({ "of": name, "sizes": x, "ms": milliseconds, "exponent": exponent }));
    }
    flags.print(&json!({ "example": "annealing", "scaling": table }));
    Ok(())
}

/// The slope of the least-squares line.
fn slope(x: &[f64], y: &[f64]) -> f64 {
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (mx, my) = (mean(x), mean(y));
    let products = x
        .iter()
        .zip(y)
        .map(|(x, y)| (x - mx) * (y - my))
        .sum::<f64>();
    products / x.iter().map(|x| (x - mx).powi(2)).sum::<f64>()
}
