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
        check_kernel(&Hmc::leapfrogs(leapfrogs)).unwrap();
    }
    check_kernel(&Hmc::leapfrogs(3).step_size(0.3)).unwrap();
}

#[test]
fn the_perfect_kernel_conforms() {
    check_kernel(&Perfect::of(
        &Regression::simulated(12, 2, 0.8, 1.0, 5).unwrap(),
    ))
    .unwrap();
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
