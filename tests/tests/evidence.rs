//! Conjugate Bayesian linear regression: posterior and evidence against the closed form.

use laws::conjugate::{Line, data, exact};
use laws::laws::{evidence_bias_falls_as_one_over_j, evidence_is_unbiased, posterior_is_exact};
use laws::{infer, near};
use smc_runtime::engine::{Engine, bind};
use smc_runtime::infer::Smc;
use smc_runtime::prelude::*;
use smc_runtime::testing::Regression;

fn regression() -> (Regression, f64) {
    let problem = Regression::simulated(40, 3, 1.0, 1.0, 3).unwrap();
    let log_evidence = problem.posterior().log_evidence;
    (problem, log_evidence)
}

fn fixed() -> Smc {
    smc()
        .particles(64)
        .kernel(Hmc::leapfrogs(6).step_size(0.12))
}

#[test]
fn tempering_on_a_ladder_has_an_unbiased_evidence() {
    let (problem, z) = regression();
    let ladder = Tempering::ladder((1..=14).map(|k| (f64::from(k) / 14.0).powi(3)));
    evidence_is_unbiased(&fixed().annealing(ladder), &problem, z).unwrap();
}

#[test]
fn smooth_data_annealing_with_fixed_ramps_has_an_unbiased_evidence() {
    let (problem, z) = regression();
    let ramps = SmoothDataAnnealing::geometric().first(5).ramps(4);
    evidence_is_unbiased(&fixed().annealing(ramps), &problem, z).unwrap();
}

#[test]
fn the_bias_of_adaptive_tempering_falls_as_one_over_j() {
    let (problem, z) = regression();
    let settings = smc()
        .annealing(Tempering::adaptive())
        .kernel(Hmc::leapfrogs(5));
    evidence_bias_falls_as_one_over_j(&settings, &problem, z, 32, 400).unwrap();
}

#[test]
fn the_bias_of_adaptive_data_annealing_falls_as_one_over_j() {
    let (problem, z) = regression();
    let settings = smc()
        .annealing(SmoothDataAnnealing::geometric().first(8))
        .kernel(Hmc::leapfrogs(5));
    evidence_bias_falls_as_one_over_j(&settings, &problem, z, 32, 400).unwrap();
}

/// Independent runs through the engine; the error of their mean has a standard error of its own.
fn through_the_engine(algorithm: &dyn Inference) {
    const RUNS: u64 = 12;
    let data = data::<2>(60, 1);
    let truth = exact(&data);
    let bound = bind(Line::<2>::default(), &data, Engine::autodiff(), 1).unwrap();
    let runs: Vec<_> = (0..RUNS)
        .map(|seed| infer(algorithm, &*bound.problem, seed).unwrap())
        .collect();
    // Student's t with 11 degrees of freedom: 4.4 standard errors are one chance in a thousand.
    posterior_is_exact(&runs, &truth, 4.4).unwrap();
    let evidences: Option<Vec<f64>> = runs.iter().map(|d| d.log_evidence).collect();
    if let Some(evidences) = evidences {
        let ratios: Vec<f64> = evidences
            .iter()
            .map(|z| (z - truth.log_evidence).exp())
            .collect();
        near("mean(Ẑ/Z)", &ratios, 1.0, 4.4).unwrap();
    }
}

#[test]
fn smc_with_data_annealing_finds_the_conjugate_posterior() {
    through_the_engine(
        &smc()
            .particles(128)
            .final_moves(2)
            .kernel(Hmc::leapfrogs(8)),
    );
}

#[test]
fn smc_with_tempering_finds_the_conjugate_posterior() {
    through_the_engine(
        &smc()
            .particles(128)
            .annealing(Tempering::adaptive())
            .final_moves(2)
            .kernel(Hmc::leapfrogs(8)),
    );
}

#[test]
fn mcmc_finds_the_conjugate_posterior() {
    through_the_engine(
        &mcmc()
            .chains(4)
            .warmup(200)
            .draws(250)
            .kernel(Hmc::leapfrogs(8)),
    );
}
