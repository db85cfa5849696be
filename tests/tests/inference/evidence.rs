//! Conjugate Bayesian linear regression as a model on the fused engine: posterior and evidence against the closed form.

use laws::altered::Altered;
use laws::conjugate::{Known, Line, data, exact, known, known_on};
use laws::laws::{evidence_bias_falls_as_one_over_j, evidence_is_unbiased, posterior_is_exact};
use laws::{infer, near};
use smc_runtime::engine::{Engine, bind};
use smc_runtime::infer::{Draws, Smc};
use smc_runtime::prelude::*;
use smc_runtime::sampling::kernel::Kernel;
use smc_runtime::testing::Perfect;

fn fixed() -> Smc {
    smc().particles(64).kernel(Hmc::leapfrogs(6)).frozen(0.12)
}

fn ladder() -> Tempering {
    Tempering::ladder((1..=14).map(|k| (f64::from(k) / 14.0).powi(3)))
}

fn unbiased(settings: &Smc) {
    let known = known();
    evidence_is_unbiased(settings, &*known.problem, known.log_evidence).unwrap();
}

#[test]
fn tempering_on_a_ladder_has_an_unbiased_evidence() {
    unbiased(&fixed().annealing(ladder()));
}

#[test]
fn automatic_differentiation_has_an_unbiased_evidence() {
    let known = known_on(Engine::autodiff());
    // A kernel that asks the engine for values only, which is cheap.
    let settings = fixed().kernel(Perfect::of(&known.regression)).moves(1);
    let settings = settings.annealing(ladder());
    evidence_is_unbiased(&settings, &*known.problem, known.log_evidence).unwrap();
}

#[test]
fn smooth_data_annealing_with_fixed_ramps_has_an_unbiased_evidence() {
    unbiased(&fixed().annealing(SmoothDataAnnealing::geometric().first(5).ramps(4)));
}

/// The evidence on a ladder, with `moves` moves of a frozen kernel per stage.
fn on_a_ladder(kernel: impl Kernel + 'static, step: f64, moves: usize) {
    let settings = fixed().annealing(ladder()).kernel(kernel);
    unbiased(&settings.frozen(step).moves(moves));
}

#[test]
fn jittered_hmc_has_an_unbiased_evidence() {
    on_a_ladder(Hmc::leapfrogs(6).jitter(0.5), 0.12, 3);
}

#[test]
fn the_random_walk_has_an_unbiased_evidence() {
    on_a_ladder(RandomWalk, 0.25, 10);
}

#[test]
fn mala_has_an_unbiased_evidence() {
    on_a_ladder(Mala, 0.2, 6);
}

#[test]
fn unadjusted_langevin_has_an_unbiased_evidence() {
    on_a_ladder(UnadjustedLangevin, 0.14, 20);
}

#[test]
fn unadjusted_hmc_has_an_unbiased_evidence() {
    on_a_ladder(Hmc::leapfrogs(5).unadjusted(), 0.08, 4);
}

#[test]
fn hmc_on_the_gradient_of_some_rows_has_an_unbiased_evidence() {
    on_a_ladder(Hmc::leapfrogs(6).gradient_rows(20), 0.08, 4);
}

/// From 64 particles on: with 32 what falls as 1/J² is still 4 %.
fn falls_as_one_over_j(settings: &Smc, runs: u64) {
    let known = known();
    let (problem, z) = (&*known.problem, known.log_evidence);
    evidence_bias_falls_as_one_over_j(settings, problem, z, 64, runs).unwrap();
}

#[test]
fn the_bias_of_adaptive_tempering_falls_as_one_over_j() {
    let settings = smc().annealing(Tempering::adaptive());
    falls_as_one_over_j(&settings.kernel(Hmc::leapfrogs(5)), 270);
}

#[test]
fn the_bias_of_adaptive_data_annealing_falls_as_one_over_j() {
    let settings = smc().annealing(SmoothDataAnnealing::geometric().first(8));
    falls_as_one_over_j(&settings.kernel(Hmc::leapfrogs(5)), 370);
}

/// Likelihoods 1.03 times too large, whatever J is: no multiple of 1/J.
#[test]
fn a_constant_bias_of_three_per_cent_does_not_fall_as_one_over_j() {
    let Known {
        problem,
        regression,
        log_evidence,
    } = known();
    let each = 1.03f64.ln() / problem.rows() as f64;
    let shifted = Altered::likelihood(&*problem, |thetas, segments, gradient| {
        let mut sums = problem.log_likelihood(thetas, segments, gradient);
        for p in 0..thetas.len() {
            for (sum, segment) in sums.of_mut(p).iter_mut().zip(segments) {
                *sum += each * segment.rows.len() as f64;
            }
        }
        sums
    });
    let settings = smc().annealing(Tempering::adaptive());
    let settings = settings.kernel(Perfect::of(&regression)).moves(1);
    let law =
        |problem| evidence_bias_falls_as_one_over_j(&settings, problem, log_evidence, 64, 240);
    law(&*problem).unwrap();
    let found = law(&shifted).unwrap_err();
    assert!(found.starts_with("at J = ∞ mean(Ẑ/Z) is 1.0"), "{found}");
}

