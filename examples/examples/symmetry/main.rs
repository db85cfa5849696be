//! How many functions does a network's posterior have, and what is left of it without its copies? Many short chains, as many as are
//! needed, their functional modes, draws aligned neuron by neuron, and what each costs.

mod evidence;
mod networks;
mod pictures;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use examples::network::NetworkFlags;
use examples::{Flags, exit, wine};
use serde_json::json;
use smc_runtime::base::sums::log_sum_exp;
use smc_runtime::infer::Symmetric;
use smc_runtime::posterior::predict::Scored;
use smc_runtime::prelude::*;

use networks::Given;
use pictures::{Curve, Modes, Neurons};

/// How many functions does a network's posterior have, and what is left of it without its copies? Every weight has the prior N(0, 1), the
/// noise HalfNormal(1); features and target are standardised by the rows to learn from, and LPPD is on that scale.
#[derive(Clone, Debug, Parser)]
struct Args {
    #[command(flatten)]
    flags: Flags,
    /// Table of numbers to learn from, with a header, as comma-separated values.
    #[arg(long, value_name = "FILE")]
    train: Option<PathBuf>,
    /// Table of rows to score; a fifth of `--train` if not given.
    #[arg(long, value_name = "FILE", requires = "train")]
    test: Option<PathBuf>,
    /// Column to learn; the last if not given.
    #[arg(long, requires = "train")]
    target: Option<String>,
    #[command(flatten)]
    network: NetworkFlags,
    /// Chains; as many as pilot chains find necessary if not given.
    #[arg(long)]
    chains: Option<usize>,
    /// Moves of each chain before its first draw.
    #[arg(long, default_value_t = 500)]
    warmup: usize,
    /// Leapfrog steps of a move.
    #[arg(long, default_value_t = 20)]
    leapfrogs: usize,
    /// One long chain beside them, of as many moves as this.
    #[arg(long)]
    single: Option<usize>,
    /// LPPD against the number of chains, with the same total of gradients: a picture.
    #[arg(long)]
    curve: bool,
    /// So many normal densities in the place of the aligned draws; their mean alone if not given.
    #[arg(long)]
    normals: Option<usize>,
    /// In place of a table: the evidence of networks of 2, 3 and 4 hidden units, with and without their copies.
    #[arg(long, conflicts_with = "train")]
    evidence: bool,
    /// Align by the paper's clusters of neurons in place of a consensus.
    #[arg(long)]
    clusters: bool,
    /// Folder for pictures; none are drawn if not given.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

fn main() -> ExitCode {
    exit(run(&Args::parse()))
}

fn run(args: &Args) -> Result<()> {
    if args.evidence {
        let each = [2, 3, 4].map(|units| evidence::of(&args.flags, units));
        let each = each.into_iter().collect::<Result<Vec<_>>>()?;
        args.flags
            .print(&json!({"example": "symmetry", "seed": args.flags.seed, "evidence": each}));
        return Ok(());
    }
    let Some((train, test)) = read(args)? else {
        eprintln!("skipped: this example needs a table; say --train FILE");
        return Ok(());
    };
    let scale = Standardise::fit(&train);
    let (train, test) = (scale.apply(&train)?, scale.apply(&test)?);
    let (widths, activation) = (args.network.widths(16)?, args.network.nonlinearity()?);
    networks::hand(&widths, activation, Asked { args, train, test })
}

/// Rows to learn from and rows to score; red wine for a smoke run without a table; none without either.
fn read(args: &Args) -> Result<Option<(Dataset, Dataset)>> {
    let Some(path) = &args.train else {
        if !args.flags.smoke {
            return Ok(None);
        }
        eprintln!("no --train: 100 rows of the red wines that come with the examples");
        let data = wine()?.select(&(0..100).collect::<Vec<_>>())?;
        return data.split(0.2, args.flags.seed).map(Some);
    };
    let mut table = Table::new();
    if let Some(target) = &args.target {
        table = table.target(target.as_str());
    }
    let schema = table.learn(path)?;
    let data = schema.read(path)?;
    match &args.test {
        Some(test) => Ok(Some((data, schema.read(test)?))),
        None => data.split(0.2, args.flags.seed).map(Some),
    }
}

/// What is asked of a network.
struct Asked<'a> {
    args: &'a Args,
    train: Dataset,
    test: Dataset,
}

