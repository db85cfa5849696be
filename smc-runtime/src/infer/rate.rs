//! How fast the machine makes gradients: what seconds are turned into row-gradients by.

use std::time::Instant;

use crate::base::rng::Streams;
use crate::problem::Problem;
use crate::problem::population::Population;
use crate::problem::rows::RowSet;

/// Long enough for the fastest to be timed, in seconds.
const LONG: f64 = 0.2;

/// Vectors that the machine does well together.
const VECTORS: usize = 16;

/// Row-gradients that the machine makes in a second, at its present load, of 16 vectors on `rows` rows together; what moves the vectors is
/// counted in.
pub(crate) fn rate(problem: &dyn Problem, rows: usize, seed: u64) -> f64 {
    let mut thetas = Population::zeros(VECTORS, problem.dim());
    problem.prior().sample(Streams::new(seed), 0, &mut thetas);
    let mut gradient = thetas.zeros_like();
    let rows = problem.rows().min(rows);
    let segments = RowSet::from(0..rows).segments(1.0);
    let mut pass = || {
        problem.prior().log_density(&thetas, Some(&mut gradient));
        problem.log_likelihood(&thetas, &segments, Some(&mut gradient));
        thetas.add_scaled(0.0, &gradient);
        gradient.clear();
    };
    // The first one finds caches cold and pages untouched.
    pass();
    let (since, mut passes) = (Instant::now(), 0);
    while passes == 0 || since.elapsed().as_secs_f64() < LONG {
        pass();
        passes += 1;
    }
    (passes * rows * VECTORS) as f64 / since.elapsed().as_secs_f64()
}
