//! A curve with a gap: the one-dimensional regression that the pictures show.

use smc_runtime::prelude::*;
use smc_runtime::rng::{Purpose, Streams};

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
