//! The laws of a model.

use super::near;
use crate::base::exec;
use crate::base::rng::Streams;
use crate::data::Dataset;
use crate::engine::{self, Engine};
use crate::model::Model;
use crate::problem::population::Population;
use crate::problem::{Problem, Segment};

/// Checks a model, and with it its layers, priors and likelihood, at three draws from its prior.
///
/// The gradient of the log-likelihood in f64 must be that of central differences, and that in f32 must be the same
/// rounded; the gradient of the log-prior must be that of differences, and agree with the prior's own sampler; row
/// log-likelihoods must add up to the sums, in the user's order of rows, and be what the predictive distribution
/// says; and a particle's value and gradient must have the same bits alone, in a group and in another order.
///
/// # Errors
/// What is wrong, in words.
pub fn check_model<M: Model>(model: M, data: &Dataset) -> Result<(), String> {
    let bound =
        engine::bind(model.clone(), data, Engine::autodiff(), 1).map_err(|e| e.to_string())?;
    let problem = &*bound.problem;
    let mut thetas = Population::zeros(3, problem.dim());
    problem.prior().sample(Streams::new(31), 0, &mut thetas);
    likelihood_gradient(model, data, &thetas)?;
    prior_gradient(problem, &thetas)?;
    prior_sampler(problem)?;
    rows(problem, data, &thetas)?;
    bits(problem, &thetas)
}

fn all(problem: &dyn Problem) -> [Segment; 2] {
    let (n, middle) = (problem.rows(), problem.rows() / 2);
    [(0..middle, 1.0), (middle..n, 0.75)].map(|(rows, weight)| Segment { rows, weight })
}

/// The coordinates to try: all, or some hundred of them.
fn some(dim: usize) -> impl Iterator<Item = usize> {
    (0..dim).step_by(dim.div_ceil(100))
}

fn name(problem: &dyn Problem, i: usize) -> String {
    let block = problem
        .layout()
        .blocks()
        .iter()
        .find(|b| b.range.contains(&i));
    block.map_or_else(String::new, |b| {
        format!("`{}`[{}]", b.name, i - b.range.start)
    })
}

/// Whether two numbers agree; NaN agrees with nothing.
fn close(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance
}

fn likelihood_gradient<M: Model>(
    model: M,
    data: &Dataset,
    thetas: &Population,
) -> Result<(), String> {
    let engine = engine::on_cpu(model, data, 1).map_err(|e| e.to_string())?;
    let (problem, dim): (&dyn Problem, usize) = (&engine, thetas.dim());
    let segments = all(problem);
    let total = |s: &[f64]| segments[0].weight * s[0] + segments[1].weight * s[1];
    let mut narrow = Population::zeros(thetas.len(), dim);
    let sums = problem.log_likelihood(thetas, &segments, Some(&mut narrow));
    let without = problem.log_likelihood(thetas, &segments, None);
    for p in 0..thetas.len() {
        let theta: Vec<f64> = thetas.row(p).iter().map(|&x| f64::from(x)).collect();
        let mut wide = vec![0.0; dim];
        let exact = engine.evaluate::<f64>(dim, &theta, &segments, &mut wide);
        let exact = exact.of(0);
        let size = exact[0].abs() + exact[1].abs();
        for (what, found) in [("with", sums.of(p)), ("without", without.of(p))] {
            let off = (found[0] - exact[0]).abs() + (found[1] - exact[1]).abs();
            if !close(off, 0.0, 1e-4 * (1.0 + size)) {
                return Err(format!(
                    "the log-likelihood {what} a gradient is {found:?} in f32, {exact:?} in f64"
                ));
            }
        }
        let largest = wide.iter().fold(1.0f64, |m, g| m.max(g.abs()));
        for (i, (&f32, &f64)) in narrow.row(p).iter().zip(&wide).enumerate() {
            if !close(f64::from(f32), f64, 1e-3 * largest) {
                return Err(format!(
                    "the gradient by {} is {f32} in f32, {f64} in f64",
                    name(problem, i)
                ));
            }
        }
        for i in some(dim) {
            let h = 1e-5 * (1.0 + theta[i].abs());
            let at = |x: f64| {
                let mut theta = theta.clone();
                theta[i] = x;
                total(
                    engine
                        .evaluate::<f64>(dim, &theta, &segments, &mut [])
                        .of(0),
                )
            };
            let difference = (at(theta[i] + h) - at(theta[i] - h)) / (2.0 * h);
            if !close(
                wide[i],
                difference,
                1e-6 * (1.0 + difference.abs()) + 1e-9 * size,
            ) {
                return Err(format!(
                    "the gradient of the log-likelihood by {} is {}, but differences give {difference}",
                    name(problem, i),
                    wide[i]
                ));
            }
        }
    }
    Ok(())
}

