//! The evidence of tiny networks: by sequential Monte Carlo, which visits copies as it pleases, and by Laplace's approximation at one copy of every functional
//! mode, with the number of copies added.

use examples::Flags;
use models::Nonlinearity;
use serde_json::{Value, json};
use smc_runtime::base::rng::{Purpose, Streams};
use smc_runtime::base::sums::log_sum_exp;
use smc_runtime::infer::{Curvature, DrawnFrom};
use smc_runtime::prelude::*;

/// A network of some hidden units with known noise: all its parameters are the network's.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = self::NOISE))]
struct Tiny {
    #[prior(Normal(0.0, 1.0))]
    hidden: Linear<1, Dyn>,
    activation: Nonlinearity,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<Dyn, 1>,
}

const NOISE: f64 = 0.1;

/// Searches for modes.
const STARTS: usize = 64;

/// Both evidences of a network with so many hidden units, on rows of a curve.
pub(crate) fn of(flags: &Flags, units: usize) -> Result<Value> {
    let mut stream = Streams::new(flags.seed).stream(Purpose::Simulate, 0, 0, 0);
    let x: Vec<f32> = (0..80).map(|i| i as f32 / 10.0 - 4.0).collect();
    // As many steps as units, up and down, so that every unit has one to make: where some are idle their copies lie in one place.
    let step = |k: usize| {
        let centre = 5.0 * (k as f32 + 0.5) / units as f32 - 2.5;
        (if k.is_multiple_of(2) { 1.0 } else { -0.8 }, centre)
    };
    let of_step = |x: f32, (height, centre): (f32, f32)| height * (2.0 * (x - centre)).tanh();
    let curve = |x: f32| (0..units).map(|k| of_step(x, step(k))).sum::<f32>();
    let y = x
        .iter()
        .map(|x| curve(*x) + NOISE as f32 * stream.normal() as f32);
    let y = y.collect();
    let data = Dataset::new(1, x, y)?;
    let model = Tiny {
        hidden: Linear::sized(1, units),
        activation: Nonlinearity::Tanh,
        output: Linear::sized(Dyn, 1),
    };
    let group = model.symmetries(&data)?.log10() * std::f64::consts::LN_10;
    let (islands, particles) = (flags.size(16, 2), flags.size(128, 8));
    let sampled = flags.apply(Run::new(model.clone(), &data).raw());
    let sampler = smc()
        .islands(islands)
        .particles(islands * particles)
        .moves(flags.size(8, 1));
    let sampled = sampled.with(sampler).run()?;
    let smc = sampled.log_evidence().unwrap_or(f64::NAN);
    let error = sampled.report().evidence_error().unwrap_or(f64::NAN);
    // Modes by what they predict: copies predict the same.
    let mut modes: Vec<(Vec<f64>, f64)> = Vec::new();
    for start in 0..flags.size(STARTS, 2) {
        let search = map().validation(0.0).epochs(flags.size(4000, 20));
        let algorithm = laplace().around(search).curvature(Curvature::Full);
        let run = Run::new(model.clone(), &data).raw().engine(flags.engine);
        let fit = run.seed(1000 + start as u64).with(algorithm).run()?;
        let DrawnFrom::Fitted(fitted) = fit.drawn_from() else {
            continue;
        };
        let predicted = fit.predict_with(data.inputs(), &linearised())?.mean();
        let apart = |other: &[f64]| {
            let pairs = predicted.iter().zip(other);
            pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
        };
        // Searches end near a mode; what is nearer than a part of the noise is the same one.
        if modes.iter().all(|(known, _)| apart(known) > 0.5 * NOISE) {
            modes.push((predicted, fitted.laplace.unwrap_or(f64::NEG_INFINITY)));
        }
    }
    let each: Vec<f64> = modes.iter().map(|(_, evidence)| *evidence).collect();
    let (one, all) = (
        each.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        log_sum_exp(&each),
    );
    println!(
        "{units} hidden units: log-evidence {smc:.2} ± {error:.2} by smc; Laplace {one:.2} at the best mode, {all:.2} at {} modes, {:.2} with copies (log of their number {group:.2})",
        modes.len(),
        all + group,
    );
    Ok(json!({
        "units": units, "smc": smc, "smc_error": error, "laplace_best": one, "laplace_modes": all, "modes": modes.len(),
        "log_group": group, "laplace_with_copies": all + group,
    }))
}
