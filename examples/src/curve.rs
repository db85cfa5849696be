//! A curve with a gap: the one-dimensional regression that the pictures show.

use smc_runtime::base::rng::{Purpose, Streams};
use smc_runtime::prelude::*;

use crate::Flags;

/// Standard deviation of the noise.
pub const NOISE: f64 = 0.15;

/// Both ends of the axis on which the curve is drawn.
pub const ENDS: (f64, f64) = (-2.0, 2.0);

/// What the curve is.
pub fn truth(x: f64) -> f64 {
    (3.0 * x).sin()
}

/// `rows` points, with noise, in [−1.4, −0.4] and [0.5, 1.4].
///
/// # Errors
/// If there are no rows.
pub fn points(rows: usize, seed: u64) -> Result<Dataset> {
    let mut stream = Streams::new(seed).stream(Purpose::Simulate, 0, 0, 0);
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for row in 0..rows {
        let u = stream.uniform();
        let at = if row % 2 == 0 {
            -1.4 + u
        } else {
            0.5 + 0.9 * u
        };
        x.push(at as f32);
        y.push((truth(at) + NOISE * stream.normal()) as f32);
    }
    Dataset::new(1, x, y)
}

/// Places at which the curve is drawn, from end to end.
///
/// # Errors
/// If there are none.
pub fn grid(places: usize) -> Result<Features> {
    let step = (ENDS.1 - ENDS.0) / (places.max(2) - 1) as f64;
    let x = (0..places).map(|i| (ENDS.0 + step * i as f64) as f32);
    Features::new(1, x.collect())
}

/// The points and the places of a picture, fewer in a smoke run.
///
/// # Errors
/// Never.
pub fn scene(flags: &Flags) -> Result<(Dataset, Features)> {
    let data = points(flags.size(60, 20), flags.seed)?;
    Ok((data, grid(flags.size(241, 41))?))
}

/// A run on the points, in their own units.
pub fn run<'a>(flags: &Flags, data: &'a Dataset) -> Run<'a, Curve> {
    let run = flags.apply(Curve::infer(data));
    run.standardise(Standardise::fit(data))
}

/// The posterior, reported on standard error; of few particles in a smoke run.
///
/// # Errors
/// If the run fails.
pub fn posterior(flags: &Flags, data: &Dataset) -> Result<Posterior<Curve>> {
    let run = run(flags, data);
    let posterior = if flags.smoke {
        run.with(smc().particles(16)).run()?
    } else {
        run.run()?
    };
    eprintln!("{}", posterior.report());
    Ok(posterior)
}

/// The places as numbers.
pub fn axis(places: &Features) -> Vec<f64> {
    places.values().iter().map(|&x| f64::from(x)).collect()
}

/// The points as pairs.
pub fn pairs(data: &Dataset) -> Vec<(f64, f64)> {
    let points = data.features().iter().zip(data.targets());
    points
        .map(|(&x, &y)| (f64::from(x), f64::from(y)))
        .collect()
}

/// A curve by one hidden layer.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
#[infer(smc(particles = 400, annealing = SmoothDataAnnealing::geometric(), kernel = Hmc::leapfrogs(32), moves = 6))]
pub struct Curve {
    #[prior(Normal(0.0, 3.0))]
    hidden: Linear<1, 40>,
    activation: Tanh,
    #[prior(Normal(0.0, 2.0 / fan_in.sqrt()))]
    output: Linear<40, 1>,
    #[prior(HalfNormal(0.5))]
    noise: Scale,
}
