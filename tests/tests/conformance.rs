//! The workspace's own kernels, policies and schemes pass the conformance kit that third parties run on theirs.

use smc_runtime::prelude::*;
use smc_runtime::resample::Resample;
use smc_runtime::testing::{Perfect, Regression, check_annealing, check_kernel, check_resampler};

#[test]
fn resampling_schemes_conform() {
    let schemes: [&dyn Resample; 5] = [&Systematic, &Stratified, &Residual, &Multinomial, &Ssp];
    for scheme in schemes {
        check_resampler(scheme).unwrap();
    }
}

#[test]
fn hmc_conforms() {
    for leapfrogs in [1, 4] {
        check_kernel(&Hmc::leapfrogs(leapfrogs), &Follow::aim()).unwrap();
    }
    check_kernel(&Hmc::leapfrogs(3), &Frozen::at(0.3)).unwrap();
}

#[test]
fn jittered_hmc_conforms() {
    check_kernel(&Hmc::leapfrogs(4).jitter(0.4), &Follow::aim()).unwrap();
    check_kernel(&Hmc::leapfrogs(3).jitter(0.9), &Frozen::at(0.3)).unwrap();
}

#[test]
fn the_random_walk_conforms() {
    check_kernel(&RandomWalk, &Follow::to(0.44)).unwrap();
    check_kernel(&RandomWalk, &Frozen::at(0.5)).unwrap();
}

#[test]
fn mala_conforms() {
    check_kernel(&Mala, &Follow::aim()).unwrap();
    check_kernel(&Mala, &Frozen::at(0.4)).unwrap();
}

#[test]
fn unadjusted_langevin_conforms() {
    check_kernel(&UnadjustedLangevin, &Follow::aim()).unwrap();
    check_kernel(&UnadjustedLangevin, &Frozen::at(0.2)).unwrap();
}

#[test]
fn unadjusted_hmc_conforms() {
    check_kernel(&Hmc::leapfrogs(4).unadjusted(), &Follow::aim()).unwrap();
}

#[test]
fn hmc_on_the_gradient_of_some_rows_conforms() {
    check_kernel(&Hmc::leapfrogs(4).gradient_rows(7), &Follow::aim()).unwrap();
    let weighted = Hmc::leapfrogs(2).gradient_rows(9).unadjusted();
    check_kernel(&weighted, &Frozen::at(0.1)).unwrap();
}

#[test]
fn every_metric_conforms() {
    for metric in [
        Metric::Unit,
        Metric::Prior,
        Metric::Blocks,
        Metric::Diagonal,
        Metric::Scores,
    ] {
        let kernel = Hmc::leapfrogs(6).jitter(0.5);
        let conforms = check_kernel(&kernel, &Follow::aim().metric(metric));
        assert_eq!(conforms, Ok(()), "{metric:?}");
    }
}

#[test]
fn the_perfect_kernel_conforms() {
    let problem = Regression::simulated(12, 2, 0.8, 1.0, 5).unwrap();
    check_kernel(&Perfect::of(&problem), &Follow::aim()).unwrap();
}

#[test]
fn annealing_policies_conform() {
    check_annealing(&Tempering::adaptive()).unwrap();
    check_annealing(&Tempering::ladder([0.01, 0.05, 0.2, 0.5, 1.0])).unwrap();
    check_annealing(&SmoothDataAnnealing::geometric()).unwrap();
    check_annealing(&Tempering::stages(8)).unwrap();
    check_annealing(&AutomaticAnnealing::default().first(2)).unwrap();
}

#[test]
fn step_data_annealing_conforms() {
    check_annealing(&StepDataAnnealing::linear(12).first(1)).unwrap();
    check_annealing(&StepDataAnnealing::geometric(8).first(1)).unwrap();
    check_annealing(&StepDataAnnealing::front_loaded(10).first(1).hold(1)).unwrap();
    check_annealing(&StepDataAnnealing::doubling().first(1)).unwrap();
    check_annealing(&StepDataAnnealing::table([1, 3, 3, 10, 30, 60])).unwrap();
}

#[test]
fn smooth_data_annealing_with_a_plan_conforms() {
    let blocks = SmoothDataAnnealing::geometric().first(3).ratio(1.5);
    check_annealing(&blocks.ramps(3)).unwrap();
    check_annealing(&SmoothDataAnnealing::stages(12).first(4)).unwrap();
    let early = SmoothDataAnnealing::stages(12).first(4).power(1.5);
    check_annealing(&early.hold(2)).unwrap();
}

#[test]
fn random_mini_batches_do_not_conform() {
    let found = check_annealing(&RandomMiniBatch::rows(20)).unwrap_err();
    assert_eq!(found, "the last stage is not the posterior given all rows");
}