impl Given for Asked<'_> {
    fn network<M: Infers>(self, model: M) -> Result<()> {
        let Self { args, train, test } = &self;
        let flags = &args.flags;
        let group = model.symmetries(train)?;
        println!("{group}\n");
        let run = |model: &M| flags.apply(Run::new(model.clone(), train).raw());
        let posterior = run(&model)
            .with(self.algorithm())
            .observe(Progress::bar("chains"))
            .run()?;
        eprintln!("{}\n", posterior.report());
        let scored = posterior.predict(test)?;
        let chains = posterior.chains().unwrap_or(1);
        let found = posterior.functional_modes(test.inputs())?;
        println!("{found}\n");
        let (lppd, error) = lppd(&scored, 0..posterior.len());
        println!("LPPD {lppd:.3} ({error:.3}) of {chains} chains");
        let report = posterior.report();
        let (seconds, gradients) = (report.seconds, report.counts.row_gradients);
        let predicted = scored.mean();
        let (before, of) = (posterior.positions().clone(), found.of.clone());
        let functions: Vec<Vec<f64>> = (0..scored.rows())
            .map(|row| scored.functions(row))
            .collect();
        drop(scored);
        let start = std::time::Instant::now();
        let aligned = if args.clusters {
            posterior.aligned_by_clusters()?
        } else {
            posterior.aligned()?
        };
        let aligning = start.elapsed().as_secs_f64();
        println!("\n{aligned}\n\n{}", aligned.posterior.summary());
        let after = aligned.posterior.predict(test)?.mean();
        let pairs = predicted.iter().zip(&after);
        let change = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        let mut out = json!({
            "example": "symmetry", "seed": flags.seed, "rows": train.rows(), "test_rows": test.rows(), "parameters": before.dim(),
            "group_log10": group.log10(), "chains": chains, "modes": found.modes.len(), "unseen": found.unseen(),
            "lppd": lppd, "lppd_error": error, "prediction_change": change, "seconds": seconds, "row_gradients": gradients,
            "seconds_aligning": aligning,
            "spread_before": aligned.spread.iter().map(|(_, s)| s.before).collect::<Vec<_>>(),
            "spread_after": aligned.spread.iter().map(|(_, s)| s.after).collect::<Vec<_>>(),
        });
        out["single_lppd"] = self.single(&model)?.into();
        let layers = aligned.symmetries.layers.clone();
        let positions = aligned.posterior.positions().clone();
        let normals = args.normals.unwrap_or_default();
        let replaced = if normals == 0 {
            aligned.into_mean()
        } else {
            aligned.into_normals(normals)?
        };
        let scored = replaced.predict(test)?;
        let (other, error) = self::lppd(&scored, 0..replaced.len());
        let name = if normals == 0 {
            "the mean of aligned draws".to_owned()
        } else {
            format!("{normals} normals of aligned draws")
        };
        println!("LPPD {other:.3} ({error:.3}) of {name}");
        out["replaced_lppd"] = other.into();
        let curve = self.curve(&model, chains)?;
        if let Some(curve) = &curve {
            out["curve"] =
                json!({"chains": curve.chains, "lppd": curve.lppd, "error": curve.errors});
        }
        if let Some(folder) = &args.out {
            Neurons::of(&layers[0], [&before, &positions]).save(folder)?;
            Modes::of(&functions, &of, chains).save(folder)?;
            curve.map(|curve| curve.save(folder)).transpose()?;
        }
        flags.print(&out);
        Ok(())
    }
}

impl Asked<'_> {
    fn algorithm(&self) -> Symmetric {
        let Args {
            flags,
            warmup,
            leapfrogs,
            ..
        } = self.args;
        let each = symmetric()
            .warmup(flags.size(*warmup, 30))
            .kernel(Hmc::leapfrogs(flags.size(*leapfrogs, 5)).jitter(0.3));
        match (self.args.chains, flags.smoke) {
            (Some(chains), _) => each.chains(chains),
            (None, true) => each.pilots(4).most(8),
            (None, false) => each,
        }
    }

    /// LPPD of one long chain, if one is asked for.
    fn single<M: Infers>(&self, model: &M) -> Result<Option<f64>> {
        let Some(moves) = self.args.single else {
            return Ok(None);
        };
        let (lppd, error) = self.of_chains(model, 1, moves)?;
        println!("LPPD {lppd:.3} ({error:.3}) of one chain of {moves} moves");
        Ok(Some(lppd))
    }

    /// LPPD of so many chains of so many moves each, half of which warm up.
    fn of_chains<M: Infers>(&self, model: &M, chains: usize, moves: usize) -> Result<(f64, f64)> {
        const DRAWS: usize = 1000;
        let (warmup, left) = (moves / 2, moves - moves / 2);
        let draws = DRAWS.div_ceil(chains).clamp(1, left.max(1));
        let algorithm = mcmc()
            .chains(chains)
            .warmup(warmup)
            .draws(draws)
            .thin((left / draws).max(1))
            .kernel(Hmc::leapfrogs(self.args.leapfrogs).jitter(0.3));
        let run = self
            .args
            .flags
            .apply(Run::new(model.clone(), &self.train).raw());
        let posterior = run.with(algorithm).run()?;
        Ok(lppd(&posterior.predict(&self.test)?, 0..posterior.len()))
    }

    /// LPPD against the number of chains, at the same total of moves.
    fn curve<M: Infers>(&self, model: &M, most: usize) -> Result<Option<Curve>> {
        if !self.args.curve {
            return Ok(None);
        }
        let total = most * (self.args.warmup + 64);
        let mut curve = Curve::default();
        let numbers = std::iter::successors(Some(1), |n| Some(n * 4)).take_while(|n| *n < most);
        for chains in numbers.chain([most]) {
            let (lppd, error) = self.of_chains(model, chains, total / chains)?;
            println!(
                "LPPD {lppd:.3} ({error:.3}) of {chains} chains of {} moves",
                total / chains
            );
            curve.chains.push(chains);
            curve.lppd.push(lppd);
            curve.errors.push(error);
        }
        Ok(Some(curve))
    }
}

/// The mean over rows of the log of the mean density under some draws, and its standard error over rows.
fn lppd(scored: &Scored<'_>, draws: std::ops::Range<usize>) -> (f64, f64) {
    let of = |row: usize| {
        let logs = &scored.log_densities_of(row)[draws.clone()];
        log_sum_exp(logs) - (logs.len() as f64).ln()
    };
    let each: Vec<f64> = (0..scored.rows()).map(of).collect();
    let n = each.len() as f64;
    let mean = each.iter().sum::<f64>() / n;
    let squares: f64 = each.iter().map(|x| (x - mean).powi(2)).sum();
    (mean, (squares / (n - 1.0) / n).sqrt())
}
