//! Does a small Bayesian network predict red-wine quality better than Bayesian linear regression?
//!
//! `cargo run --release --example quickstart`; add `--mcmc` to check the posterior against Markov chain Monte Carlo.

use std::process::ExitCode;

use clap::Parser;
use examples::{Flags, Prepared, exit, prepare, wine};
use models::LinearRegression;
use serde_json::{Value, json};
use smc_runtime::predict::Prediction;
use smc_runtime::prelude::*;

/// Red-wine quality from eleven measurements.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
#[infer(smc(particles = 64, annealing = SmoothDataAnnealing::geometric(), kernel = Hmc::leapfrogs(32), moves = 2))]
pub struct Wine {
    #[prior(Normal(0.0, tau))]
    hidden: Linear<11, 32>,
    activation: Tanh,
    #[prior(Normal(0.0, 1.0 / fan_in.sqrt()))]
    output: Linear<32, 1>,
    #[prior(HalfNormal(1.0))]
    tau: Scale,
    #[prior(HalfNormal(1.0))]
    noise: Scale,
}

#[derive(Parser)]
struct Args {
    #[command(flatten)]
    flags: Flags,
    /// Also run MCMC (about half a minute) and fail if its posterior is another.
    #[arg(long)]
    mcmc: bool,
}

/// How far the predictive means of two algorithms may be apart: their root-mean-square difference over the test rows, in
/// units of the posterior standard deviation of the function there.
const TOLERANCE: f64 = 0.5;

fn main() -> ExitCode {
    exit(run(&Args::parse()))
}

fn run(args: &Args) -> Result<()> {
    let flags = &args.flags;
    let data = wine()?;
    let data = if flags.smoke {
        data.select(&(0..160).collect::<Vec<_>>())?
    } else {
        data
    };
    let table = prepare(&data, flags.seed)?;
    eprintln!(
        "red wine: {} rows to learn from, {} held out, features and target standardised\n",
        table.train.rows(),
        table.test.rows()
    );

    let network = flags
        .apply(Wine::infer(&table.train))
        .observe(Progress::bar("network"));
    let network = if flags.smoke {
        network.with(smc().particles(8))
    } else {
        network
    };
    let network = network.run()?;
    let linear = flags
        .apply(LinearRegression::infer(&table.train))
        .observe(Progress::bar("linear "));
    let linear = linear.run()?;

    eprintln!("{}\n\n{}\n", network.layout(), network.report());
    let draw = network.draw(0);
    eprintln!(
        "the first draw: tau {:.3}, noise {:.3}, hidden.weight[0][0] {:.3}\n",
        draw.tau, draw.noise, draw.hidden.weight[0][0]
    );
    let rows = [
        score("network 11-32-1", &network, &table)?,
        score("linear regression", &linear, &table)?,
    ];
    print_table(&rows);
    let mut out = json!({ "example": "quickstart", "seed": flags.seed, "network": rows[0], "linear": rows[1] });
    if args.mcmc {
        out["mcmc"] = compare(flags, &network, &table)?;
    }
    flags.print(&out);
    Ok(())
}

/// Scores on the held-out rows, RMSE and LPPD on the original scale of the target.
fn score<M: Model>(name: &str, posterior: &Posterior<M>, table: &Prepared) -> Result<Value> {
    let scores = posterior.predict(&table.test)?.summary();
    let report = posterior.report();
    Ok(json!({
        "model": name,
        "target_scale": "original",
        "rmse": scores.rmse.map(|r| r * table.scale.target_sd()),
        "lppd": scores.lppd - table.scale.target_sd().ln(),
        "coverage_90": scores.coverage_90,
        // The evidence of the standardised targets becomes that of the original ones by the Jacobian of the scale.
        "log_evidence": posterior.log_evidence().map(|z| z - table.train.rows() as f64 * table.scale.target_sd().ln()),
        "seconds": report.seconds,
        "row_gradients": report.counts.row_gradients,
        "ancestors": report.ancestors(),
        "acceptance": report.acceptance(),
    }))
}

fn print_table(rows: &[Value]) {
    eprintln!(
        "held-out rows, quality points     RMSE     LPPD   90 % covers   log-evidence   seconds   row-gradients"
    );
    for row in rows {
        let number = |key: &str| row[key].as_f64().unwrap_or(f64::NAN);
        eprintln!(
            "{:28} {:>9.3} {:>8.3} {:>11.1} % {:>14.1} {:>9.1} {:>15.2e}",
            row["model"].as_str().unwrap_or_default(),
            number("rmse"),
            number("lppd"),
            100.0 * number("coverage_90"),
            number("log_evidence"),
            number("seconds"),
            number("row_gradients"),
        );
    }
}

/// The same posterior by MCMC.
fn compare(flags: &Flags, network: &Posterior<Wine>, table: &Prepared) -> Result<Value> {
    let algorithm = mcmc()
        .chains(8)
        .warmup(flags.size(1000, 40))
        .draws(flags.size(500, 10))
        .kernel(Hmc::leapfrogs(32));
    let chains = flags
        .apply(Wine::infer(&table.train))
        .with(algorithm)
        .observe(Progress::bar("mcmc   "))
        .run()?;
    let (a, b) = (network.predict(&table.test)?, chains.predict(&table.test)?);
    let spread = spread_of_functions(&b);
    let squares = a
        .mean()
        .iter()
        .zip(b.mean())
        .zip(&spread)
        .map(|((a, b), s)| ((a - b) / s).powi(2))
        .sum::<f64>();
    let apart = (squares / a.rows() as f64).sqrt();
    eprintln!("\n{}\n{}\n", chains.report(), b.summary());
    eprintln!(
        "predictive means of smc and mcmc are {apart:.2} posterior standard deviations apart (at most {TOLERANCE})"
    );
    if apart > TOLERANCE && !flags.smoke {
        return Err(Error::config(
            "distance of smc from mcmc",
            format!("{apart:.2}"),
            format!("at most {TOLERANCE}"),
        ));
    }
    Ok(json!({ "apart": apart, "tolerance": TOLERANCE, "scores": score("mcmc", &chains, table)? }))
}

/// Standard deviation over the draws of the function at every row.
fn spread_of_functions(prediction: &Prediction<'_>) -> Vec<f64> {
    let n = prediction.draws() as f64;
    let spread = |row: usize| {
        let values: Vec<f64> = (0..prediction.draws())
            .map(|k| prediction.function(k, row))
            .collect();
        let mean = values.iter().sum::<f64>() / n;
        (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt()
    };
    (0..prediction.rows()).map(spread).collect()
}
