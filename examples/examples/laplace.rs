//! What does Laplace's approximation say of a network, in numbers that another program can be held against? Weights, linearised
//! predictions and evidence on simulated rows: the peer of `benches/peers/laplace_torch.py`.

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use examples::{Flags, exit};
use serde_json::{Value, json};
use smc_runtime::base::rng::{Purpose, Streams};
use smc_runtime::engine::bind;
use smc_runtime::infer::DrawnFrom;
use smc_runtime::prelude::*;

/// What does Laplace's approximation say of a network, in numbers that another program can be held against? A regression network
/// of one hidden layer and a softmax layer, without biases.
#[derive(Clone, Debug, Parser)]
struct Args {
    #[command(flatten)]
    flags: Flags,
    /// Rows to learn from.
    #[arg(long, default_value_t = 2000)]
    rows: usize,
}

const FEATURES: usize = 8;
const HIDDEN: usize = 50;
const CLASSES: usize = 3;
const TEST: usize = 200;

/// A network whose Kronecker factors are exact for every layer.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.3))]
struct Numbers {
    #[prior(Normal(0.0, 1.0))]
    hidden: LinearNoBias<FEATURES, HIDDEN>,
    bend: Tanh,
    #[prior(Normal(0.0, 1.0))]
    output: LinearNoBias<HIDDEN, 1>,
}

/// Softmax regression.
#[bayes_model]
#[likelihood(Categorical(logits = output))]
struct Kinds {
    #[prior(Normal(0.0, 1.0))]
    output: LinearNoBias<FEATURES, CLASSES>,
}

fn main() -> ExitCode {
    exit(run(&Args::parse()))
}

fn run(args: &Args) -> Result<()> {
    let (flags, rows) = (&args.flags, args.flags.size(args.rows, 60));
    let mut stream = Streams::new(flags.seed).stream(Purpose::Simulate, 0, 0, 0);
    let x = stream.normals(rows * FEATURES);
    let test = stream.normals(TEST * FEATURES);
    let noise = stream.normals(rows);
    let numbers = x.chunks(FEATURES).zip(&noise);
    let numbers = numbers.map(|(x, e)| (x[0] * x[1]).sin() + 0.5 * x[2] + 0.3 * e);
    let kinds = x.chunks(FEATURES).zip(&noise).map(|(x, e)| {
        let along = x[0] + 0.5 * x[3] + e;
        f32::from(u8::from(along > -0.7)) + f32::from(u8::from(along > 0.7))
    });
    let data = Dataset::new(FEATURES, x.clone(), numbers.collect())?;
    let classes = Dataset::new(FEATURES, x.clone(), kinds.collect())?;
    let test = Features::new(FEATURES, test)?;
    let regression = fitted(&Numbers::default(), args, &data, &test)?;
    let softmax = fitted(&Kinds::default(), args, &classes, &test)?;
    println!(
        "evidence {} of the network, {} of the classes",
        regression["evidence"], softmax["evidence"]
    );
    if flags.json {
        let out = json!({
            "example": "laplace", "seed": flags.seed, "rows": rows, "features": FEATURES, "hidden": HIDDEN, "noise": 0.3,
            "x": x, "test": test.values(), "numbers": data.targets(), "kinds": classes.targets(),
            "regression": regression, "softmax": softmax,
        });
        flags.print(&out);
    }
    Ok(())
}

/// Mode, evidence and linearised predictions, and the seconds from the mode to the density and from there to the predictions.
fn fitted<M: Infers>(model: &M, args: &Args, data: &Dataset, test: &Features) -> Result<Value> {
    let search = map().validation(0.0).epochs(args.flags.size(300, 20));
    let algorithm = laplace().around(search);
    // The step at which the search has ended is the one that makes the density.
    let bound = bind(model.clone(), data, args.flags.engine, args.flags.seed)?;
    let mut steps = algorithm.begin(bound.problem, Streams::new(args.flags.seed))?;
    let mut making = Instant::now();
    while steps.step()?.is_some() {
        making = Instant::now();
    }
    let making = making.elapsed().as_secs_f64();
    let run = args.flags.apply(Run::new(model.clone(), data).raw());
    let posterior = run.with(algorithm).run()?;
    let DrawnFrom::Fitted(said) = posterior.drawn_from() else {
        return Err(Error::Rule(
            "Laplace's approximation is a density".to_owned(),
        ));
    };
    let smc_runtime::infer::Form::Density(density) = posterior.form() else {
        return Err(Error::Rule(
            "Laplace's approximation is a density".to_owned(),
        ));
    };
    let start = Instant::now();
    let prediction = posterior.predict_with(test, &linearised())?;
    let predicting = start.elapsed().as_secs_f64();
    let noise = prediction.aleatoric_sd();
    let variance = prediction.sd().into_iter().zip(noise.unwrap_or_default());
    let variance: Vec<f64> = variance
        .map(|(all, noise)| all * all - noise * noise)
        .collect();
    let probabilities: Vec<_> = (0..test.rows())
        .map(|row| prediction.probabilities(row))
        .collect();
    Ok(json!({
        "weights": density.moments().mean, "evidence": said.laplace, "mean": prediction.mean(), "variance": variance,
        "probabilities": probabilities, "seconds_fit": making, "seconds_predict": predicting,
    }))
}
