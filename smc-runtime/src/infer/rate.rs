//! How fast the machine makes gradients: what seconds are turned into row-gradients by.

use std::time::Instant;

use crate::base::rng::Streams;
use crate::problem::Problem;
use crate::problem::population::{LangevinStep, Population};
use crate::problem::rows::RowSet;

/// Long enough for the fastest to be timed, in seconds.
const LONG: f64 = 0.2;

/// Vectors that the machine does well together.
const VECTORS: usize = 16;

/// Row-gradients that the machine makes in a second, at its present load, of 16 vectors on `rows` rows together; a step of each
/// with noise, such as one of Langevin dynamics, is counted in.
pub(crate) fn rate(problem: &dyn Problem, rows: usize, seed: u64) -> f64 {
    let mut thetas = Population::zeros(VECTORS, problem.dim());
    problem.prior().sample(Streams::new(seed), 0, &mut thetas);
    let mut gradient = thetas.zeros_like();
    let rows = problem.rows().min(rows);
    let streams = Streams::new(seed);
    let (mut momenta, scale) = (thetas.zeros_like(), vec![1.0; problem.dim()]);
    // What a step costs, but nobody moves.
    let still = [LangevinStep {
        keep: 0.0,
        kick: 0.0,
        noise: 0.0,
    }; VECTORS];
    let mut passes = 0;
    let segments = RowSet::from(0..rows).segments(1.0);
    let mut pass = || {
        problem.prior().log_density(&thetas, Some(&mut gradient));
        problem.log_likelihood(&thetas, &segments, Some(&mut gradient));
        passes += 1;
        thetas.langevin(
            &mut momenta,
            &mut gradient,
            &scale,
            &still,
            (streams, 0, passes),
        );
    };
    // The first one finds caches cold and pages untouched.
    pass();
    let (since, mut timed) = (Instant::now(), 0);
    while timed == 0 || since.elapsed().as_secs_f64() < LONG {
        pass();
        timed += 1;
    }
    (timed * rows * VECTORS) as f64 / since.elapsed().as_secs_f64()
}
