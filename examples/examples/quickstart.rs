//! Does a small Bayesian network predict red-wine quality better than Bayesian linear regression?
//!
//! `cargo run --release --example quickstart`; add `--mcmc` to check the posterior against Markov chain Monte Carlo, and
//! `--engines` to check it against the same algorithm on automatic differentiation.

use std::process::ExitCode;

use clap::Parser;
use examples::{Flags, Prepared, exit, prepare, wine};
use models::LinearRegression;
use serde_json::{Value, json};
use smc_runtime::posterior::predict::Prediction;
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

/// Does a small Bayesian network predict red-wine quality better than Bayesian linear regression?
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    flags: Flags,
    /// Also run MCMC (about ten seconds) and fail if its posterior is another.
    #[arg(long)]
    mcmc: bool,
    /// Also run on the autodiff engine (about two minutes) and fail if the posterior is another.
    #[arg(long)]
    engines: bool,
}

/// How far the predictive means of two runs may be apart: their root-mean-square difference over the test rows, in units
/// of the posterior standard deviation of the function there.
const TOLERANCE: f64 = 0.5;

/// How far apart the log-evidences of two runs of SMC may be, in standard errors of their difference.
const EVIDENCE_ERRORS: f64 = 4.0;

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

    let report = network.report();
    eprintln!("verdict on the network: {}\n", report.verdict());
    let rows = [
        score("network 11-32-1", &network, &table)?,
        score("linear regression", &linear, &table)?,
    ];
    print_table(&rows);
    eprintln!("\n{}\n", network.layout());
    let draw = network.draw(0);
    eprintln!(
        "the first draw: tau {:.3}, noise {:.3}, hidden.weight[0][0] {:.3}\n\n{report}",
        draw.tau, draw.noise, draw.hidden.weight[0][0]
    );
    let mut out = json!({ "example": "quickstart", "seed": flags.seed, "network": rows[0], "linear": rows[1] });
    if args.mcmc {
        out["mcmc"] = against_mcmc(flags, &network, &table)?;
    }
    if args.engines {
        out["autodiff"] = against_autodiff(flags, &network, &table)?;
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
        // On any scale: a Jacobian shifts all islands alike.
        "log_evidence_error": report.evidence_error(),
        "seconds": report.seconds,
        "row_gradients": report.counts.row_gradients,
        "ancestors": report.ancestors(),
        "acceptance": report.acceptance(),
    }))
}

fn print_table(rows: &[Value]) {
    eprintln!(
        "held-out rows, quality points     RMSE     LPPD   90 % covers     log-evidence   seconds   row-gradients"
    );
    for row in rows {
        let number = |key: &str| row[key].as_f64().unwrap_or(f64::NAN);
        eprintln!(
            "{:28} {:>9.3} {:>8.3} {:>11.1} % {:>10.1} ± {:<3.1} {:>9.1} {:>15.2e}",
            row["model"].as_str().unwrap_or_default(),
            number("rmse"),
            number("lppd"),
            100.0 * number("coverage_90"),
            number("log_evidence"),
            number("log_evidence_error"),
            number("seconds"),
            number("row_gradients"),
        );
    }
}

/// The same posterior by MCMC.
fn against_mcmc(flags: &Flags, network: &Posterior<Wine>, table: &Prepared) -> Result<Value> {
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
    eprintln!("\n{}\n", chains.report());
    let apart = apart(network, &chains, table)?;
    eprintln!("smc and mcmc: predictive means {apart:.2} posterior sd apart (at most {TOLERANCE})");
    if !flags.smoke {
        within("distance of smc from mcmc", apart, TOLERANCE)?;
    }
    Ok(json!({ "apart": apart, "tolerance": TOLERANCE, "scores": score("mcmc", &chains, table)? }))
}

/// The same posterior on the other engine. Rounding differs, so after some moves a proposal is accepted on one and not on
/// the other: the runs are then as far apart as two runs of SMC are.
fn against_autodiff(flags: &Flags, network: &Posterior<Wine>, table: &Prepared) -> Result<Value> {
    let run = flags
        .apply(Wine::infer(&table.train))
        .engine(Engine::autodiff())
        .observe(Progress::bar("autodiff"));
    let other = if flags.smoke {
        run.with(smc().particles(8)).run()?
    } else {
        run.run()?
    };
    eprintln!("\n{}\n", other.report());
    let apart = apart(network, &other, table)?;
    let log_evidence = |p: &Posterior<Wine>| p.log_evidence().unwrap_or(f64::NAN);
    let evidence = (log_evidence(network) - log_evidence(&other)).abs();
    let error = |p: &Posterior<Wine>| p.report().evidence_error().unwrap_or(f64::NAN);
    let most = EVIDENCE_ERRORS * error(network).hypot(error(&other));
    eprintln!(
        "the two engines: predictive means {apart:.2} posterior sd apart (at most {TOLERANCE}), log-evidence {evidence:.2} (at most {EVIDENCE_ERRORS} standard errors, {most:.2})"
    );
    if !flags.smoke {
        within("distance of the two engines", apart, TOLERANCE)?;
        within("log-evidence of the two engines", evidence, most)?;
    }
    Ok(
        json!({ "apart": apart, "tolerance": TOLERANCE, "log_evidence_apart": evidence, "log_evidence_tolerance": most, "scores": score("autodiff", &other, table)? }),
    )
}

fn within(what: &'static str, distance: f64, most: f64) -> Result<()> {
    if distance <= most {
        return Ok(());
    }
    let (found, expected) = (format!("{distance:.2}"), format!("at most {most}"));
    Err(Error::config(what, found, expected))
}

/// The distance of two posteriors' predictive means; the unit is the second's spread.
fn apart(a: &Posterior<Wine>, b: &Posterior<Wine>, table: &Prepared) -> Result<f64> {
    let (a, b) = (a.predict(&table.test)?, b.predict(&table.test)?);
    let spread = spread_of_functions(&b);
    let squares = a
        .mean()
        .iter()
        .zip(b.mean())
        .zip(&spread)
        .map(|((a, b), s)| ((a - b) / s).powi(2))
        .sum::<f64>();
    Ok((squares / a.rows() as f64).sqrt())
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