/// Independent runs on the engine that a user gets; the error of their mean has a standard error of its own.
fn finds_the_posterior(algorithm: &dyn Inference) {
    finds_the_posterior_on(Engine::fused(), algorithm);
}

fn finds_the_posterior_on(engine: Engine, algorithm: &dyn Inference) {
    const RUNS: u64 = 12;
    let data = data::<2>(60, 1);
    let truth = exact(&data);
    let bound = bind(Line::<2>::default(), &data, engine, 1).unwrap();
    let runs: Vec<_> = (0..RUNS)
        .map(|seed| infer(algorithm, &*bound.problem, seed).unwrap())
        .collect();
    // Student's t with 11 degrees of freedom: 4.4 standard errors are one chance in a thousand.
    posterior_is_exact(&runs, &truth, 4.4).unwrap();
    let evidences: Option<Vec<f64>> = runs.iter().map(Draws::log_evidence).collect();
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
    let settings = smc().particles(128).final_moves(2);
    let settings = settings.kernel(Hmc::leapfrogs(8));
    finds_the_posterior(&settings);
    finds_the_posterior_on(Engine::autodiff(), &settings);
}

#[test]
fn smc_with_tempering_finds_the_conjugate_posterior() {
    finds_the_posterior(
        &smc()
            .particles(128)
            .annealing(Tempering::adaptive())
            .final_moves(2)
            .kernel(Hmc::leapfrogs(8)),
    );
}

#[test]
fn mcmc_finds_the_conjugate_posterior() {
    let settings = mcmc().chains(4).warmup(200).draws(250);
    let settings = settings.kernel(Hmc::leapfrogs(8));
    finds_the_posterior(&settings);
    finds_the_posterior_on(Engine::autodiff(), &settings);
}

#[test]
fn smc_with_other_kernels_finds_the_conjugate_posterior() {
    let settings = smc().particles(128).moves(8).final_moves(4);
    finds_the_posterior(&settings.clone().kernel(RandomWalk));
    finds_the_posterior(&settings.clone().kernel(Mala));
    finds_the_posterior(&settings.clone().kernel(UnadjustedLangevin));
    finds_the_posterior(&settings.kernel(Hmc::leapfrogs(4).jitter(0.3)));
}

#[test]
fn smc_with_other_adaptations_finds_the_conjugate_posterior() {
    let settings = smc().particles(128).moves(2).final_moves(4);
    finds_the_posterior(&settings.clone().kernel(Chees::default().at_most(10)));
    let hmc = settings.clone().kernel(Hmc::leapfrogs(4).jitter(0.3));
    finds_the_posterior(&hmc.clone().step_size(DualAveraging::aim()));
    finds_the_posterior(&hmc.step_size(Esjd::default()));
    let weighted = settings.kernel(Hmc::leapfrogs(4).unadjusted());
    finds_the_posterior(&weighted.step_size(LargestStep::keeping(0.95)));
}

#[test]
fn mcmc_with_other_kernels_finds_the_conjugate_posterior() {
    let settings = mcmc().chains(8).warmup(300).draws(400);
    finds_the_posterior(&settings.clone().kernel(RandomWalk).thin(4));
    finds_the_posterior(&settings.clone().kernel(Mala).thin(2));
    finds_the_posterior(&settings.clone().kernel(Chees::default()));
    finds_the_posterior(&settings.kernel(Hmc::leapfrogs(8).jitter(0.3)));
}

#[test]
fn the_mean_evidence_of_islands_is_unbiased() {
    unbiased(&fixed().particles(64).islands(4).annealing(ladder()));
}

#[test]
fn islands_and_recycled_draws_find_the_conjugate_posterior() {
    let settings = smc()
        .particles(64)
        .moves(3)
        .final_moves(4)
        .kernel(Hmc::leapfrogs(5));
    finds_the_posterior(&settings.clone().islands(4));
    finds_the_posterior(&settings.clone().islands(4).combine(Combine::Equally));
    finds_the_posterior(&settings.clone().recycle(true));
    finds_the_posterior(&settings.moves(AdaptiveMoves::until(1.0)));
}

#[test]
fn mcmc_with_other_adaptations_finds_the_conjugate_posterior() {
    let settings = mcmc().chains(8).warmup(300).draws(400);
    let hmc = settings.clone().kernel(Hmc::leapfrogs(8).jitter(0.3));
    finds_the_posterior(&hmc.clone().step_size(DualAveraging::aim()));
    finds_the_posterior(&hmc.step_size(Esjd::default()));
    let in_step = settings.kernel(Chees::default());
    finds_the_posterior(&in_step.step_size(DualAveraging::aim()));
}
