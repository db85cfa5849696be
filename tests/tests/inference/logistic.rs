//! Logistic regression with two effective parameters against quadrature.

use laws::models::Softmax;
use laws::{expectation, infer, near, normals, table};
use smc_runtime::engine::{Engine, bind};
use smc_runtime::infer::Draws;
use smc_runtime::prelude::*;

/// Classes that follow a slope of 1.5 and an intercept of −0.5.
fn data() -> Dataset {
    let noise = normals(40, 8);
    table(40, 1, 7, |i, x| {
        f32::from(u8::from(1.5 * x[0] - 0.5 + noise[i] > 0.0))
    })
}

/// Mean and variance of slope and intercept, and the log-evidence.
struct Exact {
    mean: [f64; 2],
    variance: [f64; 2],
    log_evidence: f64,
}

/// Only the difference of the two classes' parameters matters; it is N(0, 2) under the prior. A product of trapezoidal
/// rules on a smooth density that vanishes at the edges is exact far beyond what is asked of it.
fn quadrature(data: &Dataset) -> Exact {
    let (step, reach) = (1.0 / 16.0, 16 * 10);
    let mut moments = [0.0; 5];
    for i in -reach..=reach {
        for j in -reach..=reach {
            let at = [step * f64::from(i), step * f64::from(j)];
            let row = |r: usize| {
                let eta = at[0] * f64::from(data.row(r)[0]) + at[1];
                let signed = if data.target(r) > 0.5 { eta } else { -eta };
                -(-signed).exp().ln_1p()
            };
            let prior = -0.25 * (at[0] * at[0] + at[1] * at[1]) - (4.0 * std::f64::consts::PI).ln();
            let density = (prior + (0..data.rows()).map(row).sum::<f64>()).exp() * step * step;
            for (m, x) in moments
                .iter_mut()
                .zip([1.0, at[0], at[1], at[0] * at[0], at[1] * at[1]])
            {
                *m += density * x;
            }
        }
    }
    let [z, a, b, aa, bb] = moments;
    let mean = [a / z, b / z];
    Exact {
        variance: [aa / z - mean[0] * mean[0], bb / z - mean[1] * mean[1]],
        mean,
        log_evidence: z.ln(),
    }
}

fn agrees(engine: Engine, algorithm: &dyn Inference) {
    const RUNS: u64 = 12;
    let data = data();
    let exact = quadrature(&data);
    let bound = bind(Softmax::<1, 2>::default(), &data, engine, 1).unwrap();
    let runs: Vec<_> = (0..RUNS)
        .map(|seed| infer(algorithm, &*bound.problem, seed).unwrap())
        .collect();
    // The vector is (w₀, w₁, b₀, b₁). Student's t with 11 degrees of freedom: one chance in a thousand.
    for (k, (mean, variance)) in exact.mean.iter().zip(exact.variance).enumerate() {
        let error = |x: &[f32]| f64::from(x[2 * k + 1]) - f64::from(x[2 * k]) - mean;
        let first: Vec<f64> = runs.iter().map(|d| expectation(d, error)).collect();
        let second: Vec<f64> = runs
            .iter()
            .map(|d| expectation(d, |x| error(x).powi(2)))
            .collect();
        near(
            &format!("the mean error of parameter {k}"),
            &first,
            0.0,
            4.4,
        )
        .unwrap();
        near(
            &format!("the variance of parameter {k}"),
            &second,
            variance,
            4.4,
        )
        .unwrap();
    }
    let evidences: Option<Vec<f64>> = runs.iter().map(Draws::log_evidence).collect();
    if let Some(evidences) = evidences {
        let ratios: Vec<f64> = evidences
            .iter()
            .map(|z| (z - exact.log_evidence).exp())
            .collect();
        near("mean(Ẑ/Z)", &ratios, 1.0, 4.4).unwrap();
    }
}

#[test]
fn smc_agrees_with_quadrature() {
    let settings = smc().particles(256).final_moves(2);
    let settings = settings.kernel(Hmc::leapfrogs(8));
    agrees(Engine::fused(), &settings);
    agrees(Engine::autodiff(), &settings);
}

#[test]
fn mcmc_agrees_with_quadrature() {
    let settings = mcmc().chains(4).warmup(200).draws(400);
    agrees(Engine::fused(), &settings.kernel(Hmc::leapfrogs(8)));
}