fn prior_gradient(problem: &dyn Problem, thetas: &Population) -> Result<(), String> {
    // A step and points that f32 holds exactly.
    const H: f32 = 1.0 / 128.0;
    let mut thetas = thetas.clone();
    thetas
        .on_host()
        .map_rows(|_, row| row.iter_mut().for_each(|x| *x = (*x / H).round() * H));
    let mut gradient = Population::zeros(thetas.len(), thetas.dim());
    let values = problem.prior().log_density(&thetas, Some(&mut gradient));
    if values != problem.prior().log_density(&thetas, None) {
        return Err("the log-prior depends on whether its gradient is taken".to_owned());
    }
    let at = |i: usize, step: f32| {
        let mut moved = thetas.clone();
        moved.on_host().map_rows(|_, row| row[i] += step);
        problem.prior().log_density(&moved, None)
    };
    for i in some(thetas.dim()) {
        let [far_up, up, down, far_down] = [2.0, 1.0, -1.0, -2.0].map(|k| at(i, k * H));
        for p in 0..thetas.len() {
            // Fourth order: the error is of the order of h⁴, and of 1e-7/h from the f32 inside a positive block.
            let difference =
                (8.0 * (up[p] - down[p]) - (far_up[p] - far_down[p])) / (12.0 * f64::from(H));
            let found = f64::from(gradient.row(p)[i]);
            if !close(found, difference, 1e-3 * (1.0 + difference.abs())) {
                return Err(format!(
                    "the gradient of the log-prior by {} is {found}, but differences give {difference}",
                    name(problem, i)
                ));
            }
        }
    }
    Ok(())
}

/// E\[u · ∂ log p/∂u\] = −1 for every coordinate u of a density that vanishes at infinity.
fn prior_sampler(problem: &dyn Problem) -> Result<(), String> {
    const DRAWS: usize = 4000;
    let dim = problem.dim();
    let mut draws = Population::zeros(DRAWS, dim);
    problem.prior().sample(Streams::new(32), 0, &mut draws);
    let mut gradient = Population::zeros(DRAWS, dim);
    problem.prior().log_density(&draws, Some(&mut gradient));
    for i in some(dim) {
        let products: Vec<f64> = (0..DRAWS)
            .map(|k| f64::from(draws.row(k)[i]) * f64::from(gradient.row(k)[i]))
            .collect();
        let what = format!(
            "the mean of u times the slope of the log-prior, u drawn from the prior of {},",
            name(problem, i)
        );
        near(&what, &products, -1.0, 5.0)?;
    }
    Ok(())
}

fn rows(problem: &dyn Problem, data: &Dataset, thetas: &Population) -> Result<(), String> {
    let n = problem.rows();
    let values = problem.row_log_likelihoods(thetas);
    let sums = problem.log_likelihood(thetas, &all(problem), None);
    let arguments = problem
        .model()
        .arguments(thetas, data.inputs())
        .map_err(|e| e.to_string())?;
    for p in 0..thetas.len() {
        let sums = sums.of(p);
        let mine = &values[p * n..(p + 1) * n];
        let size: f64 = mine.iter().map(|v| v.abs()).sum();
        // Tiles cut at other rows may round otherwise, in f32.
        let total: f64 = mine.iter().sum();
        if !close(total, sums[0] + sums[1], 1e-5 * (1.0 + size)) {
            return Err(format!(
                "row log-likelihoods add up to {total}, the sums are {sums:?}"
            ));
        }
        for (bound, &row) in problem.order().iter().enumerate() {
            let predicted = problem
                .model()
                .predictive()
                .log_density(arguments.at(p, row), f64::from(data.target(row)));
            let weight = data.weights().map_or(1.0, |w| f64::from(w[row]));
            let predicted = weight * predicted;
            if !close(mine[row], predicted, 1e-3 * (1.0 + predicted.abs())) {
                return Err(format!(
                    "row {row} (bound row {bound}) has log-likelihood {}, but its predictive density is {predicted}",
                    mine[row]
                ));
            }
        }
    }
    Ok(())
}

fn bits(problem: &dyn Problem, thetas: &Population) -> Result<(), String> {
    let segments = all(problem);
    let evaluate = |thetas: &Population| {
        let mut gradient = Population::zeros(thetas.len(), thetas.dim());
        let mut value = problem.prior().log_density(thetas, Some(&mut gradient));
        let sums = problem.log_likelihood(thetas, &segments, Some(&mut gradient));
        for p in 0..thetas.len() {
            value.extend(sums.of(p));
        }
        (0..thetas.len())
            .map(|p| {
                let of = [
                    value[p],
                    value[thetas.len() + 2 * p],
                    value[thetas.len() + 2 * p + 1],
                ];
                (
                    of.map(f64::to_bits),
                    gradient
                        .row(p)
                        .iter()
                        .map(|g| g.to_bits())
                        .collect::<Vec<_>>(),
                )
            })
            .collect::<Vec<_>>()
    };
    let group = evaluate(thetas);
    let order = [2, 0, 1];
    let shuffled = exec::with_threads(Some(3), || evaluate(&thetas.gather(&order)))
        .map_err(|e| e.to_string())?;
    for (at, &p) in order.iter().enumerate() {
        if shuffled[at] != group[p] {
            return Err(format!("particle {p} has other bits in another order"));
        }
        if evaluate(&thetas.gather(&[p]))[0] != group[p] {
            return Err(format!("particle {p} has other bits alone than in a group"));
        }
    }
    Ok(())
}
